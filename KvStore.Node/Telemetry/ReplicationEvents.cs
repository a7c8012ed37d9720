namespace KvStore.Node.Telemetry;

/// <summary>Log lines of replicas and links. Numbers 2000 to 2999.</summary>
internal static partial class ReplicationEvents
{
    [LoggerMessage(2001, LogLevel.Information, "Partition {Partition}: primary as of term {Term}")]
    public static partial void BecamePrimary(this ILogger logger, int partition, long term);

    [LoggerMessage(2002, LogLevel.Debug, "Partition {Partition}: follows member {Primary} at term {Term}")]
    public static partial void FollowsPrimary(this ILogger logger, int partition, int primary, long term);

    [LoggerMessage(2010, LogLevel.Information, "Link to {Peer} at {Address} is up")]
    public static partial void LinkUp(this ILogger logger, string peer, Uri address);

    [LoggerMessage(2011, LogLevel.Warning, "Link to {Peer} is lost: {Reason}")]
    public static partial void LinkLost(this ILogger logger, string peer, string reason);

    [LoggerMessage(
        2015,
        LogLevel.Error,
        "Refused a link from {Member}: its log ended with frame {Found} when it started, and had {Before} before")]
    public static partial void OlderDiskRefused(this ILogger logger, string member, ulong found, ulong before);

    [LoggerMessage(2012, LogLevel.Error, "{Peer} refuses the link: {Reason}")]
    public static partial void LinkRefused(this ILogger logger, string peer, string reason);

    [LoggerMessage(
        2013, LogLevel.Error, "Refused a link from member {Member} on disk {Incarnation:x16}: not in the view")]
    public static partial void StrangerRefused(this ILogger logger, int member, ulong incarnation);

    [LoggerMessage(
        2014,
        LogLevel.Error,
        "Partition {Partition}: ignored what member {Member} cannot know ({Count} so far): {Message}. Either that node "
            + "is wrong, or this one has lost what it once acknowledged")]
    public static partial void MessageDisbelieved(
        this ILogger logger, int partition, int member, string message, long count);

    [LoggerMessage(
        2020, LogLevel.Warning, "Partition {Partition}: snapshot for member {Member} was not sent: {Reason}")]
    public static partial void SnapshotNotSent(this ILogger logger, int partition, int member, string reason);

    [LoggerMessage(2021, LogLevel.Debug, "Partition {Partition}: snapshot at {Index} saved")]
    public static partial void SnapshotSaved(this ILogger logger, int partition, long index);

    [LoggerMessage(
        2022, LogLevel.Warning, "Partition {Partition}: its snapshot could not be saved, its log is kept: {Reason}")]
    public static partial void SnapshotNotSaved(this ILogger logger, int partition, string reason);

    [LoggerMessage(2023, LogLevel.Critical, "Partition {Partition}: at index {Index} its copies differ: {What}")]
    public static partial void StatesDiffer(this ILogger logger, int partition, long index, string what);

    [LoggerMessage(2030, LogLevel.Critical, "A replica's state is wrong and the node ends: {Reason}")]
    public static partial void InvariantBroken(this ILogger logger, string reason, Exception exception);

    [LoggerMessage(2032, LogLevel.Critical, "Something that nobody expected ends the node: {Reason}")]
    public static partial void DefectFound(this ILogger logger, string reason, Exception exception);

    [LoggerMessage(2031, LogLevel.Critical, "The log cannot be trusted any more and the node ends: {Reason}")]
    public static partial void LogFailed(this ILogger logger, string reason);
}
