namespace KvStore.Node.Telemetry;

/// <summary>Log lines of a node's disk. Numbers 3000 to 3999.</summary>
internal static partial class StorageEvents
{
    [LoggerMessage(
        3001,
        LogLevel.Warning,
        "{Damage} Nothing of it is used and nothing was deleted: it is in {Wal} and {Snapshots}, each under {Folder}. "
            + "The node begins anew on disk {Incarnation:x16} and asks its cluster to take it in as another member")]
    public static partial void DataSetAside(
        this ILogger logger, string damage, string wal, string snapshots, string folder, ulong incarnation);

    [LoggerMessage(
        3002, LogLevel.Warning, "{Reason}: this node takes no new values until it has room; it deletes and reads")]
    public static partial void DiskLow(this ILogger logger, string reason);

    [LoggerMessage(3007, LogLevel.Warning, "{Reason}: the log is saved and let go of more often. Make room soon")]
    public static partial void DiskAlarm(this ILogger logger, string reason);

    [LoggerMessage(3008, LogLevel.Information, "The disk has as much room again as it should")]
    public static partial void DiskAlarmOver(this ILogger logger);

    [LoggerMessage(3003, LogLevel.Information, "The disk has room again: new values are taken")]
    public static partial void DiskNoLongerLow(this ILogger logger);

    [LoggerMessage(3004, LogLevel.Warning, "The disk has not flushed for {Lag}: handing {Count} partitions over")]
    public static partial void DiskStalled(this ILogger logger, TimeSpan lag, int count);

    [LoggerMessage(3005, LogLevel.Warning, "The disk does wrong what was asked for: {Faults}")]
    public static partial void FaultsSet(this ILogger logger, string faults);

    [LoggerMessage(3009, LogLevel.Warning, "{Doubt}")]
    public static partial void MountDoubted(this ILogger logger, string doubt);

    [LoggerMessage(3006, LogLevel.Information, "The disk does what it is asked for again")]
    public static partial void FaultsLifted(this ILogger logger);
}
