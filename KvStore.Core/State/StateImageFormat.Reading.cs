using KvStore.Core.Primitives;

namespace KvStore.Core.State;

/// <summary>The half that reads, and proves what it reads.</summary>
internal static partial class StateImageFormat
{
    private readonly record struct Head(
        byte Version, LogTime Time, long Entries, long Requests, long HorizonMs, LogIndex Index, long Closed);

    /// <summary>Puts one block after the other together.</summary>
    private sealed class StateImageReading
    {
        private readonly List<BucketId> _buckets = [];
        private readonly List<BucketTree> _trees = [];
        private readonly List<(BucketId Id, LogIndex At)> _closed = [];
        private readonly List<RequestId> _ids = [];
        private readonly List<RememberedRequest> _requests = [];
        private List<ReadOnlyMemory<byte>> _keys = [];
        private List<StoredEntry> _entries = [];
        private long _entryCount;
        private Head? _head;
        private byte _lastKind;
        private int _block;

        public void Take(ReadOnlyMemory<byte> block)
        {
            var reader = new ByteReader(block, $"State image, block {_block++}");
            var kind = reader.Byte();
            var count = reader.UInt32();
            if (!MayFollow(kind, count))
                throw reader.Wrong($"kind {kind}", "head, closed buckets, entries, requests in this order");
            _lastKind = kind;
            if (kind == HeadKind)
                TakeHead(ref reader);
            for (var i = 0u; i < count; i++)
                TakeItem(ref reader, kind);
            if (!reader.IsAtEnd)
                throw reader.Wrong($"{reader.Remaining} more bytes", "the end of the block");
        }

        public StateImage Finish()
        {
            if (_head is not { } head)
                throw new InvalidDataException("State image: it has no head.");
            EndBucket();
            if (head.Entries != _entryCount || head.Requests != _ids.Count || head.Closed != _closed.Count)
            {
                throw new InvalidDataException(
                    $"State image: {_entryCount} entries, {_ids.Count} requests and {_closed.Count} closed buckets "
                    + $"found, {head.Entries}, {head.Requests} and {head.Closed} expected.");
            }

            var requests = RememberedRequests.FromOrdered(_ids, _requests, head.HorizonMs);
            return StateImage.FromOrdered(_buckets, _trees, _closed, requests, head.Time, head.Index);
        }

        private bool MayFollow(byte kind, uint count) => kind switch
        {
            HeadKind => _head is null && count == 0,
            ClosedKind => _lastKind is HeadKind or ClosedKind,
            EntriesKind => _lastKind is HeadKind or ClosedKind or EntriesKind,
            RequestsKind => _head is not null,
            _ => false,
        };

        private void TakeHead(ref ByteReader reader)
        {
            var version = reader.Byte();
            if (version is < VersionWithoutHorizon or > Version)
                throw reader.Wrong($"version {version}", $"{VersionWithoutHorizon} to {Version}");
            var time = new LogTime(reader.Position(), reader.Position());
            var (entries, requests) = (reader.Position(), reader.Position());
            var horizonMs = version > VersionWithoutHorizon ? reader.Position() : 0;
            _head = version > VersionWithoutBuckets
                ? new Head(
                    version, time, entries, requests, horizonMs, new LogIndex(reader.Position()), reader.Position())
                : new Head(version, time, entries, requests, horizonMs, LogIndex.Zero, 0);
        }

        private void TakeItem(ref ByteReader reader, byte kind)
        {
            switch (kind)
            {
                case ClosedKind:
                    TakeClosed(ref reader);
                    break;
                case EntriesKind:
                    TakeEntry(ref reader, hasBuckets: _head!.Value.Version > VersionWithoutBuckets);
                    break;
                default:
                    TakeRequest(ref reader, hasItems: _head!.Value.Version > VersionWithoutBuckets);
                    break;
            }
        }

        private void TakeClosed(ref ByteReader reader)
        {
            var id = new BucketId(reader.UInt32());
            if (id.CompareTo(_closed.Count == 0 ? BucketId.Default : _closed[^1].Id) <= 0)
                throw reader.Wrong($"closed bucket {id}", "ascending ids, not the default bucket's");
            _closed.Add((id, new LogIndex(reader.Position())));
        }

        private void TakeEntry(ref ByteReader reader, bool hasBuckets)
        {
            BeginEntry(ref reader, hasBuckets ? new BucketId(reader.UInt32()) : BucketId.Default);
            var keyLength = reader.UInt16();
            if (keyLength is 0 or > CommandFormat.MaxKeyBytes)
                throw reader.Wrong($"a key of {keyLength} bytes", $"1 to {CommandFormat.MaxKeyBytes}");
            var key = reader.Take(keyLength);
            if (_keys.Count > 0 && _keys[^1].Span.SequenceCompareTo(key.Span) >= 0)
                throw reader.Wrong("a key that does not follow the one before", "ascending keys");
            var type = ContentTypes.Get(reader.Take(reader.Byte()).Span);
            var metadata = hasBuckets ? reader.Take(reader.UInt16()) : ReadOnlyMemory<byte>.Empty;
            var version = reader.Version();
            var createdMs = reader.Position();
            var (modifiedMs, expiresMs) = hasBuckets ? (reader.Position(), reader.Position()) : (createdMs, 0);
            var length = reader.UInt32();
            if (length > reader.Remaining)
                throw reader.Wrong($"a value of {length} bytes", $"at most {reader.Remaining}");
            var value = reader.Take((int)length);
            // not the block's: one entry must not keep all of it alive
            var own = new byte[key.Length + metadata.Length + value.Length];
            key.CopyTo(own);
            metadata.CopyTo(own.AsMemory(key.Length));
            value.CopyTo(own.AsMemory(key.Length + metadata.Length));
            _keys.Add(own.AsMemory(0, key.Length));
            _entries.Add(new StoredEntry
            {
                Value = own.AsMemory(key.Length + metadata.Length),
                Metadata = own.AsMemory(key.Length, metadata.Length),
                ContentType = type,
                Version = version,
                CreatedMs = createdMs,
                ModifiedMs = modifiedMs,
                ExpiresMs = expiresMs,
            });
            _entryCount++;
        }

        private void BeginEntry(ref ByteReader reader, BucketId bucket)
        {
            if (_buckets.Count > 0 && bucket == _buckets[^1])
                return;
            if (bucket.CompareTo(_buckets.Count == 0 ? default : _buckets[^1]) <= 0)
                throw reader.Wrong($"bucket {bucket}", "ascending buckets");
            if (_closed.Exists(closed => closed.Id == bucket))
                throw reader.Wrong($"an entry of bucket {bucket}", "none, since the bucket is closed");
            EndBucket();
            _buckets.Add(bucket);
        }

        private void EndBucket()
        {
            if (_keys.Count == 0)
                return;
            _trees.Add(BucketTree.FromOrdered(_keys, _entries));
            (_keys, _entries) = ([], []);
        }

        private void TakeRequest(ref ByteReader reader, bool hasItems)
        {
            var id = new RequestId(reader.UInt64(), reader.UInt64(), (RequestIdKind)reader.Byte());
            if (id.Kind > RequestIdKind.Timed)
                throw reader.Wrong($"an id of kind {(byte)id.Kind}", "a kind that this version knows");
            if (_ids.Count > 0 && RememberedRequests.Compare(_ids[^1], id) >= 0)
                throw reader.Wrong("a request id that does not follow the one before", "ascending ids");
            var fingerprint = reader.UInt64();
            var status = (WriteStatus)reader.Byte();
            if (!WriteResult.IsRemembered(status))
                throw reader.Wrong($"status {(byte)status}", "a status that is remembered");
            var request = new RememberedRequest(
                fingerprint, status, reader.Version(), reader.Position(), new LogIndex(reader.Position()));
            if (hasItems)
                request = request with { Number = (long)reader.UInt64(), Items = TakeItems(ref reader) };
            _ = request.Replay();    // what is remembered must be readable
            _ids.Add(id);
            _requests.Add(request);
        }

        private static ReadOnlyMemory<byte> TakeItems(ref ByteReader reader)
        {
            var length = reader.UInt32();
            return length <= reader.Remaining
                ? reader.Take((int)length).ToArray()
                : throw reader.Wrong($"results of {length} bytes", $"at most {reader.Remaining}");
        }
    }
}
