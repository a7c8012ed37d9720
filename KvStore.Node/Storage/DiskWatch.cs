using KvStore.Node.Telemetry;
using Microsoft.Extensions.Options;

namespace KvStore.Node.Storage;

/// <summary>
/// Looks how much room is left for the log and for the snapshots. A disk that is low takes no more values, as long as
/// what is left is enough to delete, to compact and to take in what others have accepted.
/// </summary>
internal sealed class DiskWatch(
    NodeStorage storage,
    IFileSystem files,
    IOptions<StorageOptions> options,
    TimeProvider time,
    ILogger<DiskWatch> logger) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    private volatile bool _isLow;

    /// <summary>Whether a primary here refuses new values.</summary>
    public bool IsLow => _isLow;

    /// <summary>Looks once.</summary>
    public void Look()
    {
        var why = WhyLow(storage.Directory.Wal) ?? WhyLow(storage.Directory.Snapshots);
        why = storage.Log.KeepsSpare() ? why : why ?? $"{storage.Directory.Wal} has no room for the log's next segment";
        if (why is not null == _isLow)
            return;
        _isLow = why is not null;
        if (why is not null)
            logger.DiskLow(why);
        else
            logger.DiskNoLongerLow();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, time);
        do
        {
            Look();
        }
        while (await timer.WaitForNextTickAsync(stoppingToken).ConfigureAwait(false));
    }

    /// <summary>
    /// Once low, it needs a segment more than the mark: room that comes and goes must not switch back and forth.
    /// </summary>
    private string? WhyLow(string folder)
    {
        try
        {
            var space = files.SpaceOf(folder);
            var mark = options.Value.Reserve.MarkOf(space, options.Value.SegmentBytes);
            var wanted = mark + (_isLow ? options.Value.SegmentBytes : 0);
            return space.FreeBytes >= wanted
                ? null
                : $"{folder} has {space.FreeBytes} bytes free, less than the {wanted} that KVSTORE_DISK_RESERVE keeps";
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return _isLow ? $"{folder} does not tell how much is free: {failure.Message}" : null;    // no news
        }
    }
}
