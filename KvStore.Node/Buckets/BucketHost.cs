using KvStore.Node.Membership;
using KvStore.Node.Replication;
using KvStore.Node.Telemetry;

namespace KvStore.Node.Buckets;

/// <summary>
/// Keeps the node's catalog up to date, and, on the system group's primary, ends what others began and did not come to:
/// drops that were decided, and entries that nobody needs to remember.
/// </summary>
internal sealed class BucketHost(
    CurrentView current,
    IPartitions here,
    IClusterPartitions cluster,
    BucketDirectory directory,
    BucketCloser closer,
    TimeProvider time,
    ILogger<BucketHost> logger) : BackgroundService
{
    private static readonly TimeSpan FollowInterval = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan TidyInterval = TimeSpan.FromSeconds(2);

    private string? _unread;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await current.Formed.WaitAsync(stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        long? tidied = null;
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                var isKeeper = directory.Follow();
                if (tidied is null || time.GetElapsedTime(tidied.Value) >= TidyInterval)
                {
                    await TidyAsync(isKeeper, stoppingToken).ConfigureAwait(false);
                    tidied = time.GetTimestamp();
                }
            }
            catch (InvalidDataException failure) when (failure.Message == _unread)
            {
                // said already; it is looked at again and again
            }
            catch (InvalidDataException failure)
            {
                _unread = failure.Message;
                logger.CatalogUnread(failure.Message);
            }

            await Task.Delay(FollowInterval, time, stoppingToken)
                .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>
    /// Asks for the catalog where there is no replica of it, or that is as old as the disk; as its primary, puts it in
    /// order.
    /// </summary>
    internal async Task TidyAsync(bool isKeeper, CancellationToken stopping)
    {
        if (!isKeeper || !directory.IsRead)
            await directory.ReadAsync(stopping).ConfigureAwait(false);
        if (!isKeeper || here.ReadLocal(here.View!.SystemGroup) is not { IsPrimary: true })
            return;
        foreach (var bucket in directory.Current.Entries.Where(bucket => !bucket.IsLive))
        {
            if (bucket.State == BucketState.Dropping)
                await FinishAsync(bucket, stopping).ConfigureAwait(false);
            else if (bucket.Requests.All(request => request.IsForgottenAt(BucketCommands.NowMs(time))))
                await RemoveAsync(bucket, stopping).ConfigureAwait(false);
        }
    }

    private async Task FinishAsync(Bucket bucket, CancellationToken stopping)
    {
        if (await closer.CloseAsync(bucket, stopping).ConfigureAwait(false))
            logger.DropFinished(bucket.Name, bucket.Id.Value);
    }

    private async Task RemoveAsync(Bucket bucket, CancellationToken stopping)
    {
        var remove = BucketCommands.Remove(BucketFormat.KeyOf(bucket.Name), bucket.EntryVersion);
        await cluster.WriteAsync(here.View!.SystemGroup, remove, stopping).ConfigureAwait(false);
    }
}
