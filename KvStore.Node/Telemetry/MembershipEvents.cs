namespace KvStore.Node.Telemetry;

/// <summary>Log lines of the cluster's forming and of a node's coming and going. Numbers 1000 to 1999.</summary>
internal static partial class MembershipEvents
{
    [LoggerMessage(
        1007, LogLevel.Warning, "{Node} was told of no other nodes (CLUSTER_NODES): it is a cluster of its own")]
    public static partial void Alone(this ILogger logger, string node);

    [LoggerMessage(1001, LogLevel.Information, "{Node} on disk {Incarnation:x16}: forming a cluster, {WaitingFor}")]
    public static partial void Forming(this ILogger logger, string node, ulong incarnation, string waitingFor);

    [LoggerMessage(
        1002,
        LogLevel.Information,
        "{Node} is member {Member} of cluster {Cluster:x16} at epoch {Epoch}: {Members}")]
    public static partial void Joined(
        this ILogger logger, string node, int member, ulong cluster, long epoch, string members);

    [LoggerMessage(1003, LogLevel.Information, "Stopping: handing {Count} partitions over")]
    public static partial void HandingOver(this ILogger logger, int count);

    [LoggerMessage(1005, LogLevel.Information, "The cluster's view is at epoch {Epoch}: {Members}")]
    public static partial void ViewAdvanced(this ILogger logger, long epoch, string members);

    [LoggerMessage(
        1006,
        LogLevel.Warning,
        "{Node} on disk {Incarnation:x16} has lost what its old disk held and asks to be taken in as another member: "
        + "{WaitingFor}")]
    public static partial void AskingToJoin(this ILogger logger, string node, ulong incarnation, string waitingFor);

    [LoggerMessage(
        1004, LogLevel.Warning, "Stopped with {Count} partitions not handed over: no other copy took them in time")]
    public static partial void NotHandedOver(this ILogger logger, int count);
}
