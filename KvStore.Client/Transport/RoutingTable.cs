using KvStore.Contracts;
using KvStore.Core.Primitives;
using KvStore.Core.Ring;

namespace KvStore.Client.Transport;

/// <summary>A cluster's ring, its nodes' addresses, and in which order each partition's are asked.</summary>
internal sealed class RoutingTable
{
    private readonly string _clusterId;
    private readonly HashRing _ring;
    private readonly Dictionary<int, Uri> _addresses = [];
    private readonly Dictionary<string, int> _members;
    private readonly Believed[] _primaries;

    /// <summary>Who is believed to be primary of a partition (0: nobody), in which term, and so the order.</summary>
    private sealed record Believed(int Member, long Term, Uri[] Order);

    /// <summary>Makes one.</summary>
    /// <param name="cluster">Its newest description.</param>
    /// <param name="told">What each of its nodes said.</param>
    /// <param name="previous">What was known before; null: nothing.</param>
    public RoutingTable(ClusterStatus cluster, IReadOnlyList<ClusterStatus> told, RoutingTable? previous)
    {
        _clusterId = cluster.ClusterId;
        _ring = new HashRing(
            [.. cluster.Members.Select(member => (new NodeId(member.Id), member.Name))],
            cluster.Partitions,
            cluster.ReplicationFactor);
        _members = cluster.Members.ToDictionary(member => member.Name, member => member.Id);
        foreach (var member in told.SelectMany(each => each.Members))
        {
            if (Uri.TryCreate(member.Url, UriKind.Absolute, out var address))
                _addresses[member.Id] = address;
        }

        Everyone = [.. _addresses.Values.Distinct()];
        var known = previous?._clusterId == _clusterId ? previous._primaries : [];
        _primaries = [.. Enumerable.Range(0, cluster.Partitions).Select(partition => Believe(partition, told, known))];
    }

    /// <summary>All nodes' addresses.</summary>
    public Uri[] Everyone { get; }

    /// <summary>
    /// Where a key is asked for: its primary, then the other copies; anywhere without a key, or where no address is
    /// known.
    /// </summary>
    public Uri[] OrderFor(ReadOnlySpan<byte> key) =>
        key.IsEmpty ? Everyone : Volatile.Read(ref _primaries[_ring.PartitionOf(key).Value]).Order;

    /// <summary>A node answered as the primary of a key's partition.</summary>
    public void Learn(ReadOnlySpan<byte> key, string name)
    {
        var partition = _ring.PartitionOf(key).Value;
        ref var place = ref _primaries[partition];
        var known = Volatile.Read(ref place);
        if (_members.TryGetValue(name, out var member) && member != known.Member)
            Volatile.Write(ref place, new Believed(member, known.Term, OrderOf(partition, member)));
    }

    private Believed Believe(int partition, IReadOnlyList<ClusterStatus> told, Believed[] known)
    {
        var (member, term) = partition < known.Length ? (known[partition].Member, known[partition].Term) : (0, 0L);
        foreach (var hints in told.Select(each => each.Primaries))
        {
            if (partition < hints.Length && hints[partition].IsNewsTo(member, term))
                (member, term) = (hints[partition].Member, hints[partition].Term);
        }

        return new Believed(member, term, OrderOf(partition, member));
    }

    private Uri[] OrderOf(int partition, int primary)
    {
        List<Uri> order = [];
        foreach (var member in _ring.PreferenceList(new(partition)).Select(copy => copy.Value).Prepend(primary))
        {
            if (_addresses.TryGetValue(member, out var address) && !order.Contains(address))
                order.Add(address);
        }

        return order.Count > 0 ? [.. order] : Everyone;
    }
}
