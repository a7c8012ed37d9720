using System.Collections.Immutable;
using KvStore.Core.Primitives;
using KvStore.Core.Ring;

namespace KvStore.Core.Membership;

/// <summary>
/// One node of the cluster. <paramref name="Incarnation"/> names its disk: a member whose disk was wiped or replaced
/// comes back under another one and is not the member that voted and acknowledged before.
/// </summary>
public sealed record Member(NodeId Id, string Name, ulong Incarnation);

/// <summary>Who belongs to the cluster and which partition belongs where; immutable, versioned by its epoch.</summary>
public sealed record ClusterView
{
    /// <summary>Names the cluster for ever; a node of another cluster is not talked to.</summary>
    public required ulong ClusterId { get; init; }

    /// <summary>Grows with every change of the view.</summary>
    public required Epoch Epoch { get; init; }

    /// <summary>All members, by id.</summary>
    public required ImmutableArray<Member> Members { get; init; }

    /// <summary>Which partition a key belongs to and which members should hold it.</summary>
    public required HashRing Ring { get; init; }

    /// <summary>
    /// The first view of a new cluster. Depends on nothing but its arguments, whatever their order: every member comes
    /// to the same view on its own. Ids are given from 1 in ordinal order of the names.
    /// </summary>
    /// <param name="members">Name and incarnation of each member; names are unique; 1 to 100.</param>
    /// <param name="partitionCount">A power of two, 1 to 4096.</param>
    /// <param name="replicationFactor">Copies of each partition, 1 to 7; at most one per member is made.</param>
    /// <exception cref="ArgumentException">A number out of range; a name missing or taken twice.</exception>
    public static ClusterView Birth(
        IEnumerable<(string Name, ulong Incarnation)> members,
        int partitionCount,
        int replicationFactor)
    {
        ArgumentNullException.ThrowIfNull(members);
        ImmutableArray<Member> numbered =
        [
            .. members
                .OrderBy(member => member.Name, StringComparer.Ordinal)
                .Select((member, place) => new Member(new NodeId(place + 1), member.Name, member.Incarnation)),
        ];
        var ring = new HashRing([.. numbered.Select(m => (m.Id, m.Name))], partitionCount, replicationFactor);
        return new ClusterView
        {
            ClusterId = ClusterIdFormat.Hash(numbered, partitionCount, replicationFactor),
            Epoch = Epoch.Zero.Next(),
            Members = numbered,
            Ring = ring,
        };
    }
}
