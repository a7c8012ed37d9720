using System.Diagnostics;

namespace KvStore.Balancer.Telemetry;

/// <summary>The span of finding out where a request goes. See docs/telemetry.md.</summary>
internal static class BalancerTracing
{
    /// <summary>Of the source, and of the meter.</summary>
    public const string Name = "KvStore.Balancer";

    private static readonly ActivitySource Source = new(Name);

    /// <summary>An attempt is sent now; tells how long it took to come to that.</summary>
    /// <param name="from">When the request, or the attempt before, was done with, by <paramref name="time"/>.</param>
    /// <param name="node">Where it goes.</param>
    /// <param name="time">The clock.</param>
    public static void Routed(long from, string? node, TimeProvider time)
    {
        if (!Source.HasListeners() || Activity.Current is not { Recorded: true } request)
            return;
        var begun = time.GetUtcNow() - time.GetElapsedTime(from);
        using var span = Source.StartActivity(
            "kvstore.route", ActivityKind.Internal, request.Context, startTime: begun);
        span?.SetTag("kvstore.peer", node);
    }
}
