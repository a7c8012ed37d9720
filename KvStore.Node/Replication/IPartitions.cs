using System.Collections.Immutable;
using KvStore.Core.Membership;
using KvStore.Core.Primitives;
using KvStore.Core.State;

namespace KvStore.Node.Replication;

/// <summary>The node's replicas as the API sees them: each call goes to the partition's replica on this node.</summary>
internal interface IPartitions
{
    /// <summary>The cluster's view; null until this node's replicas run.</summary>
    ClusterView? View { get; }

    /// <summary>Completes when <see cref="View"/> is there; cancelled with <paramref name="deadline"/>.</summary>
    Task ViewReadyAsync(CancellationToken deadline);

    /// <summary>Appends, replicates and applies a command.</summary>
    /// <param name="partition">The partition of the command's key.</param>
    /// <param name="command">What to do.</param>
    /// <param name="ack">When to answer.</param>
    /// <param name="deadline">Cancelled when the caller's deadline passes; the write itself is not undone.</param>
    ValueTask<WriteOutcome> WriteAsync(
        PartitionId partition, Command command, Ack ack, CancellationToken deadline);

    /// <summary>Confirms leadership, then gives the state to read from.</summary>
    ValueTask<ReadOutcome> ReadAsync(PartitionId partition, CancellationToken deadline);

    /// <summary>Whatever this node has applied; null when it has no replica of the partition.</summary>
    ReadOutcome.Ready? ReadLocal(PartitionId partition);

    /// <summary>
    /// Completes when the state here contains the command at an index, at once when there is no replica here;
    /// cancelled with <paramref name="patience"/>.
    /// </summary>
    Task AppliedAsync(PartitionId partition, LogIndex index, CancellationToken patience);

    /// <summary>What was changed lately, as applied here; null without a replica that holds keys.</summary>
    ChangeHistory? HistoryOf(PartitionId partition);

    /// <summary>Tells that a replica here has applied something.</summary>
    ChangeSignal Applied { get; }

    /// <summary>What all histories of this node may hold; known once there is a view.</summary>
    HistoryBudget HistoryBudget { get; }

    /// <summary>
    /// Completes when no transaction holds any of these keys in the state here, at once when there is no replica here;
    /// cancelled with <paramref name="patience"/>.
    /// </summary>
    Task UnlockedAsync(
        PartitionId partition,
        BucketId bucket,
        ImmutableArray<ReadOnlyMemory<byte>> keys,
        CancellationToken patience);

    /// <summary>The partition's time by its log clock, in milliseconds since 1970; 0 without a replica here.</summary>
    long NowMs(PartitionId partition);

    /// <summary>The believed primary of a partition and the term it was seen in; one volatile read.</summary>
    (NodeId Primary, Term Term) PrimaryOf(PartitionId partition);

    /// <summary>Completes when the believed primary of the partition is no longer <paramref name="known"/>.</summary>
    Task PrimaryChangedAsync(PartitionId partition, NodeId known, CancellationToken deadline);

    /// <summary>Where a member's HTTP API was last reached; null when unknown, and for this node itself.</summary>
    Uri? AddressOf(NodeId member);
}
