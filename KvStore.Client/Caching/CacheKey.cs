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
    public static string Of(string key) => IsKey(key) && !key.StartsWith(Hashed, StringComparison.Ordinal)
        ? key
        : Hashed + Convert.ToHexStringLower(SHA256.HashData(MemoryMarshal.AsBytes(key.AsSpan())));

    private static bool IsKey(string key)
    {
        if (key.Length > KeyPath.MaxKeyBytes)
            return false;
        try
        {
            return KeyPath.Refuse(Strict.GetBytes(key)) is null;
        }
        catch (EncoderFallbackException)
        {
            return false;    // half of a pair of surrogates has no bytes of its own
        }
    }
}
