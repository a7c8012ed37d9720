using System.Buffers;
using System.Buffers.Binary;
using System.Buffers.Text;
using System.IO.Hashing;

namespace KvStore.Node.Api;

/// <summary>What clients keep for us without looking into it; the numbers are in the formats.</summary>
internal enum TokenKind : byte
{
    /// <summary>Where a list goes on.</summary>
    ListCursor = 1,
}

/// <summary>
/// Bytes as text that goes through URLs and headers, with their kind, a version and a checksum, so that what is not
/// ours is not taken for it. No secret, and no proof of who made it. Described in docs/formats.md.
/// </summary>
internal static class SealedToken
{
    private const byte Version = 1;
    private const int HeadBytes = 2;
    private const int ChecksumBytes = 4;

    /// <summary>Writes bytes as text.</summary>
    public static string Seal(TokenKind kind, ReadOnlySpan<byte> content)
    {
        var bytes = new byte[HeadBytes + content.Length + ChecksumBytes];
        (bytes[0], bytes[1]) = ((byte)kind, Version);
        content.CopyTo(bytes.AsSpan(HeadBytes));
        var sum = Crc32.HashToUInt32(bytes.AsSpan(0, bytes.Length - ChecksumBytes));
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(bytes.Length - ChecksumBytes), sum);
        return Base64Url.EncodeToString(bytes);
    }

    /// <summary>Reads them again; false for anything else.</summary>
    /// <param name="kind">What it must be.</param>
    /// <param name="text">The text.</param>
    /// <param name="maxBytes">The most that it can hold.</param>
    /// <param name="content">The bytes.</param>
    public static bool TryOpen(TokenKind kind, string text, int maxBytes, out ReadOnlyMemory<byte> content)
    {
        content = default;
        if (text.Length > Base64Url.GetEncodedLength(maxBytes + HeadBytes + ChecksumBytes) || text.Length < 8)
            return false;
        var bytes = new byte[text.Length];
        var status = Base64Url.DecodeFromChars(text, bytes, out var consumed, out var length);
        if (status is not OperationStatus.Done || consumed != text.Length || length < HeadBytes + ChecksumBytes)
            return false;
        var sealedPart = bytes.AsSpan(0, length - ChecksumBytes);
        if (bytes[0] != (byte)kind || bytes[1] != Version
            || Crc32.HashToUInt32(sealedPart)
                != BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(length - ChecksumBytes)))
            return false;
        content = bytes.AsMemory(HeadBytes, length - HeadBytes - ChecksumBytes);
        return true;
    }
}
