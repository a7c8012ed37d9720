using System.Collections.Immutable;
using KvStore.Core.Primitives;
using KvStore.Core.State;
using KvStore.Node.Replication;
using KvStore.Node.Storage;

namespace KvStore.Node.Transactions;

/// <summary>
/// Ends attempts at transactions: decides, has the participants carry out what was decided, has the coordinator forget
/// it. Each step may be done twice, by several nodes at once, and be given up anywhere.
/// </summary>
internal sealed class TransactionSettler(IClusterPartitions cluster, TimeProvider time)
{
    /// <summary>Attempts that are ended in the background at once; more are left to the primaries.</summary>
    private const int MaxInBackground = 4096;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    private int _inBackground;

    /// <summary>Settles what becomes of an attempt; the first decision counts.</summary>
    /// <returns>What the coordinator said.</returns>
    public ValueTask<WriteOutcome> DecideAsync(
        RequestId attempt,
        ImmutableArray<PartitionId> participants,
        TransactionOutcome outcome,
        ImmutableArray<ItemResult> items,
        CancellationToken deadline) =>
        cluster.WriteAsync(
            participants[0],
            new Command.Decide
            {
                RequestId = attempt,
                Outcome = outcome,
                Participants = participants,
                Items = items,
            },
            deadline);

    /// <summary>What was decided, as a decision's result tells it; null: that is not known.</summary>
    public static TransactionOutcome? OutcomeOf(WriteOutcome decided) => decided is not WriteOutcome.Committed done
        ? null
        : done.Result.Status switch
        {
            WriteStatus.Succeeded => TransactionOutcome.Then,
            WriteStatus.ComparesFailed => TransactionOutcome.Else,
            _ => TransactionOutcome.Nothing,
        };

    /// <summary>Has the others carry out what the coordinator decided, and then the coordinator forget it.</summary>
    /// <returns>Whether all have.</returns>
    public async ValueTask<bool> FinishAsync(
        RequestId attempt,
        ImmutableArray<PartitionId> participants,
        TransactionOutcome outcome,
        CancellationToken deadline)
    {
        var finish = new Command.Finish { RequestId = attempt, Outcome = outcome };
        var finished = await Task.WhenAll(
            participants.Skip(1).Select(participant => cluster.WriteAsync(participant, finish, deadline).AsTask()))
            .ConfigureAwait(false);
        if (!finished.All(told => told is WriteOutcome.Committed))
            return false;    // who has not heard of it finds out by asking the coordinator, which must not forget it
        Failpoints.Reached(Failpoint.TransactionFinished);
        var forget = new Command.Forget { RequestId = attempt };
        return await cluster.WriteAsync(participants[0], forget, deadline).ConfigureAwait(false)
            is WriteOutcome.Committed;
    }

    /// <summary>Decides for nothing, unless something was decided before, and has all carry that out.</summary>
    /// <returns>What was decided; null: that is not known, or not all have carried it out.</returns>
    public async ValueTask<TransactionOutcome?> GiveUpAsync(
        RequestId attempt, ImmutableArray<PartitionId> participants, CancellationToken deadline)
    {
        var decided = await DecideAsync(attempt, participants, TransactionOutcome.Nothing, [], deadline)
            .ConfigureAwait(false);
        return OutcomeOf(decided) is { } outcome
            && await FinishAsync(attempt, participants, outcome, deadline).ConfigureAwait(false)
                ? outcome
                : null;
    }

    /// <summary>As <see cref="FinishAsync"/>, without anybody waiting for it.</summary>
    public void Finish(
        RequestId attempt, ImmutableArray<PartitionId> participants, TransactionOutcome outcome) =>
        Begin(async deadline => await FinishAsync(attempt, participants, outcome, deadline).ConfigureAwait(false));

    /// <summary>As <see cref="GiveUpAsync"/>, without anybody waiting for it.</summary>
    public void GiveUp(RequestId attempt, ImmutableArray<PartitionId> participants) =>
        Begin(async deadline => await GiveUpAsync(attempt, participants, deadline).ConfigureAwait(false));

    private void Begin(Func<CancellationToken, Task> end)
    {
        if (Interlocked.Increment(ref _inBackground) <= MaxInBackground)
            _ = EndAsync(end);
        else
            Interlocked.Decrement(ref _inBackground);
    }

    private async Task EndAsync(Func<CancellationToken, Task> end)
    {
        try
        {
            using var patience = new CancellationTokenSource(Patience, time);
            await end(patience.Token).ConfigureAwait(false);
        }
        finally
        {
            Interlocked.Decrement(ref _inBackground);
        }
    }
}
