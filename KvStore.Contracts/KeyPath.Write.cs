using System.Text;

namespace KvStore.Contracts;

/// <summary>The way back: from a key to the target that names it.</summary>
public static partial class KeyPath
{
    private const string Digits = "0123456789ABCDEF";

    /// <summary>
    /// Writes the target of a key: in the path, or as <c>?key=</c> when no path can carry it. <see cref="Parse"/> reads
    /// the same key from it. Slashes of a path are not encoded; all else but letters, digits and <c>-._~</c> is.
    /// </summary>
    /// <param name="root">Which path; <see cref="KeyRoot.Envelope"/> leads to the default bucket only.</param>
    /// <param name="bucket">A name as <see cref="BucketName"/> has it.</param>
    /// <param name="key">1 to <see cref="MaxKeyBytes"/> bytes of UTF-8 without control characters.</param>
    public static string Write(KeyRoot root, string bucket, ReadOnlySpan<byte> key)
    {
        var all = root is KeyRoot.Envelope ? Routes.DefaultKeys : BucketPrefix + bucket + InBucket;
        var target = new StringBuilder(all, all.Length + key.Length + InBucket.Length);
        var isInPath = IsCarriedByPath(key);
        target.Append(isInPath ? "/" : $"?{Plain}=");
        foreach (var octet in key)
        {
            if (char.IsAsciiLetterOrDigit((char)octet) || octet is (byte)'-' or (byte)'.' or (byte)'_' or (byte)'~'
                || (octet == '/' && isInPath))
                target.Append((char)octet);
            else
                target.Append('%').Append(Digits[octet >> 4]).Append(Digits[octet & 0xF]);
        }

        return target.ToString();
    }

    private static bool IsCarriedByPath(ReadOnlySpan<byte> key)
    {
        foreach (var segment in key.Split((byte)'/'))
        {
            if (key[segment] is [] or [(byte)'.'] or [(byte)'.', (byte)'.'])
                return false;
        }

        return !key.Contains((byte)'\\');
    }
}
