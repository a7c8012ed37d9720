using KvStore.Core.Primitives;
using KvStore.Core.State;

namespace KvStore.Node.Replication;

/// <summary>What became of a removal of many keys.</summary>
internal abstract record RemovalOutcome
{
    /// <summary>So many keys are there; nothing was asked to be removed.</summary>
    public sealed record Counted(long Count) : RemovalOutcome;

    /// <summary>
    /// <paramref name="Removed"/> are gone; <paramref name="Changed"/> were written since they were counted, or removed
    /// by others, and were left alone.
    /// </summary>
    public sealed record Done(long Removed, long Changed) : RemovalOutcome;

    /// <summary>Not so many keys are there as the caller said; nothing was removed.</summary>
    public sealed record Differs(long Count) : RemovalOutcome;

    /// <summary>More are there than are removed at once; nothing was removed.</summary>
    public sealed record TooMany(long Count) : RemovalOutcome;

    /// <summary>The keys could not be read; nothing was removed.</summary>
    public sealed record Unread(PageOutcome Why) : RemovalOutcome;

    /// <summary>
    /// A partition did not do its part: <paramref name="Removed"/> are gone for certain; <paramref name="Why"/> is the
    /// first that went wrong.
    /// </summary>
    public sealed record Broken(long Removed, WriteOutcome Why) : RemovalOutcome;
}

/// <summary>
/// Removes the keys of a range, exactly those and in the very versions that a snapshot has: what is written meanwhile
/// stays.
/// </summary>
internal sealed class RangeRemoval(
    IPartitions here, ClusterSnapshots snapshots, IClusterPartitions cluster)
{
    /// <summary>The most keys of one removal.</summary>
    public const int MaxKeys = 10_000;

    private const int MaxBatch = 256;
    private const int MaxAtOnce = 8;

    /// <summary>Counts the keys.</summary>
    public async ValueTask<RemovalOutcome> CountAsync(BucketId bucket, ScanQuery query, CancellationToken deadline)
    {
        var counting = query with { Limit = 0 };
        var outcome = await snapshots.OpenAsync(bucket, counting, isCounted: true, deadline).ConfigureAwait(false);
        return outcome is PageOutcome.Page { Count: { } count }
            ? new RemovalOutcome.Counted(count)
            : new RemovalOutcome.Unread(outcome);
    }

    /// <summary>Removes the keys, if they are as many as the caller expects.</summary>
    public async ValueTask<RemovalOutcome> RemoveAsync(
        BucketId bucket, ScanQuery query, long expected, CancellationToken deadline)
    {
        var found = new List<ScanItem>();
        var outcome = await snapshots.OpenAsync(bucket, query, isCounted: true, deadline).ConfigureAwait(false);
        if (outcome is PageOutcome.Page { Count: var count } first && (count != expected || count > MaxKeys))
        {
            if (first.Next is not null)
                snapshots.Release(first.Snapshot);
            return count == expected ? new RemovalOutcome.TooMany(expected) : new RemovalOutcome.Differs(count!.Value);
        }

        while (outcome is PageOutcome.Page page)
        {
            found.AddRange(page.Items);
            if (page.Next is null)
                return await RemoveAsync(bucket, found, deadline).ConfigureAwait(false);
            outcome = await snapshots.NextAsync(page.Snapshot, page.Next, deadline).ConfigureAwait(false);
        }

        return new RemovalOutcome.Unread(outcome);
    }

    private async ValueTask<RemovalOutcome> RemoveAsync(
        BucketId bucket, List<ScanItem> found, CancellationToken deadline)
    {
        var ring = here.View!.Ring;
        var gate = new Lock();
        var (removed, changed, failure) = (0L, 0L, default(WriteOutcome));
        var options = new ParallelOptions { MaxDegreeOfParallelism = MaxAtOnce };
        await Parallel.ForEachAsync(found.GroupBy(item => ring.PartitionOf(item.Key.Span)), options, async (part, _) =>
        {
            foreach (var batch in part.Chunk(MaxBatch))
            {
                if (Volatile.Read(ref failure) is not null)
                    return;
                var outcome = await cluster.WriteAsync(part.Key, Command(bucket, batch), deadline)
                    .ConfigureAwait(false);
                lock (gate)
                {
                    if (outcome is WriteOutcome.Committed { Result: { Status: WriteStatus.Done, Items: var items } })
                    {
                        removed += items.Count(item => item.Status is WriteStatus.Deleted);
                        changed += items.Count(item => item.Status is not WriteStatus.Deleted);
                    }
                    else
                    {
                        // what may have been applied is told before what certainly was not
                        failure = failure is null || outcome is WriteOutcome.Indeterminate ? outcome : failure;
                    }
                }
            }
        }).ConfigureAwait(false);
        return failure is null
            ? new RemovalOutcome.Done(removed, changed)
            : new RemovalOutcome.Broken(removed, failure);
    }

    /// <summary>Under an id of its own: an attempt of unknown outcome is made again and counts the same.</summary>
    private static Command.Batch Command(BucketId bucket, ScanItem[] keys) => new()
    {
        RequestId = RandomIds.Request(),
        Bucket = bucket,
        Operations =
        [
            .. keys.Select(key => new Operation.Delete
            {
                Key = key.Key,
                Condition = new Condition.VersionIn([key.Version]),
            }),
        ],
    };
}
