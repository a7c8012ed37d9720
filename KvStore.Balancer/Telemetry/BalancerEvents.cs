namespace KvStore.Balancer.Telemetry;

/// <summary>Every log line of the balancer.</summary>
internal static partial class BalancerEvents
{
    [LoggerMessage(4001, LogLevel.Information, "Node {Name} at {Url}: up")]
    public static partial void NodeUp(this ILogger logger, string name, Uri url);

    [LoggerMessage(4002, LogLevel.Warning, "Node {Name} at {Url}: down")]
    public static partial void NodeDown(this ILogger logger, string name, Uri url);

    [LoggerMessage(4003, LogLevel.Information,
        "Cluster {ClusterId}: view of epoch {Epoch}, {Members} members, {Partitions} partitions")]
    public static partial void ViewLearned(
        this ILogger logger, string clusterId, long epoch, int members, int partitions);

    [LoggerMessage(4004, LogLevel.Debug, "{Url} does not answer as a node does: {Reason}")]
    public static partial void StrangeAnswer(this ILogger logger, Uri url, string reason);

    [LoggerMessage(4006, LogLevel.Warning, "The nodes' addresses could not be resolved")]
    public static partial void NodesNotFound(this ILogger logger, Exception failure);

    [LoggerMessage(4005, LogLevel.Error, "Request {TraceId} could not be handled")]
    public static partial void RequestFailed(this ILogger logger, string traceId, Exception failure);
}
