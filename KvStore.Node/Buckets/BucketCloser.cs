using System.Collections.Concurrent;
using KvStore.Core.Primitives;
using KvStore.Node.Replication;

namespace KvStore.Node.Buckets;

/// <summary>
/// Carries a decided drop out: closes the bucket's id in every partition, so that nobody reads or writes under it
/// whatever his catalog says, and then writes down that it is done. Doing it twice does no harm.
/// </summary>
internal sealed class BucketCloser(IPartitions here, IClusterPartitions cluster, TimeProvider time)
{
    private const int PartitionsAtOnce = 32;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly ConcurrentDictionary<BucketId, Lazy<Task<bool>>> _closing = new();

    /// <summary>Closes a bucket; who waits for the same one shares the work.</summary>
    /// <param name="dropping">An entry in the state <see cref="BucketState.Dropping"/>.</param>
    /// <param name="deadline">Ends the waiting, not the work.</param>
    /// <returns>Whether it is closed everywhere.</returns>
    public async ValueTask<bool> CloseAsync(Bucket dropping, CancellationToken deadline)
    {
        Invariant.Holds(dropping.State == BucketState.Dropping);
        Invariant.Holds(dropping.Id != BucketId.Default);
        var closing = _closing.GetOrAdd(
            dropping.Id, _ => new Lazy<Task<bool>>(() => Task.Run(() => CloseEverywhereAsync(dropping))));
        try
        {
            return await closing.Value.WaitAsync(deadline).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (deadline.IsCancellationRequested)
        {
            return false;
        }
    }

    private async Task<bool> CloseEverywhereAsync(Bucket dropping)
    {
        try
        {
            using var patience = new CancellationTokenSource(Patience, time);
            var partitions = Enumerable.Range(0, here.View!.Ring.PartitionCount)
                .Select(number => new PartitionId(number));
            var isClosed = true;
            await Parallel.ForEachAsync(
                partitions,
                new ParallelOptions { MaxDegreeOfParallelism = PartitionsAtOnce },
                async (partition, _) =>
                {
                    var outcome = await cluster
                        .WriteAsync(partition, BucketCommands.Close(dropping.Id, time), patience.Token)
                        .ConfigureAwait(false);
                    if (outcome is not WriteOutcome.Committed)
                        Volatile.Write(ref isClosed, false);
                }).ConfigureAwait(false);
            if (isClosed)
                await WriteDownAsync(dropping, patience.Token).ConfigureAwait(false);
            return isClosed;
        }
        finally
        {
            _closing.TryRemove(dropping.Id, out _);
        }
    }

    /// <summary>Whoever does not come to it leaves it to the next one.</summary>
    private async Task WriteDownAsync(Bucket dropping, CancellationToken deadline)
    {
        var closed = dropping with { State = BucketState.Dropped };
        var store = BucketCommands.Store(
            BucketFormat.KeyOf(dropping.Name), BucketFormat.Encode(closed), dropping.EntryVersion, time);
        await cluster.WriteAsync(here.View!.SystemGroup, store, deadline).ConfigureAwait(false);
    }
}
