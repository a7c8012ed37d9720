using KvStore.Core.Replication;
using KvStore.Node.Membership;
using KvStore.Node.Options;
using KvStore.Node.Storage;
using KvStore.Node.Telemetry;
using Microsoft.Extensions.Options;

namespace KvStore.Node.Replication;

/// <summary>
/// Captures every partition that changed once per interval, and sooner when its log outgrows its state, or, where the
/// disk has little room, a part of it; then lets go of the log behind the capture.
/// </summary>
internal sealed class Snapshotter(
    CurrentView current,
    PartitionRouter router,
    NodeStorage storage,
    DiskWatch disk,
    IOptions<NodeOptions> options,
    TimeProvider time,
    ILogger<Snapshotter> logger) : BackgroundService
{
    /// <summary>A log smaller than this is never captured for its size.</summary>
    private const long SmallestLog = 4L * 1024 * 1024;

    /// <summary>The same on a disk that is to be spared; there the log may be this share of the state.</summary>
    private const long SmallestLogInNeed = 64L * 1024;
    private const int ShareInNeed = 8;

    /// <summary>
    /// Entries kept in memory behind a capture, so that a backup a moment behind needs no whole state.
    /// </summary>
    private const long KeptEntries = 1024;

    private static readonly TimeSpan LookInterval = TimeSpan.FromSeconds(1);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await current.Formed.WaitAsync(stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        var last = time.GetTimestamp();
        while (!stoppingToken.IsCancellationRequested)
        {
            await Task.Delay(LookInterval, time, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            var isTime = time.GetElapsedTime(last) >= options.Value.SnapshotInterval;
            if (isTime)
                last = time.GetTimestamp();
            foreach (var replica in router.Replicas.Where(replica => IsDue(replica, isTime)))
            {
                if (!stoppingToken.IsCancellationRequested)
                    await TryCaptureAsync(replica, stoppingToken).ConfigureAwait(false);
            }
        }
    }

    private bool IsDue(PartitionReplica replica, bool isTime) => replica.LogBytes > (
        isTime ? 0
        : disk.IsAlarmed ? Math.Max(SmallestLogInNeed, replica.Image.Bytes / ShareInNeed)
        : Math.Max(SmallestLog, replica.Image.Bytes));

    /// <summary>The log stays as it is when a capture fails, and the next look tries again.</summary>
    private async Task TryCaptureAsync(PartitionReplica replica, CancellationToken stopping)
    {
        try
        {
            await CaptureAsync(replica, stopping).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            // the node stops
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            logger.SnapshotNotSaved(replica.Partition.Value, failure.Message);
        }
    }

    private async Task CaptureAsync(PartitionReplica replica, CancellationToken stopping)
    {
        var captured = new TaskCompletionSource<(Snapshot, long)>(TaskCreationOptions.RunContinuationsAsynchronously);
        router.Post(replica, owned => captured.SetResult((owned.Capture(), owned.LogBytes)));
        var (snapshot, bytes) = await captured.Task.WaitAsync(stopping).ConfigureAwait(false);
        await Task.Factory.StartNew(
            () => storage.Log.SaveSnapshot(replica.Partition, snapshot),
            CancellationToken.None,
            TaskCreationOptions.LongRunning,    // a flush must not hold a thread of the pool
            TaskScheduler.Default).ConfigureAwait(false);
        router.Post(replica, owned => owned.Saved(bytes));
        logger.SnapshotSaved(replica.Partition.Value, snapshot.Index.Value);
        if (snapshot.Index - KeptEntries is { Value: > 0 } keepFrom)
            router.Post(replica, new Input.Compact(keepFrom));
    }
}
