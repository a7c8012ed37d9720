using System.Buffers;
using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;
using KvStore.Core.Primitives;

namespace KvStore.Core.State;

/// <summary>The one place that knows a state image's bytes; described in docs/formats.md.</summary>
internal static partial class StateImageFormat
{
    public const byte Version = 3;

    private const byte VersionWithoutHorizon = 1;
    private const byte VersionWithoutBuckets = 2;
    private const byte HeadKind = 1;
    private const byte EntriesKind = 2;
    private const byte RequestsKind = 3;
    private const byte ClosedKind = 4;
    private const int BlockSize = 64 * 1024;

    public static IEnumerable<ReadOnlyMemory<byte>> Encode(StateImage image)
    {
        foreach (var block in EncodeInPlace(image))
            yield return block.ToArray();
    }

    /// <summary>As <see cref="Encode"/>, but the next block takes the place of the one before.</summary>
    public static IEnumerable<ReadOnlyMemory<byte>> EncodeInPlace(StateImage image)
    {
        var block = new BlockWriter();
        block.Start(HeadKind);
        block.Byte(Version);
        block.Int64(image.Time.LatestMs);
        block.Int64(image.Time.PassedMs);
        block.Int64(image.Count);
        block.Int64(image.Requests.Count);
        block.Int64(image.Requests.HorizonMs);
        block.Int64(image.Index.Value);
        block.Int64(image.Closed.Count);
        yield return block.End();
        foreach (var full in Blocks(block, ClosedKind, image.Closed, WriteClosed))
            yield return full;
        foreach (var full in Blocks(block, EntriesKind, Entries(image), WriteEntry))
            yield return full;
        foreach (var full in Blocks(block, RequestsKind, image.Requests.All, WriteRequest))
            yield return full;
    }

    private static IEnumerable<ReadOnlyMemory<byte>> Blocks<T>(
        BlockWriter block, byte kind, IEnumerable<T> items, Action<BlockWriter, T> write)
    {
        block.Start(kind);
        foreach (var item in items)
        {
            write(block, item);
            if (!block.IsFullAfterItem())
                continue;
            yield return block.End();
            block.Start(kind);
        }

        if (!block.IsEmpty)
            yield return block.End();
    }

    private static IEnumerable<(BucketId Bucket, ReadOnlyMemory<byte> Key, StoredEntry Entry)> Entries(StateImage image)
    {
        foreach (var (bucket, tree) in image.Trees)
        {
            var walk = tree.From([]);
            while (walk.MoveNext())
                yield return (bucket, walk.Current.Key, walk.Current.Value);
        }
    }

    public static StateImage Decode(IEnumerable<ReadOnlyMemory<byte>> blocks)
    {
        var reading = new StateImageReading();
        foreach (var block in blocks)
            reading.Take(block);
        return reading.Finish();
    }

    private static void WriteClosed(BlockWriter block, KeyValuePair<BucketId, LogIndex> closed)
    {
        block.UInt32(closed.Key.Value);
        block.Int64(closed.Value.Value);
    }

    private static void WriteEntry(
        BlockWriter block, (BucketId Bucket, ReadOnlyMemory<byte> Key, StoredEntry Entry) item)
    {
        var entry = item.Entry;
        block.UInt32(item.Bucket.Value);
        block.UInt16((ushort)item.Key.Length);
        block.Bytes(item.Key.Span);
        block.Byte((byte)entry.ContentType.Length);
        block.Ascii(entry.ContentType);
        block.UInt16((ushort)entry.Metadata.Length);
        block.Bytes(entry.Metadata.Span);
        block.Int64(entry.Version.Term.Value);
        block.Int64(entry.Version.Index.Value);
        block.Int64(entry.CreatedMs);
        block.Int64(entry.ModifiedMs);
        block.Int64(entry.ExpiresMs);
        block.UInt32((uint)entry.Value.Length);
        block.Bytes(entry.Value.Span);
    }

    private static void WriteRequest(BlockWriter block, KeyValuePair<RequestId, RememberedRequest> item)
    {
        var (id, request) = item;
        block.Int64((long)id.High);
        block.Int64((long)id.Low);
        block.Byte((byte)id.Kind);
        block.Int64((long)request.Fingerprint);
        block.Byte((byte)request.Status);
        block.Int64(request.Version.Term.Value);
        block.Int64(request.Version.Index.Value);
        block.Int64(request.PassedMs);
        block.Int64(request.Index.Value);
        block.Int64(request.Number);
        block.UInt32((uint)request.Items.Length);
        block.Bytes(request.Items.Span);
    }

    /// <summary>Fills one block: kind, number of items, items.</summary>
    private sealed class BlockWriter
    {
        private const int CountOffset = 1;
        private const int HeaderSize = 5;

        private readonly ArrayBufferWriter<byte> _buffer = new(BlockSize + 4096);
        private uint _items;

        public bool IsEmpty => _items == 0;

        public void Start(byte kind)
        {
            _items = 0;
            _buffer.ResetWrittenCount();
            Byte(kind);
            UInt32(0);    // the number of items, known at the end
        }

        public ReadOnlyMemory<byte> End()
        {
            var block = MemoryMarshal.AsMemory(_buffer.WrittenMemory);
            BinaryPrimitives.WriteUInt32LittleEndian(block.Span[CountOffset..HeaderSize], _items);
            return block;
        }

        public void Byte(byte value)
        {
            _buffer.GetSpan(1)[0] = value;
            _buffer.Advance(1);
        }

        public void UInt16(ushort value)
        {
            BinaryPrimitives.WriteUInt16LittleEndian(_buffer.GetSpan(2), value);
            _buffer.Advance(2);
        }

        public void UInt32(uint value)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(_buffer.GetSpan(4), value);
            _buffer.Advance(4);
        }

        public void Int64(long value)
        {
            BinaryPrimitives.WriteInt64LittleEndian(_buffer.GetSpan(8), value);
            _buffer.Advance(8);
        }

        public void Bytes(ReadOnlySpan<byte> bytes) => _buffer.Write(bytes);

        public void Ascii(string text) => _buffer.Advance(Encoding.ASCII.GetBytes(text, _buffer.GetSpan(text.Length)));

        /// <summary>Counts the item just written.</summary>
        public bool IsFullAfterItem()
        {
            _items++;
            return _buffer.WrittenCount >= BlockSize;
        }
    }
}
