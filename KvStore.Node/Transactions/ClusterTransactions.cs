using System.Collections.Immutable;
using KvStore.Core.Primitives;
using KvStore.Core.State;
using KvStore.Node.Replication;
using KvStore.Node.Storage;

namespace KvStore.Node.Transactions;

/// <summary>
/// Carries transactions out: one command where all keys are of one partition, else two-phase commit over the logs of
/// those that take part. Any node can do that; whatever it leaves behind when it dies, the primaries settle.
/// </summary>
/// <param name="cluster">The partitions.</param>
/// <param name="settler">Ends what was begun.</param>
/// <param name="time">Runs the limit.</param>
/// <param name="newId">Names an attempt as nobody else does; null: by chance.</param>
internal sealed class ClusterTransactions(
    IClusterPartitions cluster, TransactionSettler settler, TimeProvider time, Func<RequestId>? newId = null)
{
    /// <summary>How long an attempt may take until it is decided: others wait for its keys.</summary>
    public static readonly TimeSpan Longest = TimeSpan.FromSeconds(5);

    private static readonly TransactionResult NotReached =
        new TransactionResult.Refused(new WriteOutcome.NotPrimary(NodeId.None));

    /// <summary>Carries it out.</summary>
    /// <param name="plan">What.</param>
    /// <param name="client">Names it: a retry under the same name is told what the first one came to.</param>
    /// <param name="deadline">Cancelled when the caller's deadline passes.</param>
    public ValueTask<TransactionResult> RunAsync(
        TransactionPlan plan, RequestId client, CancellationToken deadline) =>
        plan.Parts.Length == 1 ? RunInOneAsync(plan, client, deadline) : RunInManyAsync(plan, client, deadline);

    private async ValueTask<TransactionResult> RunInOneAsync(
        TransactionPlan plan, RequestId client, CancellationToken deadline)
    {
        var partition = plan.Parts[0].Partition;
        var command = plan.CommandOf(plan.Parts[0]) with { RequestId = client };
        return await cluster.WriteAsync(partition, command, deadline).ConfigureAwait(false) switch
        {
            WriteOutcome.Committed { Result: var result } done when IsSettled(result.Status) =>
                Told(plan, result) with { Seen = [(partition, LogIndex.Max(done.Index, result.Version.Index))] },
            WriteOutcome.Indeterminate => new TransactionResult.Unknown(),
            var refused => new TransactionResult.Refused(refused),
        };
    }

    private async ValueTask<TransactionResult> RunInManyAsync(
        TransactionPlan plan, RequestId client, CancellationToken deadline)
    {
        using var timer = new CancellationTokenSource(Longest, time);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(timer.Token, deadline);
        var fingerprint = plan.Fingerprint();
        while (!limit.IsCancellationRequested)
        {
            var attempt = new Attempt(plan, client, fingerprint, newId?.Invoke() ?? RandomIds.Request());
            if (await TryAsync(attempt, limit.Token, deadline).ConfigureAwait(false) is { } result)
                return result;
        }

        return NotReached;
    }

    /// <returns>Null: it was given up before it was decided to do anything; another attempt may be made.</returns>
    private async ValueTask<TransactionResult?> TryAsync(
        Attempt attempt, CancellationToken limit, CancellationToken deadline)
    {
        var plan = attempt.Plan;
        for (var at = 0; at < plan.Parts.Length; at++)
        {
            var outcome = await PrepareAsync(attempt, at, limit).ConfigureAwait(false);
            if (outcome is WriteOutcome.Committed { Result: { Status: WriteStatus.Prepared } prepared } done
                && !IsWithoutEntries(prepared, plan.Parts[at]))
                attempt.Prepared.Add((prepared, LogIndex.Max(done.Index, prepared.Version.Index)));
            else
                return await StopAsync(attempt, at, outcome, deadline).ConfigureAwait(false);
        }

        Failpoints.Reached(Failpoint.TransactionPrepared);
        var (decision, result) = Judge(attempt);
        var items = result switch
        {
            TransactionResult.Done done => done.Items,
            TransactionResult.ComparesFailed failed => failed.Items,
            _ => ((TransactionResult.OperationFailed)result).Items,
        };
        var told = await settler.DecideAsync(attempt.Id, plan.Participants, decision, items, deadline)
            .ConfigureAwait(false);
        return await ConcludeAsync(attempt, decision, result, told, deadline).ConfigureAwait(false);
    }

    private ValueTask<WriteOutcome> PrepareAsync(Attempt attempt, int at, CancellationToken limit)
    {
        var part = attempt.Plan.Parts[at];
        return cluster.WriteAsync(
            part.Partition,
            new Command.Prepare
            {
                RequestId = attempt.Id,
                Part = attempt.Plan.CommandOf(part),
                Participants = attempt.Plan.Participants,
                Fingerprint = attempt.Fingerprint,
                Client = attempt.Client,
            },
            limit);
    }

    /// <summary>
    /// A partition did not prepare. Nobody but this node could decide to do anything, so nothing is applied, unless an
    /// earlier attempt has come to something, and then the coordinator says so.
    /// </summary>
    private async ValueTask<TransactionResult?> StopAsync(
        Attempt attempt, int at, WriteOutcome outcome, CancellationToken deadline)
    {
        var status = (outcome as WriteOutcome.Committed)?.Result.Status;
        var mayBePrepared = at > 0 || outcome is WriteOutcome.Indeterminate || status == WriteStatus.Prepared;
        if (status is WriteStatus.Prepared or WriteStatus.Aborted)
        {
            await settler.GiveUpAsync(attempt.Id, attempt.Plan.Participants, deadline).ConfigureAwait(false);
            return null;
        }

        if (mayBePrepared)
            settler.GiveUp(attempt.Id, attempt.Plan.Participants);
        return outcome switch
        {
            WriteOutcome.Committed { Result: { IsReplay: true } known } when at == 0 && IsSettled(known.Status) =>
                Told(attempt.Plan, known) with { Seen = SeenIn(attempt.Plan, known) },
            WriteOutcome.Indeterminate => NotReached,
            _ => new TransactionResult.Refused(outcome),
        };
    }

    /// <summary>What is to become of a transaction that all have prepared.</summary>
    private static (TransactionOutcome Decision, TransactionResult Result) Judge(Attempt attempt)
    {
        var whole = attempt.Plan.Whole;
        var (compares, then, otherwise) = attempt.Items();
        var isMet = compares.All(compare => compare.Status == WriteStatus.Found);
        var items = isMet ? then : otherwise;
        if (items.Any(item => item.IsFailure))
            return (TransactionOutcome.Nothing, new TransactionResult.OperationFailed(items));
        if (!isMet && whole.Else.IsEmpty)
            return (TransactionOutcome.Else, new TransactionResult.ComparesFailed(compares));
        return (
            isMet ? TransactionOutcome.Then : TransactionOutcome.Else,
            new TransactionResult.Done(isMet, items, attempt.Prepared[0].Result.Version));
    }

    private async ValueTask<TransactionResult?> ConcludeAsync(
        Attempt attempt,
        TransactionOutcome decision,
        TransactionResult result,
        WriteOutcome told,
        CancellationToken deadline)
    {
        var participants = attempt.Plan.Participants;
        if (TransactionSettler.OutcomeOf(told) == decision)
        {
            Failpoints.Reached(Failpoint.TransactionDecided);
            settler.Finish(attempt.Id, participants, decision);
            return result with { Seen = attempt.SeenWith(((WriteOutcome.Committed)told).Index) };
        }

        if (decision == TransactionOutcome.Nothing)
        {
            settler.GiveUp(attempt.Id, participants);
            return result;
        }

        if (told is WriteOutcome.Committed)
            return await AskAgainAsync(attempt, deadline).ConfigureAwait(false);
        if (told is WriteOutcome.Indeterminate)
            return new TransactionResult.Unknown();
        settler.GiveUp(attempt.Id, participants);
        return new TransactionResult.Refused(told);
    }

    /// <summary>
    /// The coordinator says that nothing was decided. Where it was asked more than once, all may have been over before
    /// it was asked last, and forgotten; the outcome itself it remembers under the client's name.
    /// </summary>
    private async ValueTask<TransactionResult?> AskAgainAsync(Attempt attempt, CancellationToken deadline)
    {
        var known = await PrepareAsync(attempt, 0, deadline).ConfigureAwait(false);
        settler.GiveUp(attempt.Id, attempt.Plan.Participants);
        return known switch
        {
            WriteOutcome.Committed { Result: { IsReplay: true } settled } when IsSettled(settled.Status) =>
                Told(attempt.Plan, settled) with { Seen = attempt.SeenWith(LogIndex.Zero) },
            WriteOutcome.Committed { Result.Status: WriteStatus.Aborted } => null,
            _ => new TransactionResult.Unknown(),
        };
    }

    private static bool IsSettled(WriteStatus status) =>
        status is WriteStatus.Succeeded or WriteStatus.ComparesFailed or WriteStatus.OperationFailed;

    /// <summary>
    /// How far each partition must have come for a session that was told: to the versions that were written or found.
    /// </summary>
    private static ImmutableArray<(PartitionId Partition, LogIndex Index)> SeenIn(
        TransactionPlan plan, WriteResult result)
    {
        return [.. plan.Parts.Select(part => (part.Partition, PlacesOf(part).Aggregate(
            LogIndex.Zero, (seen, at) => LogIndex.Max(seen, result.Items[at].Version.Index))))];

        IEnumerable<int> PlacesOf(TransactionPlan.Part part) =>
            (result.Status == WriteStatus.Succeeded ? part.Then
                : result.Status == WriteStatus.ComparesFailed && !plan.Whole.Else.IsEmpty ? part.Else
                : [])
            .Where(at => at < result.Items.Length);
    }

    /// <summary>What a partition, or the coordinator's memory, says that the whole came to.</summary>
    private static TransactionResult Told(TransactionPlan plan, WriteResult result)
    {
        TransactionResult told = result.Status switch
        {
            WriteStatus.Succeeded => new TransactionResult.Done(IsMet: true, result.Items, result.Version),
            WriteStatus.ComparesFailed when plan.Whole.Else.IsEmpty =>
                new TransactionResult.ComparesFailed(result.Items),
            WriteStatus.ComparesFailed => new TransactionResult.Done(IsMet: false, result.Items, result.Version),
            _ => new TransactionResult.OperationFailed(result.Items),
        };
        return told with { IsReplay = result.IsReplay };
    }

    /// <summary>
    /// Whether it was prepared by an earlier try whose answer was lost, and with it the entries that are asked for.
    /// </summary>
    private static bool IsWithoutEntries(WriteResult result, TransactionPlan.Part part) =>
        result.IsReplay && result.Items.Skip(part.If.Length).Any(item => item.Status == WriteStatus.Found);

    /// <summary>One attempt, under a name of its own.</summary>
    private sealed record Attempt(TransactionPlan Plan, RequestId Client, ulong Fingerprint, RequestId Id)
    {
        /// <summary>What the participants said, in their order, and where in their logs.</summary>
        public List<(WriteResult Result, LogIndex Index)> Prepared { get; } = [];

        public ImmutableArray<(PartitionId Partition, LogIndex Index)> SeenWith(LogIndex decided) =>
        [
            .. Plan.Parts.Select((part, at) =>
                (part.Partition, at == 0 ? LogIndex.Max(decided, Prepared[at].Index) : Prepared[at].Index)),
        ];

        /// <summary>What comparisons and both branches came to, in the order of the whole.</summary>
        public (ImmutableArray<ItemResult> If, ImmutableArray<ItemResult> Then, ImmutableArray<ItemResult> Else) Items()
        {
            var compares = new ItemResult[Plan.Whole.If.Length];
            var then = new ItemResult[Plan.Whole.Then.Length];
            var otherwise = new ItemResult[Plan.Whole.Else.Length];
            for (var at = 0; at < Prepared.Count; at++)
            {
                var part = Plan.Parts[at];
                var items = Prepared[at].Result.Items.AsSpan();
                Invariant.Holds(items.Length == part.If.Length + part.Then.Length + part.Else.Length);
                Place(part.If, items, compares);
                Place(part.Then, items[part.If.Length..], then);
                Place(part.Else, items[(part.If.Length + part.Then.Length)..], otherwise);
            }

            return ([.. compares], [.. then], [.. otherwise]);
        }

        private static void Place(ImmutableArray<int> places, ReadOnlySpan<ItemResult> items, ItemResult[] into)
        {
            for (var at = 0; at < places.Length; at++)
                into[places[at]] = items[at];
        }
    }
}
