using System.Collections.Immutable;

namespace KvStore.Topology;

/// <summary>The balancer of a <see cref="ClusterTopology"/>.</summary>
public sealed class BalancerTopology
{
    internal BalancerTopology(int port, string dataDirectory, ImmutableArray<NodeTopology> nodes)
    {
        Port = port;
        Url = ClusterTopology.UrlOf(port);
        Directory = Path.Combine(dataDirectory, Name);
        Environment = nodes
            .ToImmutableSortedDictionary(node => Variables.Service(node.Name), node => node.Url, StringComparer.Ordinal)
            .Add(Variables.BalancerPort, ClusterTopology.Text(port));
    }

    /// <summary>Its name: <c>balancer</c>.</summary>
    public string Name { get; } = "balancer";

    /// <summary>The port that clients use.</summary>
    public int Port { get; }

    /// <summary>Where clients reach it, and through it every key.</summary>
    public string Url { get; }

    /// <summary>Holds what it prints; it has no data.</summary>
    public string Directory { get; }

    /// <summary>
    /// Every variable that it needs, by the names of <see cref="Variables"/>; the nodes as .NET Aspire tells of them.
    /// </summary>
    public ImmutableSortedDictionary<string, string> Environment { get; }
}
