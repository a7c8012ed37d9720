namespace KvStore.Node.Api;

/// <summary>Log lines of the HTTP API.</summary>
internal static partial class ApiEvents
{
    [LoggerMessage(5001, LogLevel.Error, "Request {TraceId}: {Method} failed; the client was told 500")]
    public static partial void RequestFailed(this ILogger logger, string traceId, string method, Exception failure);

    [LoggerMessage(5002, LogLevel.Critical, "Request {TraceId}: {Method} ran into a broken invariant; the node stops")]
    public static partial void InvariantBroken(this ILogger logger, string traceId, string method, Exception broken);

    [LoggerMessage(
        5003,
        LogLevel.Debug,
        "Request {TraceId}: forwarding to member {Member}, of partition {Partition}, failed: {Reason}")]
    public static partial void ForwardFailed(
        this ILogger logger, string traceId, int member, int partition, string reason);

    [LoggerMessage(5004, LogLevel.Error, "Operation {Id} failed")]
    public static partial void OperationFailed(this ILogger logger, string id, Exception failure);
}
