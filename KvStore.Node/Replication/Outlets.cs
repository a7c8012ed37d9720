using KvStore.Core.Primitives;
using KvStore.Core.Replication;
using KvStore.Node.Storage;

namespace KvStore.Node.Replication;

/// <summary>Where a loop's effects go: to the node's log and to the other nodes.</summary>
internal interface IOutlets
{
    /// <summary>
    /// Hands over and returns; <see cref="PersistBatch.OnFlushed"/> follows once it is on stable storage.
    /// </summary>
    void Append(PersistBatch batch);

    /// <summary>Fire and forget: the protocol expects loss.</summary>
    void Send(NodeId peer, List<Envelope> batch);

    /// <summary>Begins a transfer and returns; its end is reported, whatever it is.</summary>
    /// <param name="partition">Whose state.</param>
    /// <param name="to">The backup that fell behind.</param>
    /// <param name="term">The primary's.</param>
    /// <param name="capture">Gives the state as it is by then; nothing once there may be another primary.</param>
    /// <param name="report">Takes the end.</param>
    void SendSnapshot(
        PartitionId partition, NodeId to, Term term, Func<Task<Snapshot?>> capture, Action<Input> report);
}

/// <summary>The node's own log and links.</summary>
internal sealed class NodeOutlets(NodeStorage storage, PeerTransport transport, SnapshotTransfer snapshots) : IOutlets
{
    public void Append(PersistBatch batch) => storage.Log.Append(batch);

    public void Send(NodeId peer, List<Envelope> batch) => transport.Send(peer, batch);

    public void SendSnapshot(
        PartitionId partition, NodeId to, Term term, Func<Task<Snapshot?>> capture, Action<Input> report) =>
        snapshots.Send(partition, to, term, capture, report);
}
