using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;

namespace KvStore.Contracts;

/// <summary>What <c>If-Match</c> or <c>If-None-Match</c> asks for: any version at all, or one of a few.</summary>
/// <remarks>
/// Written as in RFC 9110, section 8.8.3, but for two things: weak tags are refused, since no answer of this store has
/// one, and at most <see cref="MaxTags"/> are taken. A tag that is well formed but not of this store matches nothing.
/// </remarks>
public sealed record EtagCondition
{
    /// <summary>The most tags in one condition.</summary>
    public const int MaxTags = 16;

    private EtagCondition(bool isAny, ImmutableArray<Etag> tags)
    {
        IsAny = isAny;
        Tags = tags;
    }

    /// <summary>An asterisk: met by every version of a key that is there.</summary>
    public bool IsAny { get; }

    /// <summary>The tags that this kind of store writes, of any cluster; empty with an asterisk.</summary>
    public ImmutableArray<Etag> Tags { get; }

    private static EtagCondition Any { get; } = new(isAny: true, []);

    /// <summary>Reads a header's value; those of several lines are joined by commas first.</summary>
    /// <param name="text">The value.</param>
    /// <param name="condition">What was read; null when refused.</param>
    /// <param name="refusal">What is wrong with the value, as a sentence; null when it was read.</param>
    public static bool TryParse(
        string text,
        [NotNullWhen(true)] out EtagCondition? condition,
        [NotNullWhen(false)] out string? refusal)
    {
        ArgumentNullException.ThrowIfNull(text);
        var value = text.AsSpan().Trim(" \t");
        if (value is "*")
        {
            condition = Any;
            refusal = null;
            return true;
        }

        refusal = ReadList(value, out var tags);
        condition = refusal is null ? new EtagCondition(isAny: false, tags) : null;
        return condition is not null;
    }

    private static string? ReadList(ReadOnlySpan<char> rest, out ImmutableArray<Etag> read)
    {
        read = [];
        var tags = ImmutableArray.CreateBuilder<Etag>(1);
        for (var count = 1; ; count++)
        {
            if (count > MaxTags)
                return $"At most {MaxTags} entity tags are taken.";
            if (rest.StartsWith("W/", StringComparison.Ordinal))
                return "Weak entity tags (W/) are not taken; send the ETag as it was received.";
            var length = QuotedLength(rest);
            if (length == 0)
                return "An asterisk or a list of quoted entity tags is expected, such as \"00000000c0ffee00-1-42\".";
            if (EtagFormat.TryParse(rest[..length], out var tag))
                tags.Add(tag);
            rest = rest[length..].TrimStart(" \t");
            if (rest.IsEmpty)
                break;
            if (rest[0] != ',')
                return "Entity tags must be separated by commas.";
            rest = rest[1..].TrimStart(" \t");
        }

        read = tags.DrainToImmutable();
        return null;
    }

    /// <summary>The length of the quoted tag that the text starts with, 0 if it starts with none.</summary>
    private static int QuotedLength(ReadOnlySpan<char> text)
    {
        if (text.IsEmpty || text[0] != '"')
            return 0;
        var inner = text[1..].IndexOf('"');
        return inner < 0 || text.Slice(1, inner).ContainsAnyInRange('\0', ' ') || text.Slice(1, inner).Contains('\x7F')
            ? 0
            : inner + 2;
    }
}
