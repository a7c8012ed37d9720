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
    /// <summary>
    /// What the logs of all partitions together may hold in memory before one is captured for its size, where the
    /// states are smaller.
    /// </summary>
    private const long Logs = 64L * 1024 * 1024;

    /// <summary>However many partitions there are, a log smaller than this is not captured for its size.</summary>
    private const long SmallestLog = 256L * 1024;

    /// <summary>The same on a disk that is to be spared; there the log may be this share of the state.</summary>
    private const long SmallestLogInNeed = 64L * 1024;
    private const int ShareInNeed = 8;

    private static readonly TimeSpan LookInterval = TimeSpan.FromSeconds(1);

    private readonly SemaphoreSlim _one = new(1);

    /// <summary>The bytes beyond which a log is captured before its time.</summary>
    /// <param name="partitions">How many logs there are.</param>
    /// <param name="stateBytes">What a capture would write.</param>
    /// <param name="isInNeed">Whether the disk is to be spared.</param>
    internal static long LargestLog(int partitions, long stateBytes, bool isInNeed) => isInNeed
        ? Math.Max(SmallestLogInNeed, stateBytes / ShareInNeed)
        : Math.Max(ShareOf(partitions), stateBytes);

    private static long ShareOf(int partitions) => Math.Max(SmallestLog, Logs / partitions);

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
            var partitions = router.Replicas.Count();
            foreach (var replica in router.Replicas.Where(replica => isTime
                ? replica.LogBytes > 0
                : replica.LogBytes > LargestLog(partitions, replica.Image.Bytes, disk.IsAlarmed)))
            {
                if (!stoppingToken.IsCancellationRequested)
                    await TryCaptureAsync(replica, stoppingToken).ConfigureAwait(false);
            }
        }
    }

    /// <summary>Captures every partition that changed since it was last captured, now.</summary>
    /// <returns>How many these were.</returns>
    /// <exception cref="IOException">The disk does not take them; those before are captured.</exception>
    /// <exception cref="UnauthorizedAccessException">Likewise.</exception>
    public async Task<int> CaptureAllAsync(CancellationToken cancellation)
    {
        var count = 0;
        foreach (var replica in router.Replicas.Where(replica => replica.LogBytes > 0))
        {
            await CaptureAsync(replica, cancellation).ConfigureAwait(false);
            count++;
        }

        return count;
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        _one.Dispose();
        base.Dispose();
    }

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

    /// <summary>One at a time: two captures of a partition would write the same file.</summary>
    private async Task CaptureAsync(PartitionReplica replica, CancellationToken stopping)
    {
        await _one.WaitAsync(stopping).ConfigureAwait(false);
        try
        {
            var captured = new TaskCompletionSource<(Snapshot, long)>(
                TaskCreationOptions.RunContinuationsAsynchronously);
            router.Post(replica, owned => captured.SetResult((owned.Capture(), owned.LogBytes)));
            var (snapshot, bytes) = await captured.Task.WaitAsync(stopping).ConfigureAwait(false);
            var startedAt = time.GetTimestamp();
            await Task.Factory.StartNew(
                () => storage.Log.SaveSnapshot(replica.Partition, snapshot),
                CancellationToken.None,
                TaskCreationOptions.LongRunning,    // a flush must not hold a thread of the pool
                TaskScheduler.Default).ConfigureAwait(false);
            NodeMetrics.Compacted(time.GetElapsedTime(startedAt));
            var kept = ShareOf(router.Replicas.Count());
            router.Post(replica, owned => owned.Saved(snapshot.Index, bytes, kept));
            logger.SnapshotSaved(replica.Partition.Value, snapshot.Index.Value);
        }
        finally
        {
            _one.Release();
        }
    }
}
