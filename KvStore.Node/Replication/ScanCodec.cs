using Google.Protobuf;
using KvStore.Core.Primitives;

namespace KvStore.Node.Replication;

/// <summary>Scans and what they come to, to and from the wire. See docs/formats.md.</summary>
internal static class ScanCodec
{
    /// <summary>No node asks for more.</summary>
    private const int MaxItems = 10_000;

    private const int MaxBytes = PeerService.MaxFrameBytes / 4;

    public static Wire.PinRequest Encode(PinRequest request, Wire.Ends ends) => new()
    {
        Ends = ends,
        Snapshot = request.Snapshot,
        Bucket = request.Bucket.Value,
        Partitions = { request.Partitions.Select(partition => (uint)partition.Value) },
        Query = Encode(request.Query),
        IsCounted = request.IsCounted,
        IsHeld = request.IsHeld,
        IsRenewed = request.IsRenewed,
    };

    /// <param name="request">As it came.</param>
    /// <param name="partitionCount">How many there are.</param>
    /// <exception cref="InvalidDataException">It is nothing that a node of this version asks for.</exception>
    public static PinRequest Decode(Wire.PinRequest request, int partitionCount)
    {
        var partitions = request.Partitions.Distinct().ToList();
        if (partitions.Count != request.Partitions.Count || partitions.Exists(number => number >= partitionCount))
            throw new InvalidDataException("The partitions to pin must be known and named once.");
        return new PinRequest
        {
            Snapshot = request.Snapshot,
            Bucket = new BucketId(request.Bucket),
            Partitions = [.. partitions.Select(number => new PartitionId((int)number))],
            Query = Decode(request.Query),
            IsCounted = request.IsCounted,
            IsHeld = request.IsHeld,
            IsRenewed = request.IsRenewed,
        };
    }

    public static Wire.PinReply Encode(PinOutcome outcome) => new()
    {
        End = outcome.IsOverloaded ? Wire.RequestEnd.Overloaded : Wire.RequestEnd.Done,
        Pinned = { outcome.Pinned.Select(Encode) },
        Elsewhere =
        {
            outcome.Elsewhere.Select(moved => new Wire.MovedPartition
            {
                Partition = (uint)moved.Partition.Value,
                Hint = moved.Hint.Value,
            }),
        },
        Part = Encode(outcome.Part),
        Count = outcome.Count,
        IsBucketGone = outcome.IsBucketGone,
    };

    public static PinOutcome Decode(Wire.PinReply reply) => new()
    {
        Pinned = [.. reply.Pinned.Select(Decode)],
        Elsewhere =
        [
            .. reply.Elsewhere.Select(moved => (new PartitionId((int)moved.Partition), new NodeId(moved.Hint))),
        ],
        Part = Decode(reply.Part),
        Count = reply.Count,
        IsBucketGone = reply.IsBucketGone,
        IsOverloaded = reply.End != Wire.RequestEnd.Done,
    };

    public static Wire.ScanReply Encode(ScanOutcome outcome) => new()
    {
        End = Wire.RequestEnd.Done,
        Pinned = { outcome.Pinned.Select(Encode) },
        Part = Encode(outcome.Part),
    };

    /// <summary>Null: the member said nothing of what it has.</summary>
    public static ScanOutcome? Decode(Wire.ScanReply reply) => reply.End == Wire.RequestEnd.Done
        ? new ScanOutcome([.. reply.Pinned.Select(Decode)], Decode(reply.Part))
        : null;

    public static Wire.ScanQuery Encode(ScanQuery query)
    {
        var encoded = new Wire.ScanQuery
        {
            Start = UnsafeByteOperations.UnsafeWrap(query.Start),
            Delimiter = UnsafeByteOperations.UnsafeWrap(query.Delimiter),
            PrefixLength = (uint)query.PrefixLength,
            IsDescending = query.IsDescending,
            Limit = (uint)query.Limit,
            MaxBytes = (uint)query.MaxBytes,
            Values = (uint)query.Values,
        };
        if (query.End is { } end)
            encoded.End = UnsafeByteOperations.UnsafeWrap(end);
        return encoded;
    }

    /// <exception cref="InvalidDataException">It is nothing that a node of this version asks for.</exception>
    public static ScanQuery Decode(Wire.ScanQuery? query)
    {
        if (query is not { Limit: <= MaxItems, MaxBytes: <= MaxBytes, Values: <= (uint)ScanValues.Full }
            || query.PrefixLength > int.MaxValue)
            throw new InvalidDataException("A scan of an unknown form, or for too much at once.");
        return new ScanQuery
        {
            Start = query.Start.Memory,
            End = query.HasEnd ? query.End.Memory : default(ReadOnlyMemory<byte>?),    // null would be empty memory
            Delimiter = query.Delimiter.Memory,
            PrefixLength = (int)query.PrefixLength,
            IsDescending = query.IsDescending,
            Limit = (int)query.Limit,
            MaxBytes = (int)query.MaxBytes,
            Values = (ScanValues)query.Values,
        };
    }

    private static Wire.PinnedPartition Encode(PinnedPartition pinned) => new()
    {
        Partition = (uint)pinned.Partition.Value,
        Index = pinned.Index.Value,
    };

    private static PinnedPartition Decode(Wire.PinnedPartition pinned) =>
        new(new PartitionId((int)pinned.Partition), new LogIndex(pinned.Index));

    private static Wire.ScanPart Encode(ScanPart part) => new()
    {
        Items = { part.Items.Select(Encode) },
        IsComplete = part.IsComplete,
    };

    private static ScanPart Decode(Wire.ScanPart? part) => part is null
        ? ScanPart.Empty
        : new ScanPart([.. part.Items.Select(Decode)], part.IsComplete);

    private static Wire.ScanItem Encode(ScanItem item)
    {
        var encoded = new Wire.ScanItem
        {
            Key = UnsafeByteOperations.UnsafeWrap(item.Key),
            IsPrefix = item.IsPrefix,
            VersionTerm = item.Version.Term.Value,
            VersionIndex = item.Version.Index.Value,
            Size = (uint)item.Size,
            ModifiedMs = item.ModifiedMs,
            ExpiresMs = item.ExpiresMs,
            Value = UnsafeByteOperations.UnsafeWrap(item.Value),
            Metadata = UnsafeByteOperations.UnsafeWrap(item.Metadata),
        };
        if (item.ContentType is { } type)
            encoded.ContentType = type;
        return encoded;
    }

    private static ScanItem Decode(Wire.ScanItem item) => new()
    {
        Key = item.Key.Memory,
        IsPrefix = item.IsPrefix,
        Version = new KeyVersion(new Term(item.VersionTerm), new LogIndex(item.VersionIndex)),
        Size = (int)item.Size,
        ContentType = item.HasContentType ? item.ContentType : null,
        ModifiedMs = item.ModifiedMs,
        ExpiresMs = item.ExpiresMs,
        Value = item.Value.Memory,
        Metadata = item.Metadata.Memory,
    };
}
