using System.Collections.Immutable;
using KvStore.Contracts;
using KvStore.Core.Primitives;
using KvStore.Core.Ring;

namespace KvStore.Balancer.Membership;

/// <summary>The believed primary of a partition.</summary>
/// <param name="Member">Its id; 0: none is known.</param>
/// <param name="Term">The highest term in which a node named a primary.</param>
/// <param name="IsLearned">
/// Learned from an answer after that term, in which only another could have been primary; the term itself is not told.
/// </param>
internal readonly record struct Primary(int Member, long Term, bool IsLearned);

/// <summary>
/// Who is up, who is primary of what, and so where each request goes; immutable, folded from what the nodes say.
/// </summary>
internal sealed class RoutingView
{
    private readonly Dictionary<int, ObservedNode> _nodes = [];
    private readonly Destination[][] _routes = [];
    private readonly Destination[] _anywhere = [];

    private RoutingView(ImmutableArray<ObservedNode> nodes, ClusterStatus? cluster, RoutingView? previous)
    {
        Nodes = nodes;
        Cluster = cluster;
        _anywhere = cluster is null && IsUndecided(nodes) ? [] : Anywhere(nodes);
        if (cluster is null)
            return;
        foreach (var member in cluster.Members)
        {
            if (NodeNamed(member.Name, cluster.ClusterId) is { } node)
                _nodes[member.Id] = node;
        }

        Ring = RingOf(cluster, previous);
        Primaries = PrimariesOf(nodes, cluster, previous);
        _routes = RoutesOf(Ring);
    }

    private RoutingView(RoutingView from, ImmutableArray<Primary> primaries)
    {
        Nodes = from.Nodes;
        Cluster = from.Cluster;
        Ring = from.Ring;
        Primaries = primaries;
        _nodes = from._nodes;
        _anywhere = from._anywhere;
        _routes = RoutesOf(from.Ring!);
    }

    /// <summary>Nothing is known.</summary>
    public static RoutingView Empty { get; } = new([], null, null);

    /// <summary>The node at each configured address.</summary>
    public ImmutableArray<ObservedNode> Nodes { get; }

    /// <summary>The cluster; null until a node told of it.</summary>
    public ClusterStatus? Cluster { get; }

    /// <summary>
    /// Which partition a key belongs to and which members should hold it; null like <see cref="Cluster"/>.
    /// </summary>
    public HashRing? Ring { get; }

    /// <summary>By partition; empty without a cluster.</summary>
    public ImmutableArray<Primary> Primaries { get; private init; } = [];

    /// <summary>
    /// Where to try a request for a partition, in this order: the primary, then the other copies that are up. When none
    /// is up, all of them. Empty while no node is known.
    /// </summary>
    public ReadOnlySpan<Destination> RouteOf(PartitionId partition) => _routes[partition.Value];

    /// <summary>
    /// All nodes that are up; when none is, all. None while it is not known which cluster they belong to.
    /// </summary>
    public ReadOnlySpan<Destination> Everyone => _anywhere;

    /// <summary>The node of a member; null when none of the addresses is its.</summary>
    public ObservedNode? NodeOf(int member) => _nodes.GetValueOrDefault(member);

    /// <summary>Whether so many voters of the partition are up that they can elect a primary.</summary>
    public bool HasMajority(PartitionId partition)
    {
        var voters = Ring!.PreferenceList(partition);
        var up = 0;
        foreach (var voter in voters)
            up += NodeOf(voter.Value) is { IsUp: true } ? 1 : 0;
        return up > voters.Length / 2;
    }

    /// <summary>The view after something was observed.</summary>
    public RoutingView With(ImmutableArray<ObservedNode> nodes) => new(nodes, ClusterOf(nodes), this);

    /// <summary>The view after an answer named another primary; null when it names none that is news.</summary>
    public RoutingView? WithPrimary(PartitionId partition, string name)
    {
        foreach (var (id, node) in _nodes)
        {
            if (node.Status?.Name != name)
                continue;
            var known = Primaries[partition.Value];
            return known.Member == id
                ? null
                : new(this, Primaries.SetItem(partition.Value, new(id, known.Term, IsLearned: true)));
        }

        return null;
    }

    /// <summary>
    /// The newest description of the cluster we know, as long as a node belongs to it. We get to know one when every
    /// node has been asked and half of them or more belong to it: one that stands on a disk of another cluster, or was
    /// started alone by mistake, must not get the keys of the others because it answered first.
    /// </summary>
    private ClusterStatus? ClusterOf(ImmutableArray<ObservedNode> nodes)
    {
        var clusters = nodes.Where(node => node.Cluster is not null && node.Status?.ClusterId == node.Cluster.ClusterId)
            .Select(node => node.Cluster!)
            .GroupBy(cluster => cluster.ClusterId)
            .ToList();
        if (clusters.Find(group => group.Key == Cluster?.ClusterId) is { } known)
            return known.MaxBy(cluster => cluster.Epoch);
        if (nodes.Any(node => !node.WasAsked))
            return Cluster;
        var half = clusters.Where(group => 2 * group.Count() >= nodes.Length).ToList();
        return half.Count == 1 ? half[0].MaxBy(cluster => cluster.Epoch) : Cluster;
    }

    private static HashRing RingOf(ClusterStatus cluster, RoutingView? previous)
    {
        var isSame = previous?.Cluster is { } old && old.ClusterId == cluster.ClusterId && old.Epoch == cluster.Epoch;
        return isSame && previous!.Ring is { } ring
            ? ring
            : new([.. cluster.Members.Select(member => (new NodeId(member.Id), member.Name))],
                cluster.Partitions, cluster.ReplicationFactor);
    }

    /// <summary>
    /// What was known, moved forward by whoever names a primary of a later term. A partition that was learned about
    /// waits for such a term: an equal one is the term before.
    /// </summary>
    private static ImmutableArray<Primary> PrimariesOf(
        ImmutableArray<ObservedNode> nodes, ClusterStatus cluster, RoutingView? previous)
    {
        var isSame = previous?.Cluster?.ClusterId == cluster.ClusterId
            && previous.Primaries.Length == cluster.Partitions;
        var primaries = isSame
            ? previous!.Primaries.ToArray()
            : new Primary[cluster.Partitions];
        foreach (var node in nodes)
        {
            if (node.Cluster is not { } said || said.ClusterId != cluster.ClusterId)
                continue;
            for (var partition = 0; partition < Math.Min(said.Primaries.Length, primaries.Length); partition++)
            {
                var hint = said.Primaries[partition];
                if (hint.IsNewsTo(primaries[partition].Member, primaries[partition].Term))
                    primaries[partition] = new(hint.Member, hint.Term, IsLearned: false);
            }
        }

        return [.. primaries];
    }

    private Destination[][] RoutesOf(HashRing ring)
    {
        var routes = new Destination[ring.PartitionCount][];
        for (var partition = 0; partition < routes.Length; partition++)
            routes[partition] = RouteOf(NodeOf(Primaries[partition].Member), ring.PreferenceList(new(partition)));
        return routes;
    }

    private Destination[] RouteOf(ObservedNode? primary, ImmutableArray<NodeId> copies)
    {
        var known = new List<ObservedNode>(copies.Length + 1);
        if (primary is not null)
            known.Add(primary);
        foreach (var copy in copies)
        {
            if (NodeOf(copy.Value) is { } node && !known.Contains(node))
                known.Add(node);
        }

        var route = Anywhere(known);
        return route.Length > 0 ? route : _anywhere;
    }

    /// <summary>Whether it may turn out that some of them belong to a cluster that is not the others'.</summary>
    private static bool IsUndecided(ImmutableArray<ObservedNode> nodes) =>
        nodes.Any(node => !node.WasAsked)
        || nodes.Select(node => node.Status?.ClusterId).Where(id => id is not null).Distinct().Count() > 1;

    private static Destination[] Anywhere(IReadOnlyCollection<ObservedNode> nodes)
    {
        var up = nodes.Where(node => node.IsUp).Select(node => node.Destination).ToArray();
        return up.Length > 0 ? up : [.. nodes.Select(node => node.Destination)];
    }

    private ObservedNode? NodeNamed(string name, string clusterId)
    {
        ObservedNode? found = null;
        foreach (var node in Nodes)
        {
            var isIt = node.Status?.Name == name && node.Status.ClusterId == clusterId;
            if (isIt && (found is null || (node.IsUp && !found.IsUp)))
                found = node;    // two addresses may lead to one node, and one of them may be broken
        }

        return found;
    }
}
