using System.Collections.Immutable;
using KvStore.Core.Primitives;

namespace KvStore.Core.Replication;

/// <summary>Who a replica is, who its group are, and how patient it is. Times are in ticks.</summary>
public sealed record ReplicaOptions
{
    /// <summary>The partition whose group this replica belongs to.</summary>
    public required PartitionId Partition { get; init; }

    /// <summary>The node this replica lives on; need not be a member of the group yet, or any more.</summary>
    public required NodeId Self { get; init; }

    /// <summary>The voters the group was born with, before any entry of its log.</summary>
    public required ImmutableArray<NodeId> Voters { get; init; }

    /// <summary>The member that should be primary when it is caught up; nobody: no preference.</summary>
    public NodeId Preferred { get; init; }

    /// <summary>
    /// A backup that hears nothing holds an election after this many ticks, up to twice as many at random.
    /// </summary>
    public int ElectionTicks { get; init; } = 10;

    /// <summary>A primary speaks to each backup at least this often.</summary>
    public int HeartbeatTicks { get; init; } = 2;

    /// <summary>
    /// Bytes of payload that may be appended and not yet committed; more are refused, unless it is a single entry.
    /// </summary>
    public long MaxUncommittedBytes { get; init; } = 64L * 1024 * 1024;

    /// <summary>Entries that may be appended and not yet committed; more are refused.</summary>
    public int MaxUncommittedEntries { get; init; } = 16_384;

    /// <summary>Bytes of payload in one append message, unless a single entry is larger.</summary>
    public int MaxAppendBytes { get; init; } = 1024 * 1024;

    /// <summary>A learner that lacks no more committed entries than this may be made a voter.</summary>
    public int CaughtUpEntries { get; init; } = 1000;

    /// <summary>Append messages to one backup that may be unanswered.</summary>
    public int MaxInFlight { get; init; } = 256;
}

/// <summary>What stable storage gives back at start: the hard state, and the log that follows the snapshot.</summary>
public sealed record RecoveredReplica(
    HardState HardState,
    LogIndex SnapshotIndex,
    Term SnapshotTerm,
    ImmutableArray<LogEntry> Entries)
{
    /// <summary>Who kept the log at the snapshot; null without one: the voters the group was born with.</summary>
    public GroupConfiguration? Configuration { get; init; }

    /// <summary>A replica that has never run.</summary>
    public static RecoveredReplica Empty { get; } = new(default, LogIndex.Zero, Term.Zero, []);
}
