using KvStore.Core.Membership;
using KvStore.Node.Membership;
using KvStore.Node.Storage;
using KvStore.Node.Telemetry;

namespace KvStore.Node.Replication;

/// <summary>Takes a newer view of the cluster over: on disk first, then for links and replicas.</summary>
internal sealed class ViewKeeper(
    NodeIdentity self,
    CurrentView current,
    NodeStorage storage,
    PeerTransport transport,
    PartitionRouter router,
    ILogger<ViewKeeper> logger) : IDisposable
{
    private readonly SemaphoreSlim _turn = new(1);

    public void Dispose() => _turn.Dispose();

    /// <summary>Follows the view if it is newer than the one that is held.</summary>
    /// <exception cref="FormationException">This node has no place in it on the disk it stands on.</exception>
    public async Task FollowAsync(ClusterView next)
    {
        await _turn.WaitAsync().ConfigureAwait(false);
        try
        {
            if (current.View is not { } held || next.ClusterId != held.ClusterId || next.Epoch <= held.Epoch)
                return;
            ClusterFormation.CheckNotReplaced(self, next);
            storage.Log.SaveClusterDocument(ClusterDocument.Encode(next));
            current.Advance(next);
            await transport.FollowAsync(next).ConfigureAwait(false);
            router.Follow(next);
            logger.ViewAdvanced(
                next.Epoch.Value, string.Join(", ", next.Members.Select(member => $"{member.Id}={member.Name}")));
        }
        finally
        {
            _turn.Release();
        }
    }
}
