using System.Collections.Immutable;
using KvStore.Core.Primitives;

namespace KvStore.Node.Replication;

/// <summary>
/// Asks other members for keys of the partitions that they are primaries of, as these were at one moment.
/// </summary>
internal interface IScanPeers
{
    /// <summary>All members but this one.</summary>
    IEnumerable<NodeId> Others { get; }

    /// <summary>Has a member pin its states; null: nobody knows whether it did.</summary>
    Task<PinOutcome?> PinAsync(NodeId peer, PinRequest request, CancellationToken deadline);

    /// <summary>Reads on in what a member has pinned; null: it cannot be asked.</summary>
    Task<ScanOutcome?> ScanAsync(NodeId peer, ulong snapshot, ScanQuery query, CancellationToken deadline);

    /// <summary>Tells a member what becomes of what it has pinned; null: it cannot be asked.</summary>
    Task<bool?> SettleAsync(NodeId peer, ulong snapshot, PinFate fate, CancellationToken deadline);
}

/// <summary>What becomes of a snapshot.</summary>
internal enum PinFate
{
    /// <summary>Nobody reads on in it.</summary>
    Released,

    /// <summary>Somebody may read on in it.</summary>
    Kept,

    /// <summary>
    /// It was read to its end. Whoever lost the last page may ask for it again, for as long as there is room.
    /// </summary>
    Read,
}

/// <summary>Asks a member to pin the states of some partitions and to read the first items of them.</summary>
internal sealed record PinRequest
{
    /// <summary>Names the snapshot that the states are parts of.</summary>
    public required ulong Snapshot { get; init; }

    /// <summary>The bucket whose keys are asked for.</summary>
    public required BucketId Bucket { get; init; }

    /// <summary>Which partitions; the member is believed to be their primary.</summary>
    public required ImmutableArray<PartitionId> Partitions { get; init; }

    /// <summary>What to read.</summary>
    public required ScanQuery Query { get; init; }

    /// <summary>Whether to count all keys, too.</summary>
    public bool IsCounted { get; init; }

    /// <summary>Whether anybody may read on; else nothing stays pinned.</summary>
    public bool IsHeld { get; init; } = true;

    /// <summary>Whether it is pinned as long as it is read, and not for a time from its first page on.</summary>
    public bool IsRenewed { get; init; }
}

/// <summary>What a member made of a <see cref="PinRequest"/>.</summary>
internal sealed record PinOutcome
{
    /// <summary>The partitions that it read as their primary, each with the last command that its state has.</summary>
    public ImmutableArray<PinnedPartition> Pinned { get; init; } = [];

    /// <summary>The partitions that it could not read, each with who may be its primary, or nobody.</summary>
    public ImmutableArray<(PartitionId Partition, NodeId Hint)> Elsewhere { get; init; } = [];

    /// <summary>The first items of those that it read.</summary>
    public ScanPart Part { get; init; } = ScanPart.Empty;

    /// <summary>How many keys those have.</summary>
    public long Count { get; init; }

    /// <summary>Whether one of them says that the bucket was dropped.</summary>
    public bool IsBucketGone { get; init; }

    /// <summary>Whether too much is waiting there.</summary>
    public bool IsOverloaded { get; init; }
}

/// <summary>A partition's place in a snapshot.</summary>
/// <param name="Partition">Which.</param>
/// <param name="Index">The last command that the state contains.</param>
internal readonly record struct PinnedPartition(PartitionId Partition, LogIndex Index);

/// <summary>What a member has pinned of a snapshot, and the next items of it.</summary>
/// <param name="Pinned">Its partitions; empty where it has none.</param>
/// <param name="Part">The items.</param>
internal sealed record ScanOutcome(ImmutableArray<PinnedPartition> Pinned, ScanPart Part)
{
    /// <summary>Nothing is pinned here.</summary>
    public static ScanOutcome Nothing { get; } = new([], ScanPart.Empty);
}
