using System.Collections.Immutable;

namespace KvStore.Topology;

/// <summary>One node of a <see cref="ClusterTopology"/>.</summary>
public sealed class NodeTopology
{
    internal NodeTopology(string name, int port, string dataDirectory, string clusterUrls, int replicationFactor)
    {
        Name = name;
        Port = port;
        Url = ClusterTopology.UrlOf(port);
        Directory = Path.Combine(dataDirectory, name);
        Environment = ImmutableSortedDictionary.CreateRange(StringComparer.Ordinal, new Dictionary<string, string>
        {
            [Variables.NodeName] = Name,
            [Variables.NodePort] = ClusterTopology.Text(Port),
            [Variables.NodeUrl] = Url,
            [Variables.ClusterNodes] = clusterUrls,
            [Variables.ReplicationFactor] = ClusterTopology.Text(replicationFactor),
            [Variables.PeerPort] = ClusterTopology.Text(PeerPort),
            [Variables.WalDirectory] = WalDirectory,
            [Variables.SnapshotDirectory] = SnapshotDirectory,
        });
    }

    /// <summary>Its name: <c>node1</c> and so on.</summary>
    public string Name { get; }

    /// <summary>The port of its HTTP API.</summary>
    public int Port { get; }

    /// <summary>The port of its links to the other nodes.</summary>
    public int PeerPort => Port + ClusterTopology.PeerPortOffset;

    /// <summary>Where clients and other nodes reach it.</summary>
    public string Url { get; }

    /// <summary>Holds all that is its own.</summary>
    public string Directory { get; }

    /// <summary>Its write-ahead log.</summary>
    public string WalDirectory => Path.Combine(Directory, "wal");

    /// <summary>Its snapshots.</summary>
    public string SnapshotDirectory => Path.Combine(Directory, "snapshots");

    /// <summary>Every variable that it needs, by the names of <see cref="Variables"/>.</summary>
    public ImmutableSortedDictionary<string, string> Environment { get; }
}
