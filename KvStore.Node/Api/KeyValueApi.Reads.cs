using System.Diagnostics;
using KvStore.Contracts;
using KvStore.Core.Membership;
using KvStore.Core.Primitives;
using KvStore.Node.Replication;
using KvStore.Node.Storage;

namespace KvStore.Node.Api;

/// <summary>Reads: by the primary, or by the copy here when it is as new as was asked for.</summary>
internal sealed partial class KeyValueApi
{
    /// <summary>
    /// How long a copy that lacks what the session saw is waited for, at most: it hears of a commit with the next
    /// heartbeat. A quarter of the deadline is the limit, too.
    /// </summary>
    private static readonly TimeSpan LongestCatchUp = TimeSpan.FromMilliseconds(250);

    private async ValueTask<Attempt> ReadHereAsync(
        HttpContext context, KeyRequest request, ClusterView view, PartitionId partition, CancellationToken deadline)
    {
        switch (await ReadFreeAsync(request, partition, deadline))
        {
            case ReadOutcome.Ready ready when ready.Image.IsLocked(request.BucketId, request.Key):
                return Attempt.Answered(Problems.Locked);
            case ReadOutcome.Ready ready:
                Failpoints.Reached(Failpoint.ReadValueTaken);
                if (IsDue(ready, request, partition))
                    return await ReadExpiredAsync(context, request, view, partition, deadline);
                if (!IsAsNewAsSeen(ready, request, partition))
                    ready = await AfterCatchUpAsync(request, partition, deadline) ?? ready;
                return await AnswerAsync(context, request, ready, Consistency.Strong, view, partition, deadline);
            case ReadOutcome.NotPrimary elsewhere:
                return Attempt.TryAt(Hint(partition, elsewhere.Hint));
            case ReadOutcome.Overloaded:
                return Attempt.Answered(Problems.Overloaded);
            case ReadOutcome.TimedOut:
                return Attempt.Answered(Problems.DeadlinePassed(mayBeApplied: false));
            default:
                throw new UnreachableException();
        }
    }

    /// <summary>
    /// The state of the confirmed primary as soon as no transaction holds the key: until it is settled nobody knows
    /// what is stored.
    /// </summary>
    private async ValueTask<ReadOutcome> ReadFreeAsync(
        KeyRequest request, PartitionId partition, CancellationToken deadline)
    {
        while (true)
        {
            var outcome = await partitions.ReadAsync(partition, deadline);
            if (outcome is not ReadOutcome.Ready ready || !ready.Image.IsLocked(request.BucketId, request.Key))
                return outcome;
            var free = await UnlockedCalls.FreeAsync(
                partitions, partition, request.BucketId, [request.Key], ready, time, deadline);
            if (free is not null || deadline.IsCancellationRequested)
                return free ?? ready;
        }
    }

    /// <summary>By the copy here if it will do, else by the primary: a strong read does for everything.</summary>
    private async ValueTask<Attempt> ReadAnyCopyAsync(
        HttpContext context,
        KeyRequest request,
        ClusterView view,
        PartitionId partition,
        int round,
        CancellationToken deadline)
    {
        var local = partitions.ReadLocal(partition);
        if (local is null && request.TakesAnyCopy)
        {
            var copies = view.Ring.PreferenceList(partition);
            return Attempt.TryAt(copies[round % copies.Length]);
        }

        if (local is not null && round == 0 && !IsAsNewAsSeen(local, request, partition))
            local = await AfterCatchUpAsync(request, partition, deadline);
        return local is not null && IsAsNewAsSeen(local, request, partition) && IsFreshEnough(local, request)
            ? await AnswerAsync(context, request, local, request.Consistency, view, partition, deadline)
            : await ReadHereAsync(context, request, view, partition, deadline);
    }

    private async ValueTask<Attempt> AnswerAsync(
        HttpContext context,
        KeyRequest request,
        ReadOutcome.Ready ready,
        Consistency level,
        ClusterView view,
        PartitionId partition,
        CancellationToken deadline)
    {
        if (IsBucketGone(ready, request.BucketId) && await EnterAnewAsync(request, deadline) is { } gone)
            return Attempt.Answered(gone);
        if (MayWait(request, ready, view.ClusterId))
        {
            await WaitForChangeAsync(request, ready, partition, context.RequestAborted, deadline);
            return await TryHereAsync(context, request, round: 0, deadline);
        }

        SayWaited(context, request);
        var index = ready.Image.Index.Value;
        var session = level is Consistency.Strong
            ? request.Session?.SeenAll(partition.Value, index)
            : request.Session?.Seen(partition.Value, index);
        return Attempt.Answered(
            await answers.ReadAsync(context, request, ready, level, session?.Format(), view.ClusterId));
    }

    /// <summary>
    /// A transaction that holds the key may be one that the session was told of: whether it is done here is not known.
    /// </summary>
    private static bool IsAsNewAsSeen(ReadOutcome.Ready ready, KeyRequest request, PartitionId partition) =>
        request.Session is not { } session
        || (ready.Image.Index.Value >= session.IndexOf(partition.Value)
            && (session.IndexOf(partition.Value) == 0 || !ready.Image.IsLocked(request.BucketId, request.Key)));

    private static bool IsFreshEnough(ReadOutcome.Ready ready, KeyRequest request) =>
        request.Consistency is not Consistency.Bounded
        || (ready.IsStalenessKnown && ready.Staleness <= request.MaxStaleness);

    /// <summary>
    /// The state here once it contains what the session saw, or when that takes too long. On a confirmed primary it
    /// lacks nothing that is committed; a write that was answered before a majority had it may be on its way, or lost.
    /// </summary>
    private async ValueTask<ReadOutcome.Ready?> AfterCatchUpAsync(
        KeyRequest request, PartitionId partition, CancellationToken deadline)
    {
        var index = request.Session!.IndexOf(partition.Value);
        if (index == SessionToken.Unknown)
            return null;
        var patience = request.Timeout / 4 < LongestCatchUp ? request.Timeout / 4 : LongestCatchUp;
        using var timer = new CancellationTokenSource(patience, time);
        using var wait = CancellationTokenSource.CreateLinkedTokenSource(timer.Token, deadline);
        await partitions.AppliedAsync(partition, new LogIndex(index), wait.Token)
            .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        return partitions.ReadLocal(partition);
    }
}
