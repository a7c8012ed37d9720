using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using KvStore.Core.Primitives;
using KvStore.Node.Replication;

namespace KvStore.Tests.Node.Api;

/// <summary>The primary of a fake cluster confirms its position; nobody tells of changes.</summary>
internal sealed class FakeHistoryPeers(FakeCluster cluster) : IHistoryPeers
{
    public Task<ConfirmedPositions> ReadPositionsAsync(
        NodeId peer, ImmutableArray<PartitionId> partitions, CancellationToken deadline) => Task.FromResult(
        peer == cluster.Primary
            ? new ConfirmedPositions(
                [.. partitions.Select(partition => (partition, cluster.Image.Index.Value))], [])
            : ConfirmedPositions.Nothing);

    public async IAsyncEnumerable<FollowedChanges> FollowAsync(
        NodeId peer,
        ImmutableArray<(PartitionId Partition, long After)> after,
        [EnumeratorCancellation] CancellationToken stopping)
    {
        await Task.CompletedTask;
        yield break;
    }

    public bool IsConnected(NodeId peer) => false;
}
