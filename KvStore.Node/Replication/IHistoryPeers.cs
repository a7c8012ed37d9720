using System.Collections.Immutable;
using KvStore.Core.Primitives;

namespace KvStore.Node.Replication;

/// <summary>Asks other members for positions and changes of partitions.</summary>
internal interface IHistoryPeers
{
    /// <summary>
    /// The positions of partitions, each containing every write that was acknowledged before the call; who cannot be
    /// asked is the primary of none.
    /// </summary>
    Task<ConfirmedPositions> ReadPositionsAsync(
        NodeId peer, ImmutableArray<PartitionId> partitions, CancellationToken deadline);

    /// <summary>
    /// What is changed in partitions that a member has replicas of, behind what is known here; ends when the member
    /// cannot be asked any more.
    /// </summary>
    IAsyncEnumerable<FollowedChanges> FollowAsync(
        NodeId peer, ImmutableArray<(PartitionId Partition, long After)> after, CancellationToken stopping);

    /// <summary>Whether a member can be asked now.</summary>
    bool IsConnected(NodeId peer);
}

/// <summary>Positions that primaries have confirmed.</summary>
/// <param name="Positions">Of the partitions that the member is the primary of.</param>
/// <param name="Elsewhere">Of others, who may be their primary, or nobody.</param>
internal sealed record ConfirmedPositions(
    ImmutableArray<(PartitionId Partition, long Index)> Positions,
    ImmutableArray<(PartitionId Partition, NodeId Hint)> Elsewhere)
{
    /// <summary>Nothing was confirmed.</summary>
    public static ConfirmedPositions Nothing { get; } = new([], []);
}

/// <summary>News of one partition.</summary>
internal sealed record FollowedChanges
{
    /// <summary>Which.</summary>
    public required PartitionId Partition { get; init; }

    /// <summary>Not null: what was known before does not go on; the history begins anew behind this command.</summary>
    public long? From { get; init; }

    /// <summary>The commands that changed something, in log order.</summary>
    public ImmutableArray<AppliedChanges> Commands { get; init; } = [];

    /// <summary>The last command that is known, whatever it changed.</summary>
    public long Reached { get; init; }

    /// <summary>The member has no replica of it.</summary>
    public bool IsAbsent { get; init; }
}
