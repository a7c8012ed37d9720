using KvStore.Node.Telemetry;
using Microsoft.Extensions.Options;

namespace KvStore.Node.Storage;

/// <summary>
/// Looks how much room is left for the log and for the snapshots. A disk that is low takes no more values, as long as
/// what is left is enough to delete, to compact and to take in what others have accepted. Before that comes an alarm.
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
    private volatile bool _isAlarmed;

    /// <summary>Whether a primary here refuses new values.</summary>
    public bool IsLow => _isLow;

    /// <summary>Whether the disk is to be spared: the log is let go of as soon as it can be.</summary>
    public bool IsAlarmed => _isAlarmed;

    /// <summary>How much room the log's disk and the snapshots' have, as far as they tell.</summary>
    public IEnumerable<(string Disk, DiskSpace Space)> Spaces()
    {
        if (TrySpaceOf(storage.Directory.Wal) is { } wal)
            yield return ("wal", wal);
        if (TrySpaceOf(storage.Directory.Snapshots) is { } snapshots)
            yield return ("snapshots", snapshots);
    }

    /// <summary>Looks once.</summary>
    public void Look()
    {
        LookForAlarm();
        var why = WhyBelow(options.Value.Reserve, "KVSTORE_DISK_RESERVE", _isLow);
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

    private DiskSpace? TrySpaceOf(string folder)
    {
        try
        {
            return files.SpaceOf(folder);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private void LookForAlarm()
    {
        var why = WhyBelow(options.Value.Alarm, "KVSTORE_DISK_ALARM", _isAlarmed)
            ?? WhyBelow(options.Value.Reserve, "KVSTORE_DISK_RESERVE", _isAlarmed);    // it never comes after the end
        if (why is not null == _isAlarmed)
            return;
        _isAlarmed = why is not null;
        if (why is not null)
            logger.DiskAlarm(why);
        else
            logger.DiskAlarmOver();
    }

    private string? WhyBelow(DiskReserve reserve, string setting, bool isBelow) =>
        WhyBelow(storage.Directory.Wal, reserve, setting, isBelow)
        ?? WhyBelow(storage.Directory.Snapshots, reserve, setting, isBelow);

    /// <summary>
    /// Once below, it needs a segment more than the mark: room that comes and goes must not switch back and forth.
    /// </summary>
    private string? WhyBelow(string folder, DiskReserve reserve, string setting, bool isBelow)
    {
        try
        {
            var space = files.SpaceOf(folder);
            var mark = reserve.MarkOf(space, options.Value.SegmentBytes);
            var wanted = mark + (isBelow ? options.Value.SegmentBytes : 0);
            return space.FreeBytes >= wanted
                ? null
                : $"{folder} has {space.FreeBytes} bytes free, less than the {wanted} that {setting} keeps";
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return isBelow ? $"{folder} does not tell how much is free: {failure.Message}" : null;    // no news
        }
    }
}
