using System.Security.Cryptography;
using KvStore.Contracts;
using Microsoft.Extensions.Primitives;

namespace KvStore.Node.Api;

/// <summary>
/// Digests of a message's content (RFC 9530). Those that a writer sends are verified before anything is applied; one
/// is made only for a reader who asks, since hashing a large value costs more than reading it.
/// </summary>
internal static class ContentDigest
{
    private const string Sha256 = "sha-256";
    private const string Sha512 = "sha-512";

    /// <summary>Verifies what came with a body; algorithms that are not known are passed over.</summary>
    /// <returns>Null when nothing contradicts; else the refusal.</returns>
    public static Refusal? Verify(StringValues header, ReadOnlySpan<byte> content)
    {
        foreach (var line in header)
        {
            foreach (var range in line.AsSpan().Split(','))
            {
                if (VerifyMember(line.AsSpan(range).Trim(" \t"), content) is { } refusal)
                    return refusal;
            }
        }

        return null;
    }

    /// <summary>Whether the client asks for the digest that <see cref="Of"/> makes.</summary>
    public static bool IsWanted(StringValues want)
    {
        foreach (var line in want)
        {
            foreach (var range in line.AsSpan().Split(','))
            {
                var member = line.AsSpan(range).Trim(" \t");
                var equals = member.IndexOf('=');
                if ((equals < 0 ? member : member[..equals]) is Sha256)
                    return equals < 0 || member[(equals + 1)..] is not "0";
            }
        }

        return false;
    }

    /// <summary>The header's value for what is sent.</summary>
    public static string Of(ReadOnlySpan<byte> content)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(content, hash);
        return $"{Sha256}=:{Convert.ToBase64String(hash)}:";
    }

    private static Refusal? VerifyMember(ReadOnlySpan<char> member, ReadOnlySpan<byte> content)
    {
        var equals = member.IndexOf('=');
        if (equals <= 0)
            return Malformed;
        Span<byte> sent = stackalloc byte[SHA512.HashSizeInBytes];
        if (!TryReadBytes(member[(equals + 1)..], sent, out var length))
            return Malformed;
        Span<byte> hash = stackalloc byte[SHA512.HashSizeInBytes];
        var made = member[..equals] switch
        {
            Sha256 => SHA256.HashData(content, hash),
            Sha512 => SHA512.HashData(content, hash),
            _ => 0,
        };
        if (made == 0)
            return null;
        if (made != length)
            return Malformed;
        return hash[..made].SequenceEqual(sent[..made])
            ? null
            : new Refusal(
                ProblemType.DigestMismatch,
                "The body that arrived is not the one that Content-Digest was made of; nothing was applied.");
    }

    /// <summary>
    /// Reads a byte sequence of structured fields; one too long for any known algorithm counts as 0 bytes.
    /// </summary>
    private static bool TryReadBytes(ReadOnlySpan<char> text, Span<byte> bytes, out int length)
    {
        length = 0;
        if (text.Length < 2 || text[0] != ':' || text[1..].IndexOf(':') is not (>= 0 and var close))
            return false;
        var base64 = text.Slice(1, close);
        var rest = text[(close + 2)..];
        if (!rest.IsEmpty && rest[0] != ';')    // parameters say nothing here
            return false;
        return base64.Length > Base64LengthOf(bytes.Length)
            || Convert.TryFromBase64Chars(base64, bytes, out length);
    }

    private static int Base64LengthOf(int bytes) => (bytes + 2) / 3 * 4;

    private static Refusal Malformed { get; } = new(
        ProblemType.HeaderInvalid,
        "Content-Digest is a list such as sha-256=:base64: with padding; nothing was applied.");
}
