using System.Globalization;

namespace KvStore.Contracts;

/// <summary>
/// The <c>wait=30</c> of <see cref="KvHeaders.Prefer"/>: how long a read may wait for a change before it answers that
/// there was none. It comes on top of the deadline that <see cref="KvHeaders.Timeout"/> sets.
/// </summary>
public static class LongPoll
{
    /// <summary>
    /// How many times as long a node may wait as it is asked to, so that not all end together: who waits for its answer
    /// allows for that.
    /// </summary>
    public const double LongestFactor = 1.1;

    private const string Wait = "wait";

    /// <summary>The longest wait.</summary>
    public static TimeSpan Longest { get; } = TimeSpan.FromSeconds(60);

    /// <summary>Reads the header.</summary>
    /// <param name="prefer">Its value; several joined by commas; empty when there is none.</param>
    /// <returns>
    /// Whole seconds, at most <see cref="Longest"/>: more is cut. Zero when none is asked for, or not so that it can
    /// be read, since a preference that is not understood is ignored (RFC 7240).
    /// </returns>
    public static TimeSpan WaitIn(string prefer)
    {
        ArgumentNullException.ThrowIfNull(prefer);
        return Find(prefer) is { } place
            ? TimeSpan.FromSeconds(Math.Min(SecondsIn(prefer.AsSpan(place)), Longest.TotalSeconds))
            : TimeSpan.Zero;
    }

    /// <summary>The header with a shorter wait in place of the one that <see cref="WaitIn"/> finds.</summary>
    /// <param name="prefer">A value in which a wait was found.</param>
    /// <param name="wait">What is left of it; below zero is zero, and a part of a second is a whole one.</param>
    public static string Shorten(string prefer, TimeSpan wait)
    {
        ArgumentNullException.ThrowIfNull(prefer);
        if (Find(prefer) is not { } place)
            return prefer;
        var seconds = Math.Max(0, (int)Math.Ceiling(wait.TotalSeconds));
        return seconds < SecondsIn(prefer.AsSpan(place))
            ? string.Create(CultureInfo.InvariantCulture, $"{prefer[..place.Start]}{seconds}{prefer[place.End..]}")
            : prefer;
    }

    /// <summary>Where the digits of the first wait stand; null when there is none, or no number.</summary>
    private static Range? Find(string prefer)
    {
        foreach (var part in prefer.AsSpan().Split(','))
        {
            var preference = prefer.AsSpan(part);
            var equals = preference.IndexOf('=');
            if (equals < 0 || !preference[..equals].Trim().Equals(Wait, StringComparison.OrdinalIgnoreCase))
                continue;
            var start = part.Start.Value + equals + 1;
            var end = start;
            while (end < prefer.Length && char.IsAsciiDigit(prefer[end]))
                end++;
            return end > start ? start..end : null;
        }

        return null;
    }

    private static int SecondsIn(ReadOnlySpan<char> digits) =>
        int.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds) ? seconds : int.MaxValue;
}
