using System.Collections.Immutable;
using KvStore.Contracts;
using KvStore.Core.Primitives;
using KvStore.Core.Ring;

namespace KvStore.Cli.Cluster;

/// <summary>Who leads and who keeps each partition.</summary>
internal static class RingPicture
{
    /// <summary>The partitions in order.</summary>
    /// <param name="cluster">Who the members are.</param>
    /// <param name="told">What nodes know of who leads what.</param>
    /// <param name="up">The names of the nodes that are up.</param>
    public static ImmutableArray<PartitionPicture> Of(
        ClusterStatus cluster, IEnumerable<ClusterStatus?> told, IReadOnlySet<string> up)
    {
        var names = cluster.Members.ToDictionary(member => new NodeId(member.Id), member => member.Name);
        var ring = new HashRing(
            [.. cluster.Members.Select(member => (new NodeId(member.Id), member.Name))],
            cluster.Partitions,
            cluster.ReplicationFactor);
        var primaries = PrimariesOf(cluster.Partitions, told.Where(other => other?.ClusterId == cluster.ClusterId));
        return [.. Enumerable.Range(0, cluster.Partitions).Select(number =>
        {
            var primary = primaries[number] is { } name && up.Contains(name) ? name : null;
            ImmutableArray<string> replicas = [.. ring.PreferenceList(new(number)).Select(id => names[id])];
            return new PartitionPicture(primary, replicas, replicas.Count(up.Contains));
        })];
    }

    /// <summary>The names of the nodes that lead the partitions, as who has heard of the latest term says.</summary>
    public static string?[] PrimariesOf(int partitions, IEnumerable<ClusterStatus?> told)
    {
        var names = new string?[partitions];
        var terms = new long[partitions];
        foreach (var status in told.OfType<ClusterStatus>())
        {
            for (var partition = 0; partition < Math.Min(partitions, status.Primaries.Length); partition++)
            {
                var (member, term) = status.Primaries[partition];
                if (term > terms[partition] && status.Members.FirstOrDefault(known => known.Id == member) is { } named)
                    (names[partition], terms[partition]) = (named.Name, term);
            }
        }

        return names;
    }
}
