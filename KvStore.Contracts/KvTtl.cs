using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace KvStore.Contracts;

/// <summary>
/// How long a key is kept, as text: <c>60</c> or <c>60s</c>, <c>500ms</c>, <c>15m</c>, <c>2h</c>, <c>7d</c>.
/// </summary>
public static class KvTtl
{
    /// <summary>The longest one: ten years of 365 days.</summary>
    public static TimeSpan Max { get; } = TimeSpan.FromDays(3650);

    /// <summary>
    /// Reads digits with an optional unit: milliseconds, seconds (also without any), minutes, hours, days.
    /// </summary>
    /// <param name="text">The text.</param>
    /// <param name="milliseconds">What was read: 1 to <see cref="Max"/>.</param>
    /// <param name="refusal">What is wrong with the text, as a sentence; null when it was read.</param>
    public static bool TryParse(string text, out long milliseconds, [NotNullWhen(false)] out string? refusal)
    {
        ArgumentNullException.ThrowIfNull(text);
        var digits = text.AsSpan().TrimEnd("dhms");
        long unit = text.AsSpan(digits.Length) switch
        {
            "ms" => 1,
            "" or "s" => 1000,
            "m" => 60 * 1000,
            "h" => 60 * 60 * 1000,
            "d" => 24 * 60 * 60 * 1000,
            _ => 0,
        };
        var longest = (long)Max.TotalMilliseconds;
        milliseconds = unit != 0
            && long.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var count)
            && count <= longest / unit
                ? count * unit
                : 0;
        refusal = milliseconds > 0
            ? null
            : "A time to live is a whole number with ms, s, m, h, d or no unit (seconds): 1 ms at least, ten years at "
                + "most, such as 60s.";
        return refusal is null;
    }
}
