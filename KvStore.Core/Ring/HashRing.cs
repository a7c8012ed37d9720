using System.Collections.Immutable;
using KvStore.Core.Primitives;

namespace KvStore.Core.Ring;

/// <summary>Places partitions on members by consistent hashing with bounded load; immutable.</summary>
public sealed class HashRing
{
    /// <summary>Places every partition.</summary>
    /// <param name="members">Id and name; the place of a member on the ring comes from its name alone.</param>
    /// <param name="partitionCount">A power of two, 1 to 4096.</param>
    /// <param name="replicationFactor">Copies of each partition; at most one per member is made.</param>
    public HashRing(IReadOnlyList<(NodeId Id, string Name)> members, int partitionCount, int replicationFactor) =>
        throw new NotImplementedException();

    /// <summary>How many slices the hash space is cut into.</summary>
    public int PartitionCount => throw new NotImplementedException();

    /// <summary>Copies of each partition that were asked for.</summary>
    public int ReplicationFactor => throw new NotImplementedException();

    /// <summary>The partition of a key: of its <c>{tag}</c> part if it has one. Allocates nothing.</summary>
    public PartitionId PartitionOf(ReadOnlySpan<byte> key) => throw new NotImplementedException();

    /// <summary>The members that should hold a partition, the preferred primary first.</summary>
    public ImmutableArray<NodeId> PreferenceList(PartitionId partition) => throw new NotImplementedException();
}
