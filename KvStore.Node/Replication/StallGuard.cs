using KvStore.Core.Primitives;
using KvStore.Core.Replication;
using KvStore.Node.Storage;
using KvStore.Node.Telemetry;

namespace KvStore.Node.Replication;

/// <summary>
/// Gives leadership away while the disk hangs: the others decide without this node, but what it leads would have one
/// copy less, and nothing that needs its own flush would ever end.
/// </summary>
internal sealed class StallGuard(
    NodeStorage storage, PartitionRouter router, TimeProvider time, ILogger<StallGuard> logger) : BackgroundService
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(500);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, time);
        while (await timer.WaitForNextTickAsync(stoppingToken).ConfigureAwait(false))
            Look();
    }

    /// <summary>
    /// Again at each look, until nothing is led: a message may be lost, and a backup may not be ready yet.
    /// </summary>
    private void Look()
    {
        if (storage.Log.Lag is var lag && lag <= Patience)
            return;
        var led = router.Replicas.Where(replica => replica.IsPrimaryWithOthers).ToList();
        if (led.Count == 0)
            return;
        logger.DiskStalled(lag, led.Count);
        foreach (var replica in led)
            router.Post(replica, new Input.Transfer(NodeId.None));
    }
}
