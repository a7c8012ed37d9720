using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using KvStore.Contracts;

namespace KvStore.Client.Caching;

/// <summary>The key under which a store keeps an entry of a cache, whose keys may be any string.</summary>
internal static class CacheKey
{
    private const string Hashed = "sha256:";

    private static readonly UTF8Encoding Strict =
        new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>
    /// The string itself where it is a key of a store; else, and where it looks like one of these, its hash.
    /// </summary>
    public static string Of(string key) => Of(key, KeyPath.MaxKeyBytes, apart: "");

    /// <summary>The same for a part of a key: the hash also where the string is no part.</summary>
    /// <param name="key">Any string.</param>
    /// <param name="maxBytes">How long the part may be: as long as a hash, or longer.</param>
    /// <param name="apart">Characters that keep the parts of the key apart, and so cannot be in one.</param>
    public static string Of(string key, int maxBytes, string apart) =>
        IsKey(key, maxBytes)
            && !key.AsSpan().ContainsAny(apart)
            && !key.StartsWith(Hashed, StringComparison.Ordinal)
                ? key
                : Hashed + Convert.ToHexStringLower(SHA256.HashData(MemoryMarshal.AsBytes(key.AsSpan())));

    private static bool IsKey(string key, int maxBytes)
    {
        if (key.Length > maxBytes)
            return false;
        try
        {
            var bytes = Strict.GetBytes(key);
            return bytes.Length <= maxBytes && KeyPath.Refuse(bytes) is null;
        }
        catch (EncoderFallbackException)
        {
            return false;    // half of a pair of surrogates has no bytes of its own
        }
    }
}
