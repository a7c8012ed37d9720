namespace KvStore.Node.Telemetry;

/// <summary>Log lines of a node's disk. Numbers 3000 to 3999.</summary>
internal static partial class StorageEvents
{
    [LoggerMessage(
        3001,
        LogLevel.Warning,
        "{Damage} Nothing of it is used and nothing was deleted: it is in {Wal} and {Snapshots}, each under {Folder}. The "
            + "node begins anew on disk {Incarnation:x16} and asks its cluster to take it in as another member")]
    public static partial void DataSetAside(
        this ILogger logger, string damage, string wal, string snapshots, string folder, ulong incarnation);
}
