using KvStore.Core.Primitives;
using KvStore.Core.State;
using KvStore.Node.Replication;

namespace KvStore.Node.Buckets;

/// <summary>
/// Makes changes of buckets, from any node: reads the catalog, decides, and stores the name's entry if that is still
/// what was read. As the entry says which requests made it, an attempt of unknown outcome is simply made again: of two
/// with one condition one is applied at most, and the reading before the second tells whether the first one was.
/// </summary>
internal sealed class BucketChanges(
    IPartitions here,
    IClusterPartitions cluster,
    ICatalogPeers peers,
    BucketDirectory directory,
    BucketCloser closer,
    TimeProvider time)
{
    /// <summary>How long a member that is connected may take to hear of a change; then it counts as cut off.</summary>
    private static readonly TimeSpan PeerPatience = TimeSpan.FromSeconds(2);

    /// <summary>Makes a change, or says why not; the cluster's view must be there.</summary>
    public async ValueTask<BucketOutcome> MakeAsync(BucketChange change, CancellationToken deadline)
    {
        var view = here.View!;
        var (mayBeMade, id) = (false, default(BucketId));
        while (await directory.ReadAsync(deadline).ConfigureAwait(false) is { } catalog)
        {
            var now = BucketCommands.NowMs(time);
            if (catalog.Find(change.Name) is { } found)
            {
                if (found.Requests.FirstOrDefault(request => request.Id == change.RequestId) is { } earlier)
                    return await RepeatAsync(change, found, earlier, mayBeMade, deadline).ConfigureAwait(false);
                if (found.State == BucketState.Dropping)
                {
                    if (!await closer.CloseAsync(found, deadline).ConfigureAwait(false))
                        break;
                    continue;
                }
            }

            if (BucketDecision.Refuse(catalog, change, view.ClusterId, now) is { } refusal)
                return refusal;
            if (id == default && BucketDecision.NeedsId(catalog, change))
            {
                id = await ReserveAsync(catalog, deadline).ConfigureAwait(false);
                if (id == default)
                    continue;
            }

            var next = BucketDecision.Make(catalog, change, id, now);
            var store = BucketCommands.Store(
                BucketFormat.KeyOf(next.Name), BucketFormat.Encode(next), next.EntryVersion);
            var outcome = await cluster.WriteAsync(view.SystemGroup, store, deadline).ConfigureAwait(false);
            if (IsStored(outcome, out var version))
                return await FinishAsync(next with { EntryVersion = version }, deadline).ConfigureAwait(false);
            if (outcome is WriteOutcome.Overloaded && !mayBeMade)
                return new BucketOutcome.Overloaded();
            mayBeMade |= outcome is WriteOutcome.Indeterminate;
        }

        return mayBeMade ? new BucketOutcome.Unknown() : new BucketOutcome.Unreached();
    }

    private static bool IsStored(WriteOutcome outcome, out KeyVersion version)
    {
        version = outcome is WriteOutcome.Committed
        {
            Result: { Status: WriteStatus.Created or WriteStatus.Replaced, Version: var stored }
        }
            ? stored
            : KeyVersion.None;
        return version != KeyVersion.None;
    }

    /// <summary>
    /// Takes the next id, once and for all, before it is used: whatever happens after that, it is never given again.
    /// </summary>
    /// <returns>0 when somebody else took it, or may have.</returns>
    private async ValueTask<BucketId> ReserveAsync(BucketCatalog catalog, CancellationToken deadline)
    {
        var id = catalog.NextId;
        var after = new BucketId(checked(id.Value + 1));
        var store = BucketCommands.Store(
            BucketFormat.KeyOfIds, BucketFormat.EncodeIds(after), catalog.IdsVersion);
        var outcome = await cluster.WriteAsync(here.View!.SystemGroup, store, deadline).ConfigureAwait(false);
        return IsStored(outcome, out _) ? id : default;
    }

    private async ValueTask<BucketOutcome> FinishAsync(Bucket made, CancellationToken deadline)
    {
        if (made.State == BucketState.Dropping && !await closer.CloseAsync(made, deadline).ConfigureAwait(false))
            return new BucketOutcome.Unknown();
        return await IsKnownAsync(deadline).ConfigureAwait(false)
            ? new BucketOutcome.Done(made.Requests[^1].Kind, made, IsReplay: false)
            : new BucketOutcome.Unknown();
    }

    private async ValueTask<BucketOutcome> RepeatAsync(
        BucketChange change, Bucket found, BucketRequest earlier, bool isOwn, CancellationToken deadline)
    {
        if (earlier.Print != change.Print)
            return new BucketOutcome.RequestIdReused();
        if (earlier.Kind == BucketChangeKind.Dropped
            && found.State == BucketState.Dropping
            && !await closer.CloseAsync(found, deadline).ConfigureAwait(false))
            return new BucketOutcome.Unknown();
        var bucket = found with { Id = earlier.Bucket, Revision = earlier.Revision };
        return await IsKnownAsync(deadline).ConfigureAwait(false)
            ? new BucketOutcome.Done(earlier.Kind, bucket, IsReplay: !isOwn)
            : new BucketOutcome.Unknown();
    }

    /// <summary>
    /// Has this node and all that it is connected with read the catalog, before anybody is told that a change was made:
    /// whatever they are asked after that is judged by it.
    /// </summary>
    /// <returns>Whether this node did, and the others in time.</returns>
    private async ValueTask<bool> IsKnownAsync(CancellationToken deadline)
    {
        using var patience = new CancellationTokenSource(PeerPatience, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(patience.Token, deadline);
        var others = Task.WhenAll(peers.Connected.Select(peer => peers.RenewAsync(peer, either.Token)));
        var isKnownHere = await directory.RenewAsync(deadline).ConfigureAwait(false);
        await others.ConfigureAwait(false);
        return isKnownHere && !deadline.IsCancellationRequested;
    }
}
