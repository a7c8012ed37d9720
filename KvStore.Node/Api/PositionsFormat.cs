using System.Buffers;
using System.Buffers.Binary;
using System.Collections.Immutable;
using KvStore.Core.Primitives;

namespace KvStore.Node.Api;

/// <summary>
/// Where each partition of a cluster stood, as the text that clients know as a snapshot. Described in docs/formats.md.
/// </summary>
internal static class PositionsFormat
{
    private const int MaxPartitions = 4096;
    private const int MaxBytes = sizeof(ulong) + 2 + 10 * MaxPartitions;

    /// <summary>Writes the positions of all partitions, in their order.</summary>
    public static string Format(ulong clusterId, ImmutableArray<LogIndex> positions)
    {
        var content = new ArrayBufferWriter<byte>();
        BinaryPrimitives.WriteUInt64LittleEndian(content.GetSpan(sizeof(ulong)), clusterId);
        content.Advance(sizeof(ulong));
        Varint.Write(content, (ulong)positions.Length);
        long last = 0;
        foreach (var position in positions)
        {
            Varint.Write(content, Varint.ZigZag(position.Value - last));    // neighbours are of one age, mostly
            last = position.Value;
        }

        return SealedToken.Seal(TokenKind.Positions, content.WrittenSpan);
    }

    /// <summary>Reads them again; false for anything that <see cref="Format"/> does not write.</summary>
    public static bool TryParse(string text, out ulong clusterId, out ImmutableArray<LogIndex> positions)
    {
        (clusterId, positions) = (0, []);
        if (!SealedToken.TryOpen(TokenKind.Positions, text, MaxBytes, out var content)
            || content.Length < sizeof(ulong))
            return false;
        var rest = content.Span[sizeof(ulong)..];
        if (!Varint.TryRead(ref rest, out var count) || count > MaxPartitions)
            return false;
        var read = ImmutableArray.CreateBuilder<LogIndex>((int)count);
        long last = 0;
        for (var at = 0UL; at < count; at++)
        {
            if (!Varint.TryRead(ref rest, out var step))
                return false;
            last += Varint.UnZigZag(step);
            if (last < 0)
                return false;
            read.Add(new LogIndex(last));
        }

        (clusterId, positions) = (BinaryPrimitives.ReadUInt64LittleEndian(content.Span), read.MoveToImmutable());
        return rest.IsEmpty;
    }
}
