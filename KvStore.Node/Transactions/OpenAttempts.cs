using System.Collections.Immutable;
using KvStore.Core.Primitives;
using KvStore.Core.State;

namespace KvStore.Node.Transactions;

/// <summary>
/// The attempts at transactions that are open in the partitions a node is primary of, and since when it knows of them:
/// those that hold keys for too long are decided for nothing, those that were decided long ago are carried out.
/// </summary>
internal sealed class OpenAttempts(TransactionSettler settler, TimeProvider time)
{
    /// <summary>How long an attempt may be prepared: longer than <see cref="ClusterTransactions.Longest"/>.</summary>
    public static readonly TimeSpan PreparedPatience = TimeSpan.FromSeconds(6);

    /// <summary>How long whoever decided is given to have it carried out.</summary>
    public static readonly TimeSpan DecidedPatience = TimeSpan.FromSeconds(1);

    private const int AttemptsAtOnce = 64;
    private static readonly TimeSpan AttemptPatience = TimeSpan.FromSeconds(2);

    private Dictionary<OpenAttempt, long> _seen = [];

    /// <summary>Looks once, and ends what is due.</summary>
    /// <param name="led">The states of the partitions that this node is primary of.</param>
    /// <param name="onSettled">
    /// Told of each that came to its end: where it was found, over how many partitions it was, and what was decided.
    /// </param>
    /// <param name="stopping">Cancelled when there is no more time for it.</param>
    public async Task SettleAsync(
        IEnumerable<(PartitionId Partition, StateImage Image)> led,
        Action<PartitionId, int, TransactionOutcome> onSettled,
        CancellationToken stopping)
    {
        var now = time.GetTimestamp();
        var seen = new Dictionary<OpenAttempt, long>();
        var due = new List<(OpenAttempt Open, ImmutableArray<PartitionId> Participants, TransactionOutcome Outcome)>();
        foreach (var (open, participants, outcome) in led.SelectMany(Open))
        {
            var since = seen[open] = _seen.GetValueOrDefault(open, now);
            if (time.GetElapsedTime(since, now) >= (open.IsDecided ? DecidedPatience : PreparedPatience))
                due.Add((open, participants, outcome));
        }

        _seen = seen;
        foreach (var some in due.Chunk(AttemptsAtOnce))
        {
            await Task.WhenAll(some.Select(async attempt =>
            {
                if (await EndAsync(attempt.Open, attempt.Participants, attempt.Outcome, stopping)
                    .ConfigureAwait(false) is { } end)
                    onSettled(attempt.Open.Partition, attempt.Participants.Length, end);
            })).ConfigureAwait(false);
        }
    }

    private static IEnumerable<(OpenAttempt, ImmutableArray<PartitionId>, TransactionOutcome)> Open(
        (PartitionId Partition, StateImage Image) led)
    {
        if (!led.Image.HasOpenTransactions)
            yield break;
        foreach (var (attempt, participants) in led.Image.PreparedTransactions)
            yield return (new(led.Partition, attempt, IsDecided: false), participants, TransactionOutcome.Nothing);
        foreach (var (attempt, outcome, participants) in led.Image.DecidedTransactions)
            yield return (new(led.Partition, attempt, IsDecided: true), participants, outcome);
    }

    /// <returns>What was decided; null: that is not known, or not all have carried it out.</returns>
    private async Task<TransactionOutcome?> EndAsync(
        OpenAttempt open,
        ImmutableArray<PartitionId> participants,
        TransactionOutcome outcome,
        CancellationToken stopping)
    {
        using var timer = new CancellationTokenSource(AttemptPatience, time);
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(timer.Token, stopping);
        if (!open.IsDecided)
            return await settler.GiveUpAsync(open.Attempt, participants, patience.Token).ConfigureAwait(false);
        return await settler.FinishAsync(open.Attempt, participants, outcome, patience.Token).ConfigureAwait(false)
            ? outcome
            : null;
    }

    private readonly record struct OpenAttempt(PartitionId Partition, RequestId Attempt, bool IsDecided);
}
