using System.Collections.Immutable;
using System.Diagnostics;

namespace KvStore.Node.Telemetry;

/// <summary>
/// The spans of what a node does for a request beside answering it. Nothing is paid for them unless somebody listens
/// and the request is recorded. See docs/telemetry.md.
/// </summary>
internal static class NodeTracing
{
    /// <summary>Of the source, and of the meter.</summary>
    public const string Name = "KvStore.Node";

    /// <summary>From when a request had arrived until its primary appended it, or it was sent on.</summary>
    public const string Route = "kvstore.route";

    /// <summary>Until a majority had it, or had confirmed the primary that is read from.</summary>
    public const string Quorum = "kvstore.quorum";

    /// <summary>From when entries were handed to the log until they were on stable storage.</summary>
    public const string Flush = "kvstore.wal.fsync";

    /// <summary>On a backup: from when entries arrived until they were on stable storage.</summary>
    public const string Backup = "kvstore.backup.append";

    /// <summary>The tag that says what was asked for.</summary>
    public const string OperationTag = "kvstore.operation";

    /// <summary>The tag that says what came of it.</summary>
    public const string OutcomeTag = "kvstore.outcome";

    private static readonly ActivitySource Source = new(Name);

    /// <summary>Whether anybody listens.</summary>
    public static bool IsOn => Source.HasListeners();

    /// <summary>Begins a span of the request that this is called for; null unless that is recorded.</summary>
    public static Activity? Begin(string name, string operation)
    {
        if (!Source.HasListeners() || Activity.Current is not { Recorded: true })
            return null;
        var span = Source.StartActivity(name);
        span?.SetTag(OperationTag, operation);
        return span;
    }

    /// <summary>Tells of what is over.</summary>
    /// <param name="name">What it was.</param>
    /// <param name="parent">What it was a part of.</param>
    /// <param name="from">When it began, as a timestamp of <paramref name="time"/>.</param>
    /// <param name="to">When it ended, likewise.</param>
    /// <param name="time">The clock.</param>
    public static void Tell(string name, ActivityContext parent, long from, long to, TimeProvider time)
    {
        using var span = Begin(name, ActivityKind.Internal, parent, [], from, time);
        span?.SetEndTime(At(to, time));
    }

    /// <summary>As above, of a part of the request that this is called for.</summary>
    public static void Tell(string name, long from, long to, TimeProvider time)
    {
        if (Source.HasListeners() && Activity.Current is { Recorded: true } request)
            Tell(name, request.Context, from, to, time);
    }

    /// <summary>
    /// Tells of entries that a backup has flushed: as a part of the first of the writes that they came with, and with
    /// links to the others.
    /// </summary>
    /// <param name="writes">At least one.</param>
    /// <param name="arrived">When the entries had, as a timestamp of <paramref name="time"/>.</param>
    /// <param name="appended">When they were handed to the log, likewise.</param>
    /// <param name="flushed">When they were on stable storage, likewise.</param>
    /// <param name="time">The clock.</param>
    public static void TellBackup(
        ImmutableArray<ActivityContext> writes, long arrived, long appended, long flushed, TimeProvider time)
    {
        var others = writes.Skip(1).Select(write => new ActivityLink(write));
        using var span = Begin(Backup, ActivityKind.Consumer, writes[0], others, arrived, time);
        if (span is null)
            return;
        Tell(Flush, span.Context, appended, flushed, time);
        span.SetEndTime(At(flushed, time));
    }

    private static Activity? Begin(
        string name,
        ActivityKind kind,
        ActivityContext parent,
        IEnumerable<ActivityLink> links,
        long from,
        TimeProvider time) =>
        Source.StartActivity(name, kind, parent, tags: null, links, At(from, time));

    private static DateTime At(long timestamp, TimeProvider time) =>
        (time.GetUtcNow() - time.GetElapsedTime(timestamp)).UtcDateTime;
}
