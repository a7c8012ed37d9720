using System.Buffers;
using System.Buffers.Text;

namespace KvStore.Contracts;

/// <summary>Keys in the query of the path of all keys: those that a path cannot carry, or any.</summary>
public static partial class KeyPath
{
    private const string Plain = "key";
    private const string InBase64 = "key64";

    private static KeyTarget ReadQuery(string bucket, KeyRoot root, string query)
    {
        var found = default(Range?);
        foreach (var range in query.AsSpan().Split('&'))
        {
            if (NameIn(query.AsSpan(range)) is not (Plain or InBase64))
                continue;
            if (found is not null)
                return new KeyTarget.Invalid(ProblemType.QueryInvalid, "Send one of key and key64, and send it once.");
            found = range;
        }

        if (found is not { } pair)
            return new KeyTarget.Collection(bucket, root, query);
        var refusal = ReadPair(query.AsSpan(pair), out var key) ?? RefuseBytes(key);
        return refusal is not null ? refusal : new KeyTarget.Key(bucket, root, key, Without(query, pair));
    }

    /// <summary>A parameter's name as the readers of all others read it: decoded.</summary>
    private static ReadOnlySpan<char> NameIn(ReadOnlySpan<char> pair)
    {
        var name = pair.IndexOf('=') is >= 0 and var equals ? pair[..equals] : pair;
        return name.Contains('%') ? Uri.UnescapeDataString(name) : name;
    }

    private static KeyTarget.Invalid? ReadPair(ReadOnlySpan<char> pair, out byte[] key)
    {
        key = [];
        var value = pair.IndexOf('=') is >= 0 and var equals ? pair[(equals + 1)..] : default;
        if (NameIn(pair) is InBase64)
            return ReadBase64(value, out key);
        if (Measure(value, isInPath: false, out var length) is { } refusal)
            return refusal;
        key = new byte[length];
        Decode(value, key);
        return null;
    }

    /// <summary>Takes the one way to write a key in base64url: two names for it would be two keys to a cache.</summary>
    private static KeyTarget.Invalid? ReadBase64(ReadOnlySpan<char> text, out byte[] key)
    {
        key = [];
        var length = (int)(text.Length * 3L / 4);
        if (length > MaxKeyBytes)
            return TooLong(length);
        if (text.IsEmpty)
            return BadKey($"The key is empty; it must be 1 to {MaxKeyBytes} bytes of UTF-8.");
        var bytes = new byte[length];
        if (Base64Url.DecodeFromChars(text, bytes, out _, out var written) is not OperationStatus.Done
            || written != length
            || !text.SequenceEqual(Base64Url.EncodeToString(bytes)))
            return BadKey("key64 must be base64url without padding, and have no bits set beyond the last byte.");
        key = bytes;
        return null;
    }

    /// <summary>The query as if the pair had not been sent.</summary>
    private static string Without(string query, Range pair)
    {
        var (before, after) = (query[..pair.Start], query[pair.End..]);
        if (before.Length == 0)
            return after.Length > 1 ? after[1..] : after;
        return after.Length > 0 ? before + after[1..] : before.Length > 1 ? before[..^1] : before;
    }
}
