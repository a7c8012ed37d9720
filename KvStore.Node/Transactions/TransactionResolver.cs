using KvStore.Core.Primitives;
using KvStore.Core.State;
using KvStore.Node.Membership;
using KvStore.Node.Replication;
using KvStore.Node.Telemetry;

namespace KvStore.Node.Transactions;

/// <summary>
/// Ends what others began and did not come to: the primary of a partition settles attempts that hold keys there for too
/// long, and has those carried out that were decided there.
/// </summary>
internal sealed class TransactionResolver(
    CurrentView current,
    IPartitions here,
    TransactionSettler settler,
    TimeProvider time,
    ILogger<TransactionResolver> logger) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    private readonly OpenAttempts _attempts = new(settler, time);

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
    internal Task SettleAsync(CancellationToken stopping) => _attempts.SettleAsync(
        Led(),
        (partition, participants, outcome) => logger.Settled(partition.Value, participants, outcome),
        stopping);

    private IEnumerable<(PartitionId Partition, StateImage Image)> Led()
    {
        for (var number = 0; number < (here.View?.Ring.PartitionCount ?? 0); number++)
        {
            var partition = new PartitionId(number);
            if (here.ReadLocal(partition) is { IsPrimary: true, Image: { HasOpenTransactions: true } image })
                yield return (partition, image);
        }
    }
}
