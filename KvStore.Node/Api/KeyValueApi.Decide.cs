using System.Diagnostics;
using KvStore.Contracts;
using KvStore.Core.Membership;
using KvStore.Core.Primitives;
using KvStore.Core.State;
using KvStore.Node.Replication;
using KvStore.Node.Storage;
using KvStore.Node.Telemetry;

namespace KvStore.Node.Api;

/// <summary>
/// Who answers: this node's replica or the primary elsewhere. While there is neither, a request waits: a dead primary
/// costs latency, not errors.
/// </summary>
internal sealed partial class KeyValueApi
{
    /// <summary>What became of the attempt here: answered, refused for good, or to be tried elsewhere.</summary>
    /// <param name="IsAnswered">The response was written, or <paramref name="Refusal"/> is to be.</param>
    /// <param name="Refusal">Why not as asked.</param>
    /// <param name="Elsewhere">When not answered: the member to ask, or nobody.</param>
    private readonly record struct Attempt(bool IsAnswered, Refusal? Refusal, NodeId Elsewhere)
    {
        public static Attempt Answered(Refusal? refusal = null) => new(IsAnswered: true, refusal, NodeId.None);

        public static Attempt TryAt(NodeId member) => new(IsAnswered: false, Refusal: null, member);
    }

    private async ValueTask<Refusal?> DecideAsync(
        HttpContext context, KeyRequest request, CancellationTokenSource deadline)
    {
        if (partitions.View is null && await HoldForViewAsync(context, request, deadline) is { } unready)
            return unready;
        if (await EnterBucketAsync(request, deadline.Token) is { } refused)
            return refused;
        var view = partitions.View ?? throw new UnreachableException("A view, once there, stays.");
        if (ConsistencyReader.CheckSession(request.Session, view.ClusterId, view.Ring.PartitionCount) is { } foreign)
            return foreign;
        if (request.Consistency is Consistency.Session)
            request.Session ??= SessionToken.Empty(view.ClusterId);
        var attempt = await TryHereAsync(context, request, round: 0, deadline.Token);
        return attempt.IsAnswered
            ? attempt.Refusal
            : await SeekPrimaryAsync(context, request, attempt.Elsewhere, deadline);
    }

    private async ValueTask<Refusal?> HoldForViewAsync(
        HttpContext context, KeyRequest request, CancellationTokenSource deadline)
    {
        if (request.IsForwardedNever)
            return Problems.NotReady;
        using var gone = context.RequestAborted.UnsafeRegister(Cancel, deadline);
        return await shell.ViewAsync(deadline.Token) is null ? Problems.NotReady : null;
    }

    private ValueTask<Attempt> TryHereAsync(
        HttpContext context, KeyRequest request, int round, CancellationToken deadline)
    {
        var view = partitions.View ?? throw new UnreachableException("A view, once there, stays.");
        var partition = view.Ring.PartitionOf(request.Key.Span);
        return request.IsWrite ? WriteHereAsync(context, request, view, partition, deadline)
            : request.Consistency is Consistency.Strong
                ? ReadHereAsync(context, request, view, partition, deadline)
                : ReadAnyCopyAsync(context, request, view, partition, round, deadline);
    }

    private async ValueTask<Attempt> WriteHereAsync(
        HttpContext context, KeyRequest request, ClusterView view, PartitionId partition, CancellationToken deadline)
    {
        var outcome = await ProposeAsync(request, view, partition, deadline);
        if (IsBucketGone(outcome))
        {
            if (await EnterAnewAsync(request, deadline) is { } gone)
                return Attempt.Answered(gone);
            outcome = await ProposeAsync(request, view, partition, deadline);
        }

        Failpoints.Reached(Failpoint.WriteOutcomeKnown);
        if (outcome.Times.Appended is > 0 and var appended)
            NodeTracing.Tell(NodeTracing.Route, request.StartedAt, appended, time);
        if (outcome is WriteOutcome.NotPrimary elsewhere)
            return Attempt.TryAt(Hint(partition, elsewhere.Hint));
        if (request.MayBeApplied && IsOfThisAttemptAlone(outcome))
            return Attempt.Answered(Problems.DeadlinePassed(mayBeApplied: true));
        if (outcome is WriteOutcome.Indeterminate && !deadline.IsCancellationRequested)
        {
            request.MayBeApplied = true;    // leadership was lost: the new primary knows, and the request id asks it
            return Attempt.TryAt(Hint(partition, NodeId.None));
        }

        var session = SessionAfter(outcome, request, view, partition);
        var refusal = Problems.From(outcome, view.ClusterId);
        if (refusal is null)
            await answers.WriteAsync(
                context, request, WithStored(outcome, request, partition), session, view.ClusterId);
        return Attempt.Answered(refusal is null ? null : refusal with { Session = session });
    }

    /// <summary>What the session has seen with this answer; null when nothing came of the write.</summary>
    private static string? SessionAfter(
        WriteOutcome outcome, KeyRequest request, ClusterView view, PartitionId partition)
    {
        var index = outcome switch
        {
            WriteOutcome.Committed done => LogIndex.Max(done.Index, done.Result.Version.Index),
            WriteOutcome.TooFewCopies few => LogIndex.Max(few.Index, few.Result.Version.Index),
            WriteOutcome.Flushed flushed => flushed.Version.Index,
            _ => LogIndex.Zero,
        };
        return index == LogIndex.Zero
            ? null
            : (request.Session ?? SessionToken.Empty(view.ClusterId)).Seen(partition.Value, index.Value).Format();
    }

    private ValueTask<WriteOutcome> ProposeAsync(
        KeyRequest request, ClusterView view, PartitionId partition, CancellationToken deadline)
    {
        var command = request.ToCommand(view.ClusterId);
        return UnlockedCalls.WriteAsync(
            partitions, partition, command, request.EffectiveAck, time, patience: null, deadline);
    }

    /// <summary>Whether it says nothing of what an earlier attempt under the same id came to.</summary>
    private static bool IsOfThisAttemptAlone(WriteOutcome outcome) => outcome switch
    {
        WriteOutcome.Overloaded or WriteOutcome.DiskLow => true,
        WriteOutcome.Committed committed => IsOfThisAttemptAlone(committed.Result.Status),
        WriteOutcome.TooFewCopies few => IsOfThisAttemptAlone(few.Result.Status),
        _ => false,
    };

    private static bool IsOfThisAttemptAlone(WriteStatus status) =>
        status is WriteStatus.RequestIdExpired or WriteStatus.RequestIdAhead or WriteStatus.MemoryFull
            or WriteStatus.Locked;

    private NodeId Hint(PartitionId partition, NodeId hint) =>
        hint == NodeId.None ? partitions.PrimaryOf(partition).Primary : hint;

    /// <summary>Asks the believed primary, waits for another one, asks here again, until the deadline.</summary>
    private async ValueTask<Refusal?> SeekPrimaryAsync(
        HttpContext context, KeyRequest request, NodeId member, CancellationTokenSource deadline)
    {
        if (request.IsForwardedNever)
        {
            return request.MayBeApplied
                ? Problems.DeadlinePassed(mayBeApplied: true)
                : Problems.NotPrimary(NameOf(member));
        }

        using var gone = context.RequestAborted.UnsafeRegister(Cancel, deadline);
        var partition = partitions.View!.Ring.PartitionOf(request.Key.Span);
        for (var round = 1; ; round++)
        {
            var sent = await forwarder.TryAsync(context, request, partition, member, deadline.Token);
            if (sent is ForwardResult.Answered)
                return null;
            request.MayBeApplied |= sent is ForwardResult.Unknown && request.IsWrite;
            await PrimarySearch.PauseAsync(partitions, partition, member, round, time, deadline.Token);
            if (deadline.IsCancellationRequested || IsWorthNoOther(request))
                return Problems.DeadlinePassed(request.MayBeApplied);
            var attempt = await TryHereAsync(context, request, round, deadline.Token);
            if (attempt.IsAnswered)
                return attempt.Refusal;
            member = attempt.Elsewhere == member ? OtherCopy(partition, round) : attempt.Elsewhere;
        }
    }

    /// <summary>
    /// Whether another attempt would hardly be answered in time, and so cost the certainty that nothing was applied.
    /// </summary>
    private bool IsWorthNoOther(KeyRequest request) =>
        request.IsWrite && !request.MayBeApplied
        && request.TimeoutLeft(time) <= KvTimeout.MarginOf(request.Timeout);

    /// <summary>
    /// Every second time, somebody else: of a partition that it has no replica of, this node may go on believing in a
    /// primary that is long gone.
    /// </summary>
    private NodeId OtherCopy(PartitionId partition, int round)
    {
        var copies = partitions.View!.Ring.PreferenceList(partition);
        return round % 2 == 0 ? Hint(partition, NodeId.None) : copies[round / 2 % copies.Length];
    }

    private string? NameOf(NodeId member)
    {
        foreach (var candidate in partitions.View!.Members)
        {
            if (candidate.Id == member)
                return candidate.Name;
        }

        return null;
    }

    private static void Cancel(object? source) => ((CancellationTokenSource)source!).Cancel();
}
