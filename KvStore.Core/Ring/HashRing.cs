using System.Collections.Immutable;
using System.IO.Hashing;
using System.Numerics;
using KvStore.Core.Primitives;

namespace KvStore.Core.Ring;

/// <summary>Places partitions on members by consistent hashing with bounded load; immutable.</summary>
/// <remarks>
/// <para>Balance: of p partitions with r copies on n members no member holds more than ceil(1.1 p r / n) replicas, and
/// none is the preferred primary of more than ceil(1.1 p / n).</para>
/// <para>Movement: when a member comes or goes, the replicas that change place are those of that member, 1/n of all,
/// and what the bounds push on; the tests hold that below 1.1/n + 5 % of all replicas.</para>
/// <para>Source: Mirrokni, Thorup, Zadimoghaddam, "Consistent Hashing with Bounded Loads" (2016).</para>
/// </remarks>
public sealed class HashRing
{
    /// <summary>The most members.</summary>
    public const int MaxMembers = 100;

    /// <summary>The most partitions.</summary>
    public const int MaxPartitions = 4096;

    /// <summary>The most copies of a partition.</summary>
    public const int MaxReplicationFactor = 7;

    private readonly ImmutableArray<NodeId>[] _preferenceLists;
    private readonly int _shift;

    /// <summary>Places every partition.</summary>
    /// <param name="members">Id and name; the place of a member on the ring comes from its name alone.</param>
    /// <param name="partitionCount">A power of two, 1 to 4096.</param>
    /// <param name="replicationFactor">Copies of each partition, 1 to 7; at most one per member is made.</param>
    /// <exception cref="ArgumentException">A number out of range; an id or name missing or taken twice.</exception>
    public HashRing(IReadOnlyList<(NodeId Id, string Name)> members, int partitionCount, int replicationFactor)
    {
        RingArguments.Check(members, partitionCount, replicationFactor);
        PartitionCount = partitionCount;
        ReplicationFactor = replicationFactor;
        _shift = 63 - BitOperations.Log2((uint)partitionCount);

        var sorted = members.OrderBy(member => member.Name, StringComparer.Ordinal).ToArray();
        var copies = Math.Min(replicationFactor, sorted.Length);
        var ring = VirtualNodes.Of(sorted.Select(member => member.Name));
        var places = ReplicaPlacement.Place(ring, partitionCount, copies);
        PreferredPrimaries.MoveToFront(places, sorted.Length);
        _preferenceLists = [.. places.Select(place => place.Select(member => sorted[member].Id).ToImmutableArray())];
    }

    /// <summary>How many slices the hash space is cut into.</summary>
    public int PartitionCount { get; }

    /// <summary>Copies of each partition that were asked for.</summary>
    public int ReplicationFactor { get; }

    /// <summary>The partition of a key: of its <c>{tag}</c> part if it has one. Allocates nothing.</summary>
    public PartitionId PartitionOf(ReadOnlySpan<byte> key) =>
        new((int)(XxHash3.HashToUInt64(HashedPart(key)) >> 1 >> _shift));    // two steps: a shift by 64 would be none

    /// <summary>The members that should hold a partition, the preferred primary first.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no such partition.</exception>
    public ImmutableArray<NodeId> PreferenceList(PartitionId partition)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(partition.Value, nameof(partition));
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(partition.Value, PartitionCount, nameof(partition));
        return _preferenceLists[partition.Value];
    }

    /// <summary>What lies between the first <c>{</c> and the next <c>}</c>, or all (as Redis Cluster does).</summary>
    private static ReadOnlySpan<byte> HashedPart(ReadOnlySpan<byte> key)
    {
        var open = key.IndexOf((byte)'{');
        if (open < 0)
            return key;
        var length = key[(open + 1)..].IndexOf((byte)'}');
        return length > 0 ? key.Slice(open + 1, length) : key;
    }
}
