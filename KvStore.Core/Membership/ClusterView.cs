using System.Collections.Immutable;
using KvStore.Core.Primitives;
using KvStore.Core.Ring;

namespace KvStore.Core.Membership;

/// <summary>
/// One node of the cluster. <paramref name="Incarnation"/> names its disk: a node whose disk was wiped or replaced
/// comes back as another member, since it is not the one that voted and acknowledged before.
/// </summary>
public sealed record Member(NodeId Id, string Name, ulong Incarnation);

/// <summary>Who belongs to the cluster and which partition belongs where; immutable, versioned by its epoch.</summary>
public sealed class ClusterView
{
    /// <summary>The most members that the system group has.</summary>
    public const int MaxSystemMembers = 5;

    private readonly HashRing _birthRing;
    private readonly ImmutableArray<NodeId> _systemFounders;
    private readonly ImmutableArray<NodeId> _systemMembers;

    /// <summary>A view as it was described elsewhere.</summary>
    /// <param name="clusterId">Must be the one that its founders make.</param>
    /// <param name="epoch">1 at birth.</param>
    /// <param name="partitionCount">A power of two, 1 to 4096.</param>
    /// <param name="replicationFactor">Copies of each partition, 1 to 7; at most one per member is made.</param>
    /// <param name="founders">How many members the cluster was born with: those with the ids 1 to this.</param>
    /// <param name="members">1 to 100; names, ids and incarnations are unique.</param>
    /// <param name="removed">Members that were, and will never be again.</param>
    /// <exception cref="ArgumentException">
    /// A number out of range; a member missing or named twice; another cluster.
    /// </exception>
    public ClusterView(
        ulong clusterId,
        Epoch epoch,
        int partitionCount,
        int replicationFactor,
        int founders,
        ImmutableArray<Member> members,
        ImmutableArray<Member> removed)
    {
        ImmutableArray<Member> everyone = [.. members.Concat(removed).OrderBy(member => member.Id)];
        if (everyone.DistinctBy(member => member.Id).Count() != everyone.Length
            || everyone.DistinctBy(member => member.Incarnation).Count() != everyone.Length)
        {
            throw new ArgumentException("Two members have one id or one disk.", nameof(members));
        }

        ImmutableArray<Member> born = [.. everyone.Take(founders)];
        if (born.Length != founders || founders < 1 || born[^1].Id.Value != founders)
        {
            throw new ArgumentException(
                $"Not all of the {founders} members that the cluster was born with are there.", nameof(founders));
        }

        if (ClusterIdFormat.Hash(born, partitionCount, replicationFactor) != clusterId)
        {
            throw new ArgumentException(
                "The members that the cluster was born with make another cluster.", nameof(clusterId));
        }

        ClusterId = clusterId;
        Epoch = epoch;
        Founders = founders;
        Members = [.. members.OrderBy(member => member.Id)];
        Removed = [.. removed.OrderBy(member => member.Id)];
        Ring = RingOf(Members, partitionCount, replicationFactor);
        _birthRing = removed.IsEmpty && founders == members.Length
            ? Ring
            : RingOf(born, partitionCount, replicationFactor);
        _systemFounders = SystemMembersOf(born);
        _systemMembers = SystemMembersOf(Members);
    }

    /// <summary>Names the cluster for ever; a node of another cluster is not talked to.</summary>
    public ulong ClusterId { get; }

    /// <summary>Grows with every change of the view.</summary>
    public Epoch Epoch { get; }

    /// <summary>How many members the cluster was born with: those with the ids 1 to this.</summary>
    public int Founders { get; }

    /// <summary>All members, by id.</summary>
    public ImmutableArray<Member> Members { get; }

    /// <summary>Members that were, by id: tombstones. Neither their ids nor their disks are ever taken again.</summary>
    public ImmutableArray<Member> Removed { get; }

    /// <summary>Which partition a key belongs to and which members should hold it.</summary>
    public HashRing Ring { get; }

    /// <summary>The group that keeps the view itself; its number is the one after the last partition's.</summary>
    public PartitionId SystemGroup => new(Ring.PartitionCount);

    /// <summary>All groups: the partitions and the system group.</summary>
    public int GroupCount => Ring.PartitionCount + 1;

    /// <summary>The members that should keep a group, its preferred primary first.</summary>
    public ImmutableArray<NodeId> KeepersOf(PartitionId group) =>
        group == SystemGroup ? _systemMembers : Ring.PreferenceList(group);

    /// <summary>
    /// The voters that a group was born with, before any entry of its log. The same in every view of a cluster.
    /// </summary>
    public ImmutableArray<NodeId> FoundersOf(PartitionId group) =>
        group == SystemGroup ? _systemFounders : _birthRing.PreferenceList(group);

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
        RingArguments.Check([.. numbered.Select(m => (m.Id, m.Name))], partitionCount, replicationFactor);
        var clusterId = ClusterIdFormat.Hash(numbered, partitionCount, replicationFactor);
        return new ClusterView(
            clusterId, Epoch.Zero.Next(), partitionCount, replicationFactor, numbered.Length, numbered, []);
    }

    /// <summary>
    /// The next view, in which a node stands on another disk: as a new member in the old one's place.
    /// </summary>
    /// <param name="name">The node's.</param>
    /// <param name="incarnation">Its new disk.</param>
    /// <exception cref="ArgumentException">No member has the name, or the disk was a member's already.</exception>
    public ClusterView Replace(string name, ulong incarnation)
    {
        var old = Members.FirstOrDefault(member => member.Name == name)
            ?? throw new ArgumentException($"No member is named {name}.", nameof(name));
        var last = Members.Concat(Removed).Max(member => member.Id.Value);
        return new ClusterView(
            ClusterId,
            Epoch.Next(),
            Ring.PartitionCount,
            Ring.ReplicationFactor,
            Founders,
            Members.Replace(old, new Member(new NodeId(last + 1), name, incarnation)),
            Removed.Add(old));
    }

    private static HashRing RingOf(ImmutableArray<Member> members, int partitionCount, int replicationFactor) =>
        new([.. members.Select(member => (member.Id, member.Name))], partitionCount, replicationFactor);

    private static ImmutableArray<NodeId> SystemMembersOf(IEnumerable<Member> members) =>
        [.. members.OrderBy(member => member.Name, StringComparer.Ordinal)
            .Take(MaxSystemMembers)
            .Select(member => member.Id)];
}
