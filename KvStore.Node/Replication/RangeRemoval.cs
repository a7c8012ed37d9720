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

    /// <summary>The keys could not be read; nothing was removed.</summary>
    public sealed record Unread(PageOutcome Why) : RemovalOutcome;

    /// <summary>
    /// What is left of the keys could not be read: <paramref name="Removed"/> are gone, of the others none.
    /// </summary>
    public sealed record Stopped(long Removed, PageOutcome Why) : RemovalOutcome;

    /// <summary>
    /// A partition did not do its part: <paramref name="Removed"/> are gone for certain; <paramref name="Why"/> is the
    /// first that went wrong.
    /// </summary>
    public sealed record Broken(long Removed, WriteOutcome Why) : RemovalOutcome;
}

/// <summary>How far a removal has come; readable at any time.</summary>
/// <param name="total">How many keys there are.</param>
internal sealed class RemovalProgress(long total)
{
    private long _removed;
    private long _changed;

    public long Total => total;

    /// <summary>Keys that are gone.</summary>
    public long Removed => Interlocked.Read(ref _removed);

    /// <summary>Keys that were left alone.</summary>
    public long Changed => Interlocked.Read(ref _changed);

    public void Add(long removed, long changed)
    {
        Interlocked.Add(ref _removed, removed);
        Interlocked.Add(ref _changed, changed);
    }
}

/// <summary>A removal that has begun: its keys are counted, and none of them is gone.</summary>
/// <param name="Bucket">Where.</param>
/// <param name="First">The first of the keys.</param>
/// <param name="Progress">How far it will have come.</param>
internal sealed record Removal(BucketId Bucket, PageOutcome.Page First, RemovalProgress Progress);

/// <summary>
/// Removes the keys of a range, exactly those and in the very versions that a snapshot has: what is written meanwhile
/// stays.
/// </summary>
internal sealed class RangeRemoval(
    IPartitions here, ClusterSnapshots snapshots, IClusterPartitions cluster, TimeProvider time)
{
    /// <summary>The most keys that a request waits for, and that are held at once.</summary>
    public const int MaxAwaited = 10_000;

    private const int MaxBatch = 256;
    private const int MaxAtOnce = 8;

    /// <summary>How long a step of a removal that nobody waits for may take, a failover included.</summary>
    private static readonly TimeSpan StepPatience = TimeSpan.FromSeconds(30);

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);

    /// <summary>Counts the keys.</summary>
    public async ValueTask<RemovalOutcome> CountAsync(BucketId bucket, ScanQuery query, CancellationToken deadline)
    {
        var counting = query with { Limit = 0 };
        var outcome = await snapshots.OpenAsync(bucket, counting, isCounted: true, deadline).ConfigureAwait(false);
        return outcome is PageOutcome.Page { Count: { } count }
            ? new RemovalOutcome.Counted(count)
            : new RemovalOutcome.Unread(outcome);
    }

    /// <summary>Begins to remove the keys, if they are as many as the caller expects; else gives why not.</summary>
    public async ValueTask<(Removal? Begun, RemovalOutcome? Refused)> BeginAsync(
        BucketId bucket, ScanQuery query, long expected, CancellationToken deadline)
    {
        var outcome = await snapshots.OpenAsync(bucket, query, isCounted: true, deadline, isRenewed: true)
            .ConfigureAwait(false);
        if (outcome is not PageOutcome.Page { Count: { } count } first)
            return (null, new RemovalOutcome.Unread(outcome));
        var removal = new Removal(bucket, first, new RemovalProgress(count));
        if (count == expected)
            return (removal, null);
        Abandon(removal);
        return (null, new RemovalOutcome.Differs(count));
    }

    /// <summary>Lets go of a removal that is not carried out.</summary>
    public void Abandon(Removal removal)
    {
        if (removal.First.Next is not null)
            snapshots.Release(removal.First.Snapshot);
    }

    /// <summary>Carries a removal out, within the caller's deadline.</summary>
    public ValueTask<RemovalOutcome> RemoveAsync(Removal removal, CancellationToken deadline) =>
        RemoveAsync(removal, act => act(deadline), perseveres: false);

    /// <summary>Carries a removal out, however long it takes.</summary>
    /// <exception cref="OperationCanceledException">It was told to end.</exception>
    public ValueTask<RemovalOutcome> RemoveAllAsync(Removal removal, CancellationToken ends) =>
        RemoveAsync(removal, async act =>
        {
            ends.ThrowIfCancellationRequested();
            using var patience = new CancellationTokenSource(StepPatience, time);
            await act(patience.Token).ConfigureAwait(false);
        }, perseveres: true);

    /// <summary>
    /// Reads as many keys as are held at once, and removes those, until none is left: many keys make few commands.
    /// </summary>
    /// <param name="removal">What to remove.</param>
    /// <param name="within">Gives each step its time.</param>
    /// <param name="perseveres">Whether what is refused as overload is tried again while there is time.</param>
    private async ValueTask<RemovalOutcome> RemoveAsync(
        Removal removal, Func<Func<CancellationToken, Task>, Task> within, bool perseveres)
    {
        PageOutcome outcome = removal.First;
        var (found, failure) = (new List<ScanItem>(), default(WriteOutcome));
        try
        {
            while (outcome is PageOutcome.Page page)
            {
                found.AddRange(page.Items);
                await within(async deadline =>
                {
                    if (page.Next is null || found.Count >= MaxAwaited)
                        failure = await RemoveAsync(removal, found, perseveres, deadline).ConfigureAwait(false);
                    if (failure is null && page.Next is not null)
                        outcome = await snapshots.NextAsync(page.Snapshot, page.Next, deadline).ConfigureAwait(false);
                }).ConfigureAwait(false);
                if (failure is not null)
                    return new RemovalOutcome.Broken(removal.Progress.Removed, failure);
                if (page.Next is null)
                    return new RemovalOutcome.Done(removal.Progress.Removed, removal.Progress.Changed);
            }
        }
        finally
        {
            Abandon(removal);    // no longer there if it was read to its end
        }

        return removal.Progress is { Removed: 0, Changed: 0 }
            ? new RemovalOutcome.Unread(outcome)
            : new RemovalOutcome.Stopped(removal.Progress.Removed, outcome);
    }

    /// <returns>What went wrong first; null: nothing.</returns>
    private async Task<WriteOutcome?> RemoveAsync(
        Removal removal, List<ScanItem> found, bool perseveres, CancellationToken deadline)
    {
        var ring = here.View!.Ring;
        var gate = new Lock();
        var failure = default(WriteOutcome);
        var options = new ParallelOptions { MaxDegreeOfParallelism = MaxAtOnce };
        await Parallel.ForEachAsync(found.GroupBy(item => ring.PartitionOf(item.Key.Span)), options, async (part, _) =>
        {
            foreach (var batch in part.Chunk(MaxBatch))
            {
                if (Volatile.Read(ref failure) is not null)
                    return;
                var command = Command(removal.Bucket, batch);
                var outcome = await cluster.WriteAsync(part.Key, command, deadline).ConfigureAwait(false);
                while (perseveres && outcome is WriteOutcome.Overloaded && !deadline.IsCancellationRequested)
                {
                    await Task.Delay(Pause, time, deadline).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                    outcome = await cluster.WriteAsync(part.Key, command, deadline).ConfigureAwait(false);
                }

                if (outcome is WriteOutcome.Committed { Result: { Status: WriteStatus.Done, Items: var items } })
                {
                    var gone = items.Count(item => item.Status is WriteStatus.Deleted);
                    removal.Progress.Add(gone, items.Length - gone);
                    continue;
                }

                lock (gate)    // what may have been applied is told before what certainly was not
                    failure = failure is null || outcome is WriteOutcome.Indeterminate ? outcome : failure;
            }
        }).ConfigureAwait(false);
        found.Clear();
        return failure;
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
