using KvStore.Core.Primitives;

namespace KvStore.Node.Replication;

/// <summary>Asks other members for what only a partition's primary can do.</summary>
internal interface IPeerCalls
{
    /// <summary>Proposes a command; who cannot be asked is not the primary.</summary>
    /// <param name="peer">Who.</param>
    /// <param name="partition">A partition or the system group.</param>
    /// <param name="payload">The command, encoded.</param>
    /// <param name="deadline">When to give up; the outcome is unknown then.</param>
    Task<WriteOutcome> ProposeAsync(
        NodeId peer, PartitionId partition, ReadOnlyMemory<byte> payload, CancellationToken deadline);

    /// <summary>Reads entries; who cannot be asked is not the primary.</summary>
    Task<EntriesOutcome> ReadEntriesAsync(
        NodeId peer, PartitionId partition, EntriesQuery query, CancellationToken deadline);

    /// <summary>Reads keys; who cannot be asked is not the primary.</summary>
    Task<KeysOutcome> ReadKeysAsync(
        NodeId peer, PartitionId partition, KeysQuery query, CancellationToken deadline);
}
