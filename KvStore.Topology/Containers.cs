using System.Collections.Immutable;

namespace KvStore.Topology;

/// <summary>
/// The same cluster where each program has an address of its own, as in a container: what its image is made for, and
/// the variables that whoever deploys it sets. The images, the AppHost, the Compose file and the chart agree on it.
/// </summary>
public static class Containers
{
    /// <summary>Where a node and a balancer listen: what .NET's images say unless they are told otherwise.</summary>
    public const int HttpPort = 8080;

    /// <summary>Where a node listens for the other nodes.</summary>
    public const int PeerPort = 7000;

    /// <summary>The user of .NET's images that is not root; it owns the folders of the data.</summary>
    public const int User = 1654;

    /// <summary>Where a node's write-ahead log is mounted.</summary>
    public const string WalDirectory = "/app/data/wal";

    /// <summary>Where a node's snapshots are mounted.</summary>
    public const string SnapshotDirectory = "/app/data/snapshots";

    /// <summary>
    /// What a program is given to end in order before it is killed: more than the 20 s that it takes at most.
    /// </summary>
    public const int StopSeconds = 60;

    /// <summary>The variables of a node, without those that a new cluster is founded with.</summary>
    /// <param name="name">One of <paramref name="names"/>.</param>
    /// <param name="names">Of all nodes.</param>
    /// <param name="urlOf">Where the node of that name is reached.</param>
    public static ImmutableSortedDictionary<string, string> NodeEnvironment(
        string name, IEnumerable<string> names, Func<string, string> urlOf)
    {
        ArgumentNullException.ThrowIfNull(urlOf);
        return ImmutableSortedDictionary.CreateRange(StringComparer.Ordinal, new Dictionary<string, string>
        {
            [Variables.NodeName] = name,
            [Variables.NodeUrl] = urlOf(name),
            [Variables.ClusterNodes] = string.Join(',', names.Select(urlOf)),
            [Variables.PeerPort] = ClusterTopology.Text(PeerPort),
            [Variables.WalDirectory] = WalDirectory,
            [Variables.SnapshotDirectory] = SnapshotDirectory,
            [Variables.AllowAnonymous] = "true",
        });
    }

    /// <summary>The variables of the balancer.</summary>
    /// <param name="names">Of all nodes.</param>
    /// <param name="urlOf">Where the node of that name is reached.</param>
    public static ImmutableSortedDictionary<string, string> BalancerEnvironment(
        IEnumerable<string> names, Func<string, string> urlOf)
    {
        ArgumentNullException.ThrowIfNull(urlOf);
        return ImmutableSortedDictionary.CreateRange(StringComparer.Ordinal, new Dictionary<string, string>
        {
            [Variables.DatabaseNodes] = string.Join(',', names.Select(urlOf)),
            [Variables.AllowAnonymous] = "true",
        });
    }

    /// <summary>Where a program is reached by its name, at the port that it listens on.</summary>
    public static string UrlOf(string name) => $"http://{name}:{ClusterTopology.Text(HttpPort)}";
}
