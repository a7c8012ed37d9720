using System.Text.Unicode;

namespace KvStore.Contracts;

/// <summary>
/// Reads a key from the raw target of a request line: decoded exactly once, and before anything between the socket and
/// the handler has decoded or normalised it. A slash may be written <c>/</c> or <c>%2F</c>.
/// </summary>
/// <remarks>
/// Segments are those of the raw path, cut at <c>/</c>: empty ones and those that decode to <c>.</c> or <c>..</c> are
/// refused, since clients and proxies rewrite them on the way; <c>a%2F%2Fb</c> is the key <c>a//b</c>.
/// Kestrel refuses targets with bytes above 0x7F; one that comes another way is refused here.
/// </remarks>
public static class KeyPath
{
    /// <summary>The longest key.</summary>
    public const int MaxKeyBytes = 1024;

    /// <summary>Reads the target of a request line, such as <c>/v1/cart%2F7?consistency=eventual</c>.</summary>
    /// <param name="rawTarget">As it was received (<c>IHttpRequestFeature.RawTarget</c>).</param>
    public static KeyTarget Parse(string rawTarget)
    {
        ArgumentNullException.ThrowIfNull(rawTarget);
        if (!rawTarget.StartsWith('/'))
            return BadTarget("The request target must start with a slash; a whole URL or an asterisk is refused.");
        if (!rawTarget.StartsWith(Routes.Keys, StringComparison.Ordinal))
            return KeyTarget.OtherRoute.Instance;

        var path = rawTarget.AsSpan(Routes.Keys.Length);
        var query = "";
        if (path.IndexOf('?') is >= 0 and var mark)
        {
            query = rawTarget[(Routes.Keys.Length + mark + 1)..];
            path = path[..mark];
        }

        if (Measure(path, out var length) is { } refusal)
            return refusal;
        var key = new byte[length];
        Decode(path, key);
        return RefuseKey(path, key) is { } invalid ? invalid : new KeyTarget.Key(key, query);
    }

    /// <summary>Counts the key's bytes and refuses what is no path at all, before anything is allocated.</summary>
    private static KeyTarget.Invalid? Measure(ReadOnlySpan<char> path, out int length)
    {
        length = 0;
        for (var at = 0; at < path.Length; at++, length++)
        {
            var unit = path[at];
            if (unit == '%')
            {
                if (at + 2 >= path.Length || !char.IsAsciiHexDigit(path[at + 1]) || !char.IsAsciiHexDigit(path[at + 2]))
                    return BadTarget("A percent sign in the path must be followed by two hexadecimal digits.");
                unit = (char)Octet(path, at);
                at += 2;
                if (unit != '\\')
                    continue;
            }

            if (unit == '\\')
                return BadTarget("The path must not hold a backslash, encoded or not.");
            if (unit is ' ' or '#' or > '\x7F')
                return BadTarget("Spaces, # and characters beyond ASCII must be percent-encoded in the path.");
        }

        if (length > MaxKeyBytes)
            return new(ProblemType.KeyTooLong, $"The key is {length} bytes long; {MaxKeyBytes} are allowed.");
        return length == 0 ? BadKey($"The key is empty; it must be 1 to {MaxKeyBytes} bytes of UTF-8.") : null;
    }

    private static void Decode(ReadOnlySpan<char> path, Span<byte> key)
    {
        var from = 0;
        for (var to = 0; to < key.Length; to++)
        {
            var isEncoded = path[from] == '%';
            key[to] = isEncoded ? Octet(path, from) : (byte)path[from];
            from += isEncoded ? 3 : 1;
        }
    }

    private static KeyTarget.Invalid? RefuseKey(ReadOnlySpan<char> path, ReadOnlySpan<byte> key)
    {
        foreach (var octet in key)
        {
            if (octet is < 0x20 or 0x7F)
                return BadKey("The key holds a control character; it must be UTF-8 text without any.");
        }

        if (!Utf8.IsValid(key))
            return BadKey("The key is not valid UTF-8.");
        foreach (var segment in path.Split('/'))
        {
            if (IsRewritten(path[segment]))
                return BadKey("No segment of the path may be empty, . or .. (write a slash that belongs to the key as %2F).");
        }

        return null;
    }

    /// <summary>Whether software on the way may drop the segment: an empty one, one dot or two, also encoded.</summary>
    private static bool IsRewritten(ReadOnlySpan<char> segment)
    {
        var dots = 0;
        while (!segment.IsEmpty)
        {
            var width = segment[0] == '.' ? 1 : segment.StartsWith("%2e", StringComparison.OrdinalIgnoreCase) ? 3 : 0;
            if (width == 0 || ++dots > 2)
                return false;
            segment = segment[width..];
        }

        return true;
    }

    private static byte Octet(ReadOnlySpan<char> path, int percent) =>
        (byte)((HexDigit(path[percent + 1]) << 4) | HexDigit(path[percent + 2]));

    private static int HexDigit(char digit) => char.IsAsciiDigit(digit) ? digit - '0' : (digit | 0x20) - 'a' + 10;

    private static KeyTarget.Invalid BadTarget(string detail) => new(ProblemType.TargetInvalid, detail);

    private static KeyTarget.Invalid BadKey(string detail) => new(ProblemType.KeyInvalid, detail);
}
