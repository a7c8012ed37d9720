using System.Globalization;

namespace KvStore.Contracts;

/// <summary>
/// What <see cref="KvHeaders.ServerTiming"/> says of a write: <c>route;dur=0.1, quorum;dur=1.9, fsync;dur=0.8</c>, in
/// milliseconds. Each hop before the primary puts its own <c>route</c> in front, with its name as description.
/// </summary>
public static class ServerTiming
{
    /// <summary>What a write's primary says.</summary>
    /// <param name="route">Until it had its place in the log.</param>
    /// <param name="quorum">From there until its outcome was certain.</param>
    /// <param name="flush">From there until it was on the primary's own disk; null: others were sooner.</param>
    public static string Format(TimeSpan route, TimeSpan quorum, TimeSpan? flush) => flush is { } own
        ? string.Create(
            CultureInfo.InvariantCulture, $"route;dur={Ms(route)}, quorum;dur={Ms(quorum)}, fsync;dur={Ms(own)}")
        : string.Create(CultureInfo.InvariantCulture, $"route;dur={Ms(route)}, quorum;dur={Ms(quorum)}");

    /// <summary>What a hop says that passes an answer on.</summary>
    /// <param name="hop">Its name.</param>
    /// <param name="route">Until it had sent the request on.</param>
    /// <param name="rest">What the answer says.</param>
    public static string Format(string hop, TimeSpan route, string rest) =>
        string.Create(CultureInfo.InvariantCulture, $"route;dur={Ms(route)};desc=\"{hop}\", {rest}");

    private static double Ms(TimeSpan time) => Math.Round(time.TotalMilliseconds, digits: 3);
}
