using System.Buffers.Binary;
using System.IO.Hashing;
using KvStore.Core.Primitives;
using KvStore.Core.Replication;

namespace KvStore.Node.Storage;

/// <summary>What an item of the log is. Zero is never valid.</summary>
internal enum WalItem : byte
{
    /// <summary>A replica's term and vote.</summary>
    HardState = 1,

    /// <summary>An entry; replaces any entry at its index and all after it.</summary>
    Entry = 2,

    /// <summary>A received snapshot took the place of everything before: the log goes on behind it.</summary>
    Restart = 3,

    /// <summary>At the head of a segment: a snapshot at or after this position stands for what came before.</summary>
    Start = 4,

    /// <summary>The last item of a segment: the log goes on in the next one.</summary>
    Roll = 5,

    /// <summary>Nothing before this segment is needed any more: older ones may be gone, this one may not.</summary>
    Oldest = 6,
}

/// <summary>The position that a frame has in the chain of all frames.</summary>
internal readonly record struct ChainLink(ulong Sequence, ulong Checksum);

/// <summary>What a segment's header says.</summary>
/// <param name="Key">In every frame of this segment and, since it is a hash that nobody can foresee, in no other
/// bytes.</param>
/// <param name="Before">The link of the frame before the segment.</param>
internal readonly record struct SegmentHead(ulong Key, ChainLink Before);

/// <summary>A whole frame, wherever it stands in the chain.</summary>
internal readonly record struct WalFrame(ChainLink Link, ulong ChecksumBefore, int Length, int Items)
{
    /// <summary>An empty frame, not part of the chain; see <see cref="WalWriter.Seal"/>.</summary>
    public bool IsSeal => Items == 0;

    public bool Follows(ChainLink link) => Link.Sequence == link.Sequence + 1 && ChecksumBefore == link.Checksum;
}

/// <summary>The one place that knows the log's bytes; described in docs/formats.md.</summary>
internal static class WalFormat
{
    public const int SegmentHeaderSize = 64;
    public const int FrameHeaderSize = 40;
    public const int Alignment = 8;

    /// <summary>Room that every segment keeps for the frame that ends it.</summary>
    public const int RollFrameSize = FrameHeaderSize + Alignment;

    private const uint Version = 1;
    private const int KeyOffset = 56;
    private const int ItemHeaderSize = 3;
    private const int HardStateSize = ItemHeaderSize + 12;
    private const int PositionSize = ItemHeaderSize + 16;
    private const int OldestSize = ItemHeaderSize + 8;
    private const int EntryHeaderSize = ItemHeaderSize + 16 + 1 + 4;

    private static ReadOnlySpan<byte> Magic => "KVSTWAL1"u8;

    public static byte[] SegmentHeader(ulong incarnation, long number, long size, ChainLink before)
    {
        var header = new byte[SegmentHeaderSize];
        Magic.CopyTo(header);
        BinaryPrimitives.WriteUInt32LittleEndian(header.AsSpan(8), Version);
        BinaryPrimitives.WriteUInt64LittleEndian(header.AsSpan(16), incarnation);
        BinaryPrimitives.WriteInt64LittleEndian(header.AsSpan(24), number);
        BinaryPrimitives.WriteUInt64LittleEndian(header.AsSpan(32), before.Sequence);
        BinaryPrimitives.WriteUInt64LittleEndian(header.AsSpan(40), before.Checksum);
        BinaryPrimitives.WriteInt64LittleEndian(header.AsSpan(48), size);
        var key = XxHash3.HashToUInt64(header.AsSpan(0, KeyOffset));
        BinaryPrimitives.WriteUInt64LittleEndian(header.AsSpan(KeyOffset), key);
        return header;
    }

    /// <summary>The key of a segment from its header: the header's checksum.</summary>
    public static ulong KeyOf(ReadOnlySpan<byte> header) =>
        BinaryPrimitives.ReadUInt64LittleEndian(header[KeyOffset..]);

    /// <summary>
    /// Reads the header of a segment and proves that the segment is the one it is taken for, and whole.
    /// </summary>
    /// <exception cref="DataDamagedException">The header is not that of this segment of this disk.</exception>
    /// <exception cref="OtherFormatException">Another version wrote it.</exception>
    public static SegmentHead ReadSegmentHeader(ReadOnlySpan<byte> segment, string file, ulong incarnation, long number)
    {
        if (segment.Length < SegmentHeaderSize || !segment[..8].SequenceEqual(Magic)
            || KeyOf(segment) != XxHash3.HashToUInt64(segment[..KeyOffset]))
        {
            throw new DataDamagedException(file, 0, "no segment header", "one");
        }

        var header = segment[..SegmentHeaderSize];

        if (BinaryPrimitives.ReadUInt32LittleEndian(header[8..]) is not Version and var version)
            throw new OtherFormatException(file, $"format version {version}");
        if (BinaryPrimitives.ReadUInt64LittleEndian(header[16..]) is var owner && owner != incarnation)
            throw new DataDamagedException(file, 16, $"disk {owner:x16}", $"disk {incarnation:x16}");
        if (BinaryPrimitives.ReadInt64LittleEndian(header[24..]) is var found && found != number)
            throw new DataDamagedException(file, 24, $"segment {found:x}", $"segment {number:x}");
        if (BinaryPrimitives.ReadInt64LittleEndian(header[48..]) is var size && size != segment.Length)
            throw new DataDamagedException(file, segment.Length, "the end of the file", $"it at {size}");
        return new SegmentHead(KeyOf(header), new ChainLink(
            BinaryPrimitives.ReadUInt64LittleEndian(header[32..]),
            BinaryPrimitives.ReadUInt64LittleEndian(header[40..])));
    }

    /// <summary>Fills in the header of a frame whose payload is in place; gives its link.</summary>
    public static ChainLink SealFrame(Span<byte> frame, ChainLink before, ulong key, int items)
    {
        var sequence = before.Sequence + 1;
        BinaryPrimitives.WriteUInt64LittleEndian(frame[8..], before.Checksum);
        BinaryPrimitives.WriteUInt64LittleEndian(frame[16..], key);
        BinaryPrimitives.WriteUInt64LittleEndian(frame[24..], sequence);
        BinaryPrimitives.WriteInt32LittleEndian(frame[32..], frame.Length - FrameHeaderSize);
        BinaryPrimitives.WriteInt32LittleEndian(frame[36..], items);
        var checksum = XxHash3.HashToUInt64(frame[8..]);
        BinaryPrimitives.WriteUInt64LittleEndian(frame, checksum);
        return new ChainLink(sequence, checksum);
    }

    /// <summary>
    /// Whether a whole frame of this segment stands at the beginning of <paramref name="bytes"/>, whatever its place in
    /// the chain.
    /// </summary>
    public static bool TryReadFrame(ReadOnlySpan<byte> bytes, ulong key, out WalFrame frame)
    {
        frame = default;
        if (bytes.Length < FrameHeaderSize || BinaryPrimitives.ReadUInt64LittleEndian(bytes[16..]) != key)
            return false;
        var payload = BinaryPrimitives.ReadInt32LittleEndian(bytes[32..]);
        if (payload < 0 || payload % Alignment != 0 || payload > bytes.Length - FrameHeaderSize)
            return false;
        var length = FrameHeaderSize + payload;
        var checksum = BinaryPrimitives.ReadUInt64LittleEndian(bytes);
        if (checksum != XxHash3.HashToUInt64(bytes[8..length]))
            return false;
        frame = new WalFrame(
            new ChainLink(BinaryPrimitives.ReadUInt64LittleEndian(bytes[24..]), checksum),
            BinaryPrimitives.ReadUInt64LittleEndian(bytes[8..]),
            length,
            BinaryPrimitives.ReadInt32LittleEndian(bytes[36..]));
        return true;
    }

    public static void WriteHardState(FrameBuilder frame, PartitionId partition, HardState state)
    {
        var item = Begin(frame, WalItem.HardState, partition, HardStateSize);
        BinaryPrimitives.WriteInt64LittleEndian(item, state.Term.Value);
        BinaryPrimitives.WriteInt32LittleEndian(item[8..], state.Vote.Value);
    }

    public static void WritePosition(FrameBuilder frame, WalItem kind, PartitionId partition, LogIndex index, Term term)
    {
        var item = Begin(frame, kind, partition, PositionSize);
        BinaryPrimitives.WriteInt64LittleEndian(item, index.Value);
        BinaryPrimitives.WriteInt64LittleEndian(item[8..], term.Value);
    }

    public static int SizeOf(LogEntry entry) => EntryHeaderSize + entry.Payload.Length;

    public static void WriteEntry(FrameBuilder frame, PartitionId partition, LogEntry entry)
    {
        var item = Begin(frame, WalItem.Entry, partition, SizeOf(entry));
        BinaryPrimitives.WriteInt64LittleEndian(item, entry.Index.Value);
        BinaryPrimitives.WriteInt64LittleEndian(item[8..], entry.Term.Value);
        item[16] = (byte)entry.Kind;
        BinaryPrimitives.WriteInt32LittleEndian(item[17..], entry.Payload.Length);
        entry.Payload.Span.CopyTo(item[21..]);
    }

    public static void WriteRoll(FrameBuilder frame) => Begin(frame, WalItem.Roll, default, ItemHeaderSize);

    public static void WriteOldest(FrameBuilder frame, long segment) => BinaryPrimitives.WriteInt64LittleEndian(
        Begin(frame, WalItem.Oldest, default, OldestSize), segment);

    /// <summary>Hands the items of a frame's payload to <paramref name="replay"/>.</summary>
    /// <exception cref="InvalidDataException">An item is not one: its frame was written by something else.</exception>
    public static void ReadItems(ReadOnlySpan<byte> payload, int items, LogRecovery replay)
    {
        for (; items > 0; items--)
        {
            if (payload.Length < ItemHeaderSize)
                throw new InvalidDataException("an item that ends early");
            var kind = (WalItem)payload[0];
            var partition = new PartitionId(BinaryPrimitives.ReadUInt16LittleEndian(payload[1..]));
            var size = SizeOf(kind, payload);
            ReadItem(kind, partition, payload[ItemHeaderSize..size], replay);
            payload = payload[size..];
        }
    }

    private static Span<byte> Begin(FrameBuilder frame, WalItem kind, PartitionId partition, int size)
    {
        var item = frame.Add(size);
        item[0] = (byte)kind;
        BinaryPrimitives.WriteUInt16LittleEndian(item[1..], (ushort)partition.Value);
        return item[ItemHeaderSize..];
    }

    private static int SizeOf(WalItem kind, ReadOnlySpan<byte> item)
    {
        long size = kind switch
        {
            WalItem.HardState => HardStateSize,
            WalItem.Restart or WalItem.Start => PositionSize,
            WalItem.Roll => ItemHeaderSize,
            WalItem.Oldest => OldestSize,
            WalItem.Entry when item.Length >= EntryHeaderSize =>
                EntryHeaderSize + (long)BinaryPrimitives.ReadUInt32LittleEndian(item[20..]),
            _ => throw new InvalidDataException($"an item of kind {(byte)kind}"),
        };
        return size <= item.Length ? (int)size : throw new InvalidDataException("an item that ends early");
    }

    private static void ReadItem(WalItem kind, PartitionId partition, ReadOnlySpan<byte> item, LogRecovery replay)
    {
        switch (kind)
        {
            case WalItem.HardState:
                replay.OnHardState(partition, new HardState(
                    new Term(BinaryPrimitives.ReadInt64LittleEndian(item)),
                    new NodeId(BinaryPrimitives.ReadInt32LittleEndian(item[8..]))));
                break;
            case WalItem.Entry:
                replay.OnEntry(partition, new LogEntry(
                    new LogIndex(BinaryPrimitives.ReadInt64LittleEndian(item)),
                    new Term(BinaryPrimitives.ReadInt64LittleEndian(item[8..])),
                    (EntryKind)item[16],
                    item[21..].ToArray()));
                break;
            case WalItem.Roll:
                replay.OnRoll();
                break;
            case WalItem.Oldest:
                replay.OnOldest(BinaryPrimitives.ReadInt64LittleEndian(item));
                break;
            default:
                replay.OnPosition(
                    kind,
                    partition,
                    new LogIndex(BinaryPrimitives.ReadInt64LittleEndian(item)),
                    new Term(BinaryPrimitives.ReadInt64LittleEndian(item[8..])));
                break;
        }
    }
}
