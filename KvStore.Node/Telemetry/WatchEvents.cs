namespace KvStore.Node.Telemetry;

/// <summary>What is logged of watches.</summary>
internal static partial class WatchEvents
{
    [LoggerMessage(8001, LogLevel.Error, "The copies of other nodes' changes are fed anew: {Reason}")]
    public static partial void FeedsFailed(this ILogger logger, string reason);
}
