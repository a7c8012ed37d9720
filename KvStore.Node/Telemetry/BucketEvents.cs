namespace KvStore.Node.Telemetry;

/// <summary>Log lines of the catalog of buckets.</summary>
internal static partial class BucketEvents
{
    [LoggerMessage(6001, LogLevel.Information, "Bucket {Bucket} (id {Id}) is closed everywhere: its drop is finished")]
    public static partial void DropFinished(this ILogger logger, string bucket, uint id);

    [LoggerMessage(6002, LogLevel.Error, "The catalog of buckets is not followed: {Reason}")]
    public static partial void CatalogUnread(this ILogger logger, string reason);
}
