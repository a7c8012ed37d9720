using KvStore.Contracts;
using KvStore.Core.Primitives;
using KvStore.Node.Buckets;
using KvStore.Node.Replication;
using KvStore.Node.Watch;

namespace KvStore.Node.Api;

/// <summary>Where a watch begins, or why it does not.</summary>
internal sealed class WatchOpening(
    RequestShell shell, ClusterPositions positions, WatchDispatcher dispatcher, BucketDirectory directory)
{
    /// <summary>No position is told before it is known that nothing acknowledged is behind it.</summary>
    private static Refusal Unreached { get; } = new(
        ProblemType.NoQuorum, "Not every partition has a primary that confirmed itself in time; nothing is watched.")
    {
        RetryAfterSeconds = 1,
    };

    /// <summary>Makes a watcher that has missed nothing since where it is to begin.</summary>
    /// <returns>The watcher, or why there is none.</returns>
    public async ValueTask<(Watcher? Watcher, Refusal? Refusal)> OpenAsync(WatchCall call, CancellationToken deadline)
    {
        if (await shell.ViewAsync(deadline).ConfigureAwait(false) is not { } view)
            return (null, Problems.NotReady);
        var count = view.Ring.PartitionCount;
        if (call.Since is { } since && (since.ClusterId != view.ClusterId || since.Indexes.Length != count))
            return (null, new Refusal(ProblemType.CursorInvalid, "The cursor is of another cluster."));
        await dispatcher.KnownAsync(deadline).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        var now = call.Since is null || IsAhead(call.Since.Indexes, dispatcher.Positions)
            ? await positions.ReadAsync(deadline).ConfigureAwait(false)
            : dispatcher.Positions;
        if (now is null || deadline.IsCancellationRequested || now.Contains(ChangeHistory.NothingKnown))
            return (null, Unreached);

        // after the positions: what is dropped later than this is closed behind them
        var lookup = await directory.FindAnewAsync(call.Bucket, deadline).ConfigureAwait(false);
        if (lookup is not BucketLookup.Found found)
            return (null, Problems.From(lookup));
        var at = call.Since is null ? now : call.Since.Indexes.ToArray();
        var id = found.Bucket.Id;
        return Refuse(call.Since, at, now, id, view.ClusterId) is { } refusal
            ? (null, refusal)
            : (new Watcher(new WatchFilter(id, call.Prefix, call.Kinds), at), null);
    }

    private Refusal? Refuse(PositionVector? since, long[] at, long[] now, BucketId bucket, ulong clusterId)
    {
        if (since is null)
            return null;
        if (IsAhead(at, now))
        {
            return new Refusal(
                ProblemType.CursorInvalid, "The cursor is ahead of everything that was committed in this cluster.");
        }

        var oldest = new long[at.Length];
        var isKept = since.Bucket == bucket.Value;
        for (var partition = 0; partition < at.Length; partition++)
        {
            oldest[partition] = dispatcher.HistoryOf(new PartitionId(partition))!.From;
            isKept &= at[partition] >= oldest[partition];
        }

        return isKept ? null : new Refusal(
            ProblemType.CursorCompacted,
            since.Bucket != bucket.Value
                ? "The bucket was dropped and made anew since the cursor: list it, and watch from there."
                : "Not all that happened after the cursor is kept here any more: list the keys, and watch from there. "
                    + "oldestCursor is where this node can still go on.")
        {
            OldestCursor = PositionVector.Format(clusterId, bucket.Value, oldest),
        };
    }

    private static bool IsAhead(ReadOnlySpan<long> at, ReadOnlySpan<long> now)
    {
        for (var partition = 0; partition < at.Length; partition++)
        {
            if (partition >= now.Length || at[partition] > now[partition])
                return true;
        }

        return false;
    }
}
