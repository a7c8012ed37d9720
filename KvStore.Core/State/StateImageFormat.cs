using System.Buffers;
using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;
using KvStore.Core.Primitives;

namespace KvStore.Core.State;

/// <summary>The one place that knows a state image's bytes; described in docs/formats.md.</summary>
internal static class StateImageFormat
{
    public const byte Version = 2;

    private const byte VersionWithoutHorizon = 1;
    private const byte HeadKind = 1;
    private const byte EntriesKind = 2;
    private const byte RequestsKind = 3;
    private const int BlockSize = 64 * 1024;
    private const int RequestSize = 16 + 1 + 8 + 1 + 16 + 8 + 8;

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
        yield return block.End();
        block.Start(EntriesKind);
        foreach (var (key, entry) in image.From(ReadOnlyMemory<byte>.Empty))
        {
            WriteEntry(block, key, entry);
            if (!block.IsFullAfterItem())
                continue;
            yield return block.End();
            block.Start(EntriesKind);
        }

        if (!block.IsEmpty)
            yield return block.End();
        block.Start(RequestsKind);
        foreach (var (id, request) in image.Requests.All)
        {
            WriteRequest(block, id, request);
            if (!block.IsFullAfterItem())
                continue;
            yield return block.End();
            block.Start(RequestsKind);
        }

        if (!block.IsEmpty)
            yield return block.End();
    }

    public static StateImage Decode(IEnumerable<ReadOnlyMemory<byte>> blocks)
    {
        var reading = new Reading();
        foreach (var block in blocks)
            reading.Take(block);
        return reading.Finish();
    }

    private static void WriteEntry(BlockWriter block, ReadOnlyMemory<byte> key, StoredEntry entry)
    {
        block.UInt16((ushort)key.Length);
        block.Bytes(key.Span);
        block.Byte((byte)entry.ContentType.Length);
        block.Ascii(entry.ContentType);
        block.Int64(entry.Version.Term.Value);
        block.Int64(entry.Version.Index.Value);
        block.Int64(entry.ModifiedMs);
        block.UInt32((uint)entry.Value.Length);
        block.Bytes(entry.Value.Span);
    }

    private static void WriteRequest(BlockWriter block, RequestId id, RememberedRequest request)
    {
        block.Int64((long)id.High);
        block.Int64((long)id.Low);
        block.Byte((byte)id.Kind);
        block.Int64((long)request.Fingerprint);
        block.Byte((byte)request.Status);
        block.Int64(request.Version.Term.Value);
        block.Int64(request.Version.Index.Value);
        block.Int64(request.PassedMs);
        block.Int64(request.Index.Value);
    }

    /// <summary>Puts one block after the other together, and proves what it reads.</summary>
    private sealed class Reading
    {
        private readonly List<ReadOnlyMemory<byte>> _keys = [];
        private readonly List<StoredEntry> _entries = [];
        private readonly List<RequestId> _ids = [];
        private readonly List<RememberedRequest> _requests = [];
        private (LogTime Time, long Entries, long Requests, long HorizonMs)? _head;
        private int _block;

        public void Take(ReadOnlyMemory<byte> block)
        {
            var reader = new ByteReader(block, $"State image, block {_block++}");
            var kind = reader.Byte();
            var count = reader.UInt32();
            if (kind == HeadKind && _head is null && count == 0)
            {
                TakeHead(ref reader);
            }
            else if (_head is not null && kind == EntriesKind && _ids.Count == 0)
            {
                for (var i = 0u; i < count; i++)
                    TakeEntry(ref reader);
            }
            else if (_head is not null && kind == RequestsKind)
            {
                for (var i = 0u; i < count; i++)
                    TakeRequest(ref reader);
            }
            else
            {
                throw reader.Wrong($"kind {kind}", "head, entries, requests in this order");
            }

            if (!reader.IsAtEnd)
                throw reader.Wrong($"{reader.Remaining} more bytes", "the end of the block");
        }

        public StateImage Finish()
        {
            if (_head is not { } head)
                throw new InvalidDataException("State image: it has no head.");
            if (head.Entries != _keys.Count || head.Requests != _ids.Count)
            {
                throw new InvalidDataException(
                    $"State image: {_keys.Count} entries and {_ids.Count} requests found, "
                    + $"{head.Entries} and {head.Requests} expected.");
            }

            var requests = RememberedRequests.FromOrdered(_ids, _requests, head.HorizonMs);
            return StateImage.FromOrdered(_keys, _entries, requests, head.Time);
        }

        private void TakeHead(ref ByteReader reader)
        {
            var version = reader.Byte();
            if (version is not (Version or VersionWithoutHorizon))
                throw reader.Wrong($"version {version}", $"{VersionWithoutHorizon} or {Version}");
            var time = new LogTime(reader.Position(), reader.Position());
            _head = (time, reader.Position(), reader.Position(), version == Version ? reader.Position() : 0);
        }

        private void TakeEntry(ref ByteReader reader)
        {
            var keyLength = reader.UInt16();
            if (keyLength is 0 or > CommandFormat.MaxKeyBytes)
                throw reader.Wrong($"a key of {keyLength} bytes", $"1 to {CommandFormat.MaxKeyBytes}");
            var key = reader.Take(keyLength);
            if (_keys.Count > 0 && _keys[^1].Span.SequenceCompareTo(key.Span) >= 0)
                throw reader.Wrong("a key that does not follow the one before", "ascending keys");
            var type = ContentTypes.Get(reader.Take(reader.Byte()).Span);
            var version = reader.Version();
            var modifiedMs = reader.Position();
            var length = reader.UInt32();
            if (length > reader.Remaining)
                throw reader.Wrong($"a value of {length} bytes", $"at most {reader.Remaining}");
            var value = reader.Take((int)length);
            // not the block's: one entry must not keep all of it alive
            var own = new byte[key.Length + value.Length];
            key.CopyTo(own);
            value.CopyTo(own.AsMemory(key.Length));
            _keys.Add(own.AsMemory(0, key.Length));
            _entries.Add(new StoredEntry(own.AsMemory(key.Length), type, version, modifiedMs));
        }

        private void TakeRequest(ref ByteReader reader)
        {
            if (reader.Remaining < RequestSize)
                throw reader.Wrong($"{reader.Remaining} bytes", $"a request of {RequestSize}");
            var id = new RequestId(reader.UInt64(), reader.UInt64(), (RequestIdKind)reader.Byte());
            if (id.Kind > RequestIdKind.Timed)
                throw reader.Wrong($"an id of kind {(byte)id.Kind}", "a kind that this version knows");
            if (_ids.Count > 0 && RememberedRequests.Compare(_ids[^1], id) >= 0)
                throw reader.Wrong("a request id that does not follow the one before", "ascending ids");
            var fingerprint = reader.UInt64();
            var status = (WriteStatus)reader.Byte();
            if (status is < WriteStatus.Created or > WriteStatus.VersionMismatch)
                throw reader.Wrong($"status {(byte)status}", "a status that is remembered");
            _ids.Add(id);
            _requests.Add(new RememberedRequest(
                fingerprint, status, reader.Version(), reader.Position(), new LogIndex(reader.Position())));
        }
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
