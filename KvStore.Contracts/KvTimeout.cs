using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace KvStore.Contracts;

/// <summary>The deadline that <see cref="KvHeaders.Timeout"/> sets: <c>2s</c>, <c>500ms</c>, or seconds.</summary>
public static class KvTimeout
{
    private static readonly TimeSpan LongestMargin = TimeSpan.FromMilliseconds(250);

    /// <summary>The longest one.</summary>
    public static TimeSpan Max { get; } = TimeSpan.FromSeconds(60);

    /// <summary>
    /// Of a deadline, what an answer may need on its way back. Who still has a refusal to tell of, and less time than
    /// this, had better tell it: one more attempt would end without any.
    /// </summary>
    /// <param name="whole">The whole deadline.</param>
    public static TimeSpan MarginOf(TimeSpan whole) => whole / 10 < LongestMargin ? whole / 10 : LongestMargin;

    /// <summary>
    /// What the next hop is told of a deadline: somewhat less than is left, so that what it says of the request when
    /// its time is over still arrives here in time.
    /// </summary>
    /// <param name="left">What is left.</param>
    /// <param name="whole">The whole deadline.</param>
    public static TimeSpan ForNextHop(TimeSpan left, TimeSpan whole)
    {
        var told = left - MarginOf(whole);
        return told > left / 2 ? told : left / 2;
    }

    /// <summary>Reads a header's value: whole seconds or milliseconds, above 0 and at most <see cref="Max"/>.</summary>
    /// <param name="text">The value.</param>
    /// <param name="timeout">What was read.</param>
    /// <param name="refusal">What is wrong with the value, as a sentence; null when it was read.</param>
    public static bool TryParse(string text, out TimeSpan timeout, [NotNullWhen(false)] out string? refusal)
    {
        ArgumentNullException.ThrowIfNull(text);
        refusal = null;
        if (TryParseUnits(text, out timeout) && timeout > TimeSpan.Zero && timeout <= Max)
            return true;
        timeout = default;
        refusal = "A timeout is a whole number of seconds (2 or 2s) or milliseconds (500ms), above 0, at most 60 s.";
        return false;
    }

    /// <summary>Whole seconds, with or without <c>s</c>, or milliseconds with <c>ms</c>.</summary>
    internal static bool TryParseUnits(string text, out TimeSpan time)
    {
        var isMilliseconds = text.EndsWith("ms", StringComparison.Ordinal);
        var digits = text.AsSpan(0, text.Length - (isMilliseconds ? 2 : text.EndsWith('s') ? 1 : 0));
        var isNumber = int.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var count);
        time = isMilliseconds ? TimeSpan.FromMilliseconds(count) : TimeSpan.FromSeconds(count);
        return isNumber;
    }

    /// <summary>Writes what is left of a deadline for the next hop: whole milliseconds, 1 at least.</summary>
    public static string Format(TimeSpan timeout) =>
        string.Create(CultureInfo.InvariantCulture, $"{Math.Max(1, (long)timeout.TotalMilliseconds)}ms");
}
