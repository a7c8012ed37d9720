using System.Diagnostics.CodeAnalysis;

namespace KvStore.Contracts;

/// <summary>How stale a <c>bounded</c> read may be: <c>max_staleness</c>, written like a timeout.</summary>
public static class MaxStaleness
{
    /// <summary>What a bounded read takes that does not say.</summary>
    public static TimeSpan Default { get; } = TimeSpan.FromSeconds(5);

    /// <summary>The longest one.</summary>
    public static TimeSpan Max { get; } = TimeSpan.FromDays(1);

    /// <summary>Reads a value: whole seconds or milliseconds, 0 to <see cref="Max"/>.</summary>
    /// <param name="text">The value.</param>
    /// <param name="staleness">What was read.</param>
    /// <param name="refusal">What is wrong with the value, as a sentence; null when it was read.</param>
    public static bool TryParse(string text, out TimeSpan staleness, [NotNullWhen(false)] out string? refusal)
    {
        ArgumentNullException.ThrowIfNull(text);
        refusal = null;
        if (KvTimeout.TryParseUnits(text, out staleness) && staleness <= Max)
            return true;
        staleness = default;
        refusal = "The staleness is a whole number of seconds (5 or 5s) or milliseconds (500ms), at most a day.";
        return false;
    }
}
