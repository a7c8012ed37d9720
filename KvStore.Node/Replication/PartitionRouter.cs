using KvStore.Core.Membership;
using KvStore.Core.Primitives;
using KvStore.Core.State;

namespace KvStore.Node.Replication;

/// <summary>The node's replicas, by partition: hands each call to the loop that owns the replica.</summary>
internal sealed class PartitionRouter
{
    /// <summary>The cluster's view; null while the node is forming a cluster with the others.</summary>
    public ClusterView? View => throw new NotImplementedException();

    /// <summary>Appends, replicates and applies a command.</summary>
    /// <param name="partition">The partition of the command's key.</param>
    /// <param name="command">What to do.</param>
    /// <param name="ack">When to answer.</param>
    /// <param name="deadline">Cancelled when the caller's deadline passes; the write itself is not undone.</param>
    public ValueTask<WriteOutcome> WriteAsync(
        PartitionId partition, Command command, Ack ack, CancellationToken deadline) => throw new NotImplementedException();

    /// <summary>Confirms leadership, then gives the state to read from.</summary>
    public ValueTask<ReadOutcome> ReadAsync(PartitionId partition, CancellationToken deadline) =>
        throw new NotImplementedException();

    /// <summary>Whatever this node has applied; null when it has no replica of the partition.</summary>
    public ReadOutcome.Ready? ReadLocal(PartitionId partition) => throw new NotImplementedException();

    /// <summary>The believed primary of a partition and the term it was seen in; one volatile read.</summary>
    public (NodeId Primary, Term Term) PrimaryOf(PartitionId partition) => throw new NotImplementedException();

    /// <summary>Completes when the believed primary of the partition is no longer <paramref name="known"/>.</summary>
    public Task PrimaryChangedAsync(PartitionId partition, NodeId known, CancellationToken deadline) =>
        throw new NotImplementedException();

    /// <summary>Where a member's HTTP API was last reached; null when unknown.</summary>
    public Uri? AddressOf(NodeId member) => throw new NotImplementedException();
}
