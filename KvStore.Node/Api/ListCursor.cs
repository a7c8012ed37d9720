using System.Buffers;
using System.Buffers.Binary;
using KvStore.Contracts;

namespace KvStore.Node.Api;

/// <summary>Where a list goes on, as the text that clients give back. Described in docs/formats.md.</summary>
/// <param name="Snapshot">The snapshot that it is of.</param>
/// <param name="Print">What the list was asked for with; another list cannot go on here.</param>
/// <param name="Count">How many keys there are in all; null: they were not counted.</param>
/// <param name="Position">The bound behind which it goes on.</param>
internal sealed record ListCursor(ulong Snapshot, ulong Print, long? Count, ReadOnlyMemory<byte> Position)
{
    private const int FixedBytes = 2 * sizeof(ulong);
    private const int MaxPosition = KeyPath.MaxKeyBytes + 1;
    private const int MaxBytes = FixedBytes + IndexFormat.MaxBytes + MaxPosition;

    /// <summary>Writes it.</summary>
    public string Format()
    {
        var content = new ArrayBufferWriter<byte>();
        BinaryPrimitives.WriteUInt64LittleEndian(content.GetSpan(FixedBytes), Snapshot);
        BinaryPrimitives.WriteUInt64LittleEndian(content.GetSpan(FixedBytes)[sizeof(ulong)..], Print);
        content.Advance(FixedBytes);
        content.Advance(IndexFormat.Write(
            Count is { } count ? (ulong)count + 1 : 0, content.GetSpan(IndexFormat.MaxBytes)));
        content.Write(Position.Span);
        return SealedToken.Seal(TokenKind.ListCursor, content.WrittenSpan);
    }

    /// <summary>Reads it again; null for anything that <see cref="Format"/> does not write.</summary>
    public static ListCursor? Parse(string text)
    {
        if (!SealedToken.TryOpen(TokenKind.ListCursor, text, MaxBytes, out var content) || content.Length < FixedBytes)
            return null;
        var rest = content.Span[FixedBytes..];
        if (!IndexFormat.TryRead(ref rest, out var count) || rest.Length is 0 or > MaxPosition)
            return null;
        return new ListCursor(
            BinaryPrimitives.ReadUInt64LittleEndian(content.Span),
            BinaryPrimitives.ReadUInt64LittleEndian(content.Span[sizeof(ulong)..]),
            count > 0 ? (long)count - 1 : null,
            rest.ToArray());
    }
}
