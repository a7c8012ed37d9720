using System.Globalization;
using Microsoft.Extensions.Primitives;

namespace KvStore.Node.Api;

/// <summary>The part of a value that a read asks for by <c>Range: bytes=</c> (RFC 9110, section 14).</summary>
/// <param name="Start">The first byte, from 0.</param>
/// <param name="Length">How many; 0: none of those asked for is there.</param>
internal readonly record struct ByteRange(int Start, int Length)
{
    private const string Unit = "bytes=";

    /// <summary>
    /// Reads the header. Null: the whole value is given, as for no range, several, or one that cannot be read.
    /// </summary>
    public static ByteRange? Read(StringValues header, int size)
    {
        if (header.Count != 1 || header[0] is not { } text
            || !text.StartsWith(Unit, StringComparison.OrdinalIgnoreCase))
            return null;
        var spec = text.AsSpan(Unit.Length).Trim(" \t");
        var dash = spec.IndexOf('-');
        if (dash < 0 || !TryRead(spec[..dash], out var first) || !TryRead(spec[(dash + 1)..], out var last))
            return null;
        if (first is null)
            return last is null || size == 0 ? null : Suffix(last.Value, size);
        if (last < first)
            return null;
        if (first >= size)
            return new ByteRange(0, 0);
        var end = last is null || last >= size ? size - 1 : (int)last.Value;
        return new ByteRange((int)first.Value, end - (int)first.Value + 1);
    }

    /// <summary>What <c>Content-Range</c> says of it.</summary>
    public string Format(int size) => Length == 0
        ? string.Create(CultureInfo.InvariantCulture, $"bytes */{size}")
        : string.Create(CultureInfo.InvariantCulture, $"bytes {Start}-{Start + Length - 1}/{size}");

    private static ByteRange Suffix(long length, int size)
    {
        var taken = (int)Math.Min(length, size);
        return new ByteRange(taken == 0 ? 0 : size - taken, taken);
    }

    /// <summary>Digits, however many: more than can be counted is beyond every value. Null: none.</summary>
    private static bool TryRead(ReadOnlySpan<char> digits, out long? number)
    {
        number = null;
        if (digits.IsEmpty)
            return true;
        if (digits.ContainsAnyExceptInRange('0', '9'))
            return false;
        number = long.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var read)
            ? read
            : long.MaxValue;
        return true;
    }
}
