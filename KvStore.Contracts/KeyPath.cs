using System.Text.Unicode;

namespace KvStore.Contracts;

/// <summary>
/// Reads a key from the raw target of a request line: decoded exactly once, and before anything between the socket and
/// the handler has decoded or normalised it. A key is 1 to <see cref="MaxKeyBytes"/> bytes of UTF-8 without control
/// characters, however it is sent, since every answer that names it is text:
/// <list type="bullet">
/// <item>in the path, <c>/v1/{key}</c> or <c>/buckets/{bucket}/keys/{key}</c>, percent-encoded; a slash may be written
/// <c>/</c> or <c>%2F</c>;</item>
/// <item>as <c>?key=</c> on the path of all keys, percent-encoded likewise; a plus is a plus;</item>
/// <item>as <c>?key64=</c> there, in base64url without padding.</item>
/// </list>
/// </summary>
/// <remarks>
/// Segments are those of the raw path, cut at <c>/</c>: empty ones and those that decode to <c>.</c> or <c>..</c> are
/// refused, since clients and proxies rewrite them on the way; <c>a%2F%2Fb</c> is the key <c>a//b</c>. So is a
/// backslash, encoded or not. The query can carry such keys. A bucket's name is never encoded.
/// Kestrel refuses targets with bytes above 0x7F; one that comes another way is refused here.
/// </remarks>
public static partial class KeyPath
{
    /// <summary>The longest key.</summary>
    public const int MaxKeyBytes = 1024;

    private const string BucketPrefix = Routes.Buckets + "/";
    private const string InBucket = "/keys";

    /// <summary>Reads the target of a request line, such as <c>/v1/cart%2F7?consistency=eventual</c>.</summary>
    /// <param name="rawTarget">As it was received (<c>IHttpRequestFeature.RawTarget</c>).</param>
    public static KeyTarget Parse(string rawTarget)
    {
        ArgumentNullException.ThrowIfNull(rawTarget);
        var mark = rawTarget.IndexOf('?');
        var path = rawTarget.AsSpan(0, mark < 0 ? rawTarget.Length : mark);
        if (path.StartsWith(Routes.Keys) && path.Length > Routes.Keys.Length)
            return ReadPath(path[Routes.Keys.Length..], BucketName.Default, KeyRoot.Envelope, rawTarget);
        if (path is Routes.Keys or Routes.DefaultKeys)
            return ReadQuery(BucketName.Default, KeyRoot.Envelope, QueryOf(rawTarget));
        if (path.StartsWith(BucketPrefix))
            return ReadBucket(path[BucketPrefix.Length..], rawTarget);
        if (path is Routes.Buckets)
            return new KeyTarget.BucketRoute("", QueryOf(rawTarget));
        return path.StartsWith('/')
            ? KeyTarget.OtherRoute.Instance
            : BadTarget("The request target must start with a slash; a whole URL or an asterisk is refused.");
    }

    private static KeyTarget ReadBucket(ReadOnlySpan<char> path, string rawTarget)
    {
        if (path.IsEmpty)
            return new KeyTarget.BucketRoute("", QueryOf(rawTarget));
        var slash = path.IndexOf('/');
        var name = slash < 0 ? path : path[..slash];
        var rest = path[name.Length..];
        if (!BucketName.IsValid(name))
            return new KeyTarget.Invalid(ProblemType.BucketInvalid, BucketName.Rule);
        if (rest.StartsWith(InBucket) && rest.Length > InBucket.Length && rest[InBucket.Length] == '/')
            return ReadPath(rest[(InBucket.Length + 1)..], NameOf(name), KeyRoot.Raw, rawTarget);
        if (rest is InBucket)
            return ReadQuery(NameOf(name), KeyRoot.Raw, QueryOf(rawTarget));
        return IsPlain(rest)
            ? new KeyTarget.BucketRoute(rest.ToString(), QueryOf(rawTarget))
            : BadTarget("Below a bucket only keys may be encoded, and no segment of a path may be empty, . or ..");
    }

    private static string NameOf(ReadOnlySpan<char> bucket) =>
        bucket is BucketName.Default ? BucketName.Default : bucket.ToString();

    private static string QueryOf(string rawTarget) =>
        rawTarget.IndexOf('?') is >= 0 and var mark ? rawTarget[(mark + 1)..] : "";

    /// <summary>Whether the router sees the path as it was sent; a slash at the end it does not mind.</summary>
    private static bool IsPlain(ReadOnlySpan<char> path)
    {
        if (path.ContainsAny('%', '\\'))
            return false;
        while (path.Length > 1)
        {
            path = path[1..];
            var slash = path.IndexOf('/');
            if (IsRewritten(slash < 0 ? path : path[..slash]))
                return false;
            path = slash < 0 ? default : path[slash..];
        }

        return true;
    }

    private static KeyTarget ReadPath(ReadOnlySpan<char> path, string bucket, KeyRoot root, string rawTarget)
    {
        if (Measure(path, isInPath: true, out var length) is { } refusal)
            return refusal;
        var key = new byte[length];
        Decode(path, key);
        var invalid = RefuseBytes(key) ?? RefuseSegments(path);
        return invalid is not null ? invalid : new KeyTarget.Key(bucket, root, key, QueryOf(rawTarget));
    }

    /// <summary>Counts the key's bytes and refuses what is badly encoded, before anything is allocated.</summary>
    private static KeyTarget.Invalid? Measure(ReadOnlySpan<char> text, bool isInPath, out int length)
    {
        length = 0;
        for (var at = 0; at < text.Length; at++, length++)
        {
            var unit = text[at];
            if (unit == '%')
            {
                if (at + 2 >= text.Length || !char.IsAsciiHexDigit(text[at + 1]) || !char.IsAsciiHexDigit(text[at + 2]))
                    return BadTarget("A percent sign in a key must be followed by two hexadecimal digits.");
                unit = (char)Octet(text, at);
                at += 2;
                if (unit != '\\' || !isInPath)
                    continue;
            }

            if (unit == '\\')
                return BadTarget("The path must not hold a backslash, encoded or not; ?key= takes an encoded one.");
            if (unit is ' ' or '#' or > '\x7F')
                return BadTarget("Spaces, # and characters beyond ASCII must be percent-encoded in a key.");
        }

        if (length > MaxKeyBytes)
            return TooLong(length);
        return length == 0 ? BadKey($"The key is empty; it must be 1 to {MaxKeyBytes} bytes of UTF-8.") : null;
    }

    private static void Decode(ReadOnlySpan<char> text, Span<byte> key)
    {
        var from = 0;
        for (var to = 0; to < key.Length; to++)
        {
            var isEncoded = text[from] == '%';
            key[to] = isEncoded ? Octet(text, from) : (byte)text[from];
            from += isEncoded ? 3 : 1;
        }
    }

    /// <summary>Why bytes that came in no path and no query are no key; null when they are one.</summary>
    public static KeyTarget.Invalid? Refuse(ReadOnlySpan<byte> key) =>
        key.IsEmpty ? BadKey($"The key is empty; it must be 1 to {MaxKeyBytes} bytes of UTF-8.")
        : key.Length > MaxKeyBytes ? TooLong(key.Length)
        : RefuseBytes(key);

    private static KeyTarget.Invalid? RefuseBytes(ReadOnlySpan<byte> key)
    {
        foreach (var octet in key)
        {
            if (octet is < 0x20 or 0x7F)
                return BadKey("The key holds a control character; it must be UTF-8 text without any.");
        }

        return Utf8.IsValid(key) ? null : BadKey("The key is not valid UTF-8.");
    }

    private static KeyTarget.Invalid? RefuseSegments(ReadOnlySpan<char> path)
    {
        foreach (var segment in path.Split('/'))
        {
            if (IsRewritten(path[segment]))
                return BadKey(
                    "No segment of the path may be empty, . or .. (a slash of the key itself is %2F, or use ?key=).");
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

    private static byte Octet(ReadOnlySpan<char> text, int percent) =>
        (byte)((HexDigit(text[percent + 1]) << 4) | HexDigit(text[percent + 2]));

    private static int HexDigit(char digit) => char.IsAsciiDigit(digit) ? digit - '0' : (digit | 0x20) - 'a' + 10;

    private static KeyTarget.Invalid TooLong(int length) =>
        new(ProblemType.KeyTooLong, $"The key is {length} bytes long; {MaxKeyBytes} are allowed.");

    private static KeyTarget.Invalid BadTarget(string detail) => new(ProblemType.TargetInvalid, detail);

    private static KeyTarget.Invalid BadKey(string detail) => new(ProblemType.KeyInvalid, detail);
}
