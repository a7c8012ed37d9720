using System.Globalization;

namespace KvStore.Contracts;

/// <summary>
/// The text of an entity tag: <c>"{cluster}-{term}-{index}"</c> with its quotes, cluster in 16 and term in as few
/// hexadecimal digits as it needs, index in decimal; for instance <c>"00000000c0ffee00-9f3c-42"</c>. Always strong.
/// </summary>
/// <remarks>Each version has exactly one text: upper case, signs and leading zeros are not read.</remarks>
public static class EtagFormat
{
    /// <summary>The longest text, quotes included.</summary>
    public const int MaxLength = 1 + 16 + 1 + 16 + 1 + 19 + 1;

    /// <summary>Writes the tag; allocates its string and nothing else.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Term or index is below 1: no write has such a version.</exception>
    public static string Format(Etag etag)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(etag.Term, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(etag.Index, 1);
        Span<char> text = stackalloc char[MaxLength];
        return new string(text[..Write(etag, text)]);
    }

    /// <summary>Reads a tag with its quotes; false for anything that <see cref="Format"/> does not write.</summary>
    public static bool TryParse(ReadOnlySpan<char> text, out Etag etag)
    {
        etag = default;
        if (text.Length is < 2 or > MaxLength || text[0] != '"' || text[^1] != '"')
            return false;
        Span<Range> fields = stackalloc Range[4];
        var inner = text[1..^1];
        if (inner.Split(fields, '-') != 3
            || !TryParseHex(inner[fields[0]], out var cluster)
            || !TryParseHex(inner[fields[1]], out var term) || term is 0 or > long.MaxValue
            || !long.TryParse(inner[fields[2]], NumberStyles.None, CultureInfo.InvariantCulture, out var index)
            || index == 0)
        {
            return false;
        }

        var read = new Etag(cluster, (long)term, index);
        Span<char> canonical = stackalloc char[MaxLength];
        if (!text.SequenceEqual(canonical[..Write(read, canonical)]))
            return false;
        etag = read;
        return true;
    }

    private static int Write(Etag etag, Span<char> text)
    {
        text.TryWrite(
            CultureInfo.InvariantCulture, $"\"{etag.ClusterId:x16}-{etag.Term:x}-{etag.Index}\"", out var written);
        return written;
    }

    private static bool TryParseHex(ReadOnlySpan<char> digits, out ulong value) =>
        ulong.TryParse(digits, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out value);
}
