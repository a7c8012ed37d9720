using System.Collections.Immutable;
using KvStore.Core.Primitives;
using KvStore.Core.State;
using KvStore.Node.Membership;
using KvStore.Node.Replication;
using KvStore.Node.Telemetry;

namespace KvStore.Node.Transactions;

/// <summary>
/// Ends what others began and did not come to: the primary of a partition settles attempts that hold keys there for too
/// long by deciding for nothing, and has those carried out that were decided there.
/// </summary>
internal sealed class TransactionResolver(
    CurrentView current,
    IPartitions here,
    TransactionSettler settler,
    TimeProvider time,
    ILogger<TransactionResolver> logger) : BackgroundService
{
    /// <summary>How long an attempt may be prepared: longer than <see cref="ClusterTransactions.Longest"/>.</summary>
    public static readonly TimeSpan PreparedPatience = TimeSpan.FromSeconds(6);

    /// <summary>How long whoever decided is given to have it carried out.</summary>
    public static readonly TimeSpan DecidedPatience = TimeSpan.FromSeconds(1);

    private const int AttemptsAtOnce = 64;
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan AttemptPatience = TimeSpan.FromSeconds(2);

    private Dictionary<OpenAttempt, long> _seen = [];

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await current.Formed.WaitAsync(stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        while (!stoppingToken.IsCancellationRequested)
        {
            await SettleAsync(stoppingToken).ConfigureAwait(false);
            await Task.Delay(Interval, time, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>Looks once at every partition that this node is primary of.</summary>
    internal async Task SettleAsync(CancellationToken stopping)
    {
        var now = time.GetTimestamp();
        var seen = new Dictionary<OpenAttempt, long>();
        var due = new List<(OpenAttempt Open, ImmutableArray<PartitionId> Participants, TransactionOutcome Outcome)>();
        foreach (var (open, participants, outcome) in Open())
        {
            var since = seen[open] = _seen.GetValueOrDefault(open, now);
            if (time.GetElapsedTime(since, now) >= (open.IsDecided ? DecidedPatience : PreparedPatience))
                due.Add((open, participants, outcome));
        }

        _seen = seen;
        await Parallel.ForEachAsync(
            due,
            new ParallelOptions { MaxDegreeOfParallelism = AttemptsAtOnce },
            async (attempt, _) => await EndAsync(attempt.Open, attempt.Participants, attempt.Outcome, stopping)
                .ConfigureAwait(false)).ConfigureAwait(false);
    }

    private IEnumerable<(OpenAttempt Open, ImmutableArray<PartitionId> Participants, TransactionOutcome Outcome)> Open()
    {
        for (var number = 0; number < (here.View?.Ring.PartitionCount ?? 0); number++)
        {
            var partition = new PartitionId(number);
            if (here.ReadLocal(partition) is not { IsPrimary: true, Image: { HasOpenTransactions: true } image })
                continue;
            foreach (var (attempt, participants) in image.PreparedTransactions)
                yield return (new(partition, attempt, IsDecided: false), participants, TransactionOutcome.Nothing);
            foreach (var (attempt, outcome, participants) in image.DecidedTransactions)
                yield return (new(partition, attempt, IsDecided: true), participants, outcome);
        }
    }

    private async ValueTask EndAsync(
        OpenAttempt open,
        ImmutableArray<PartitionId> participants,
        TransactionOutcome outcome,
        CancellationToken stopping)
    {
        using var timer = new CancellationTokenSource(AttemptPatience, time);
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(timer.Token, stopping);
        var decided = !open.IsDecided
            ? await settler.GiveUpAsync(open.Attempt, participants, patience.Token).ConfigureAwait(false)
            : await settler.FinishAsync(open.Attempt, participants, outcome, patience.Token).ConfigureAwait(false)
                ? outcome
                : null;
        if (decided is { } end)
            logger.Settled(open.Partition.Value, participants.Length, end);
    }

    private readonly record struct OpenAttempt(PartitionId Partition, RequestId Attempt, bool IsDecided);
}
