using Microsoft.Extensions.Primitives;

namespace KvStore.Node.Api;

/// <summary>What the answer to a write is to carry, by <c>Prefer: return=</c> (RFC 7240).</summary>
internal enum ReturnPreference
{
    /// <summary>What such an answer carries if nobody says anything.</summary>
    Default,

    /// <summary>No body.</summary>
    Minimal,

    /// <summary>The stored entry.</summary>
    Representation,
}

/// <summary>Reads the preference; one that is not understood is ignored, and of two the first counts.</summary>
internal static class ReturnPreferences
{
    private const string Name = "return";

    /// <summary>Reads the header.</summary>
    public static ReturnPreference Read(StringValues prefer)
    {
        foreach (var line in prefer)
        {
            foreach (var range in line.AsSpan().Split(','))
            {
                if (ValueOf(line.AsSpan(range)) is { IsEmpty: false } value)
                    return value is "minimal" ? ReturnPreference.Minimal
                        : value is "representation" ? ReturnPreference.Representation
                        : ReturnPreference.Default;
            }
        }

        return ReturnPreference.Default;
    }

    /// <summary>What was honoured, for <c>Preference-Applied</c>.</summary>
    public static string Applied(ReturnPreference preference) =>
        preference is ReturnPreference.Minimal ? "return=minimal" : "return=representation";

    /// <summary>What return is to be; empty when this is another preference.</summary>
    private static ReadOnlySpan<char> ValueOf(ReadOnlySpan<char> preference)
    {
        var end = preference.IndexOf(';');
        var pair = end < 0 ? preference : preference[..end];
        var equals = pair.IndexOf('=');
        return equals >= 0 && pair[..equals].Trim().Equals(Name, StringComparison.OrdinalIgnoreCase)
            ? pair[(equals + 1)..].Trim().Trim('"')
            : default;
    }
}
