using System.Collections.Immutable;
using System.Globalization;

namespace KvStore.Topology;

/// <summary>
/// A cluster on one machine: the names, ports, variables and directories of its nodes and its balancer. Whoever starts
/// the programs (<c>kv dev</c>, the AppHost) asks here, so that all of them start the same cluster.
/// </summary>
public sealed class ClusterTopology
{
    /// <summary>Nodes, when nobody says how many.</summary>
    public const int DefaultNodes = 3;

    /// <summary>The most nodes: a machine has no use for more.</summary>
    public const int MaxNodes = 9;

    /// <summary>Partitions, when nobody says how many: the node's own default.</summary>
    public const int DefaultPartitions = 64;

    /// <summary>The balancer's port, when nobody says which.</summary>
    public const int DefaultPort = 9000;

    /// <summary>The first node's port, when nobody says which.</summary>
    public const int DefaultNodePort = 8001;

    /// <summary>From the port of a node's API to that of its links: the node's own default.</summary>
    public const int PeerPortOffset = 10000;

    /// <summary>Where data goes, relative to the working directory, when nobody says where.</summary>
    public const string DefaultDataDirectory = ".kvstore";

    private const int MaxReplicationFactor = 3;

    private ClusterTopology(
        string dataDirectory, int replicationFactor, ImmutableArray<NodeTopology> nodes, BalancerTopology balancer)
    {
        DataDirectory = dataDirectory;
        ReplicationFactor = replicationFactor;
        Nodes = nodes;
        Balancer = balancer;
    }

    /// <summary>Holds all directories; an absolute path.</summary>
    public string DataDirectory { get; }

    /// <summary>The nodes, <c>node1</c> first, on consecutive ports.</summary>
    public ImmutableArray<NodeTopology> Nodes { get; }

    /// <summary>The front door.</summary>
    public BalancerTopology Balancer { get; }

    /// <summary>Copies of each partition: three, or as many as there are nodes.</summary>
    public int ReplicationFactor { get; }

    /// <summary>Plans a cluster; starts, opens and creates nothing.</summary>
    /// <param name="nodes">How many; 1 to <see cref="MaxNodes"/>.</param>
    /// <param name="port">The balancer's.</param>
    /// <param name="nodePort">The first node's; the next node has the next one.</param>
    /// <param name="dataDirectory">Relative to the working directory, or absolute.</param>
    /// <exception cref="TopologyException">A number is out of range, or two ports are one.</exception>
    public static ClusterTopology Create(
        int nodes = DefaultNodes,
        int port = DefaultPort,
        int nodePort = DefaultNodePort,
        string dataDirectory = DefaultDataDirectory)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(dataDirectory);
        if (nodes is < 1 or > MaxNodes)
            throw new TopologyException($"A cluster has 1 to {MaxNodes} nodes, not {nodes}.");
        RefuseBadPorts(nodes, port, nodePort);

        var root = Path.GetFullPath(dataDirectory);
        var ports = Enumerable.Range(nodePort, nodes).ToList();
        var urls = string.Join(',', ports.Select(UrlOf));
        var copies = Math.Min(MaxReplicationFactor, nodes);
        var all = ports.Select((at, i) => new NodeTopology($"node{i + 1}", at, root, urls, copies)).ToImmutableArray();
        return new(root, copies, all, new BalancerTopology(port, root, all));
    }

    /// <summary>A number as a variable has it.</summary>
    public static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);

    internal static string UrlOf(int port) => $"http://localhost:{Text(port)}";

    private static void RefuseBadPorts(int nodes, int port, int nodePort)
    {
        const int maxPort = 65535;
        var lastNodePort = maxPort - PeerPortOffset - nodes + 1;
        if (port is < 1 or > maxPort)
            throw new TopologyException($"The balancer's port is 1 to {maxPort}, not {port}.");
        if (nodePort < 1 || nodePort > lastNodePort)
        {
            throw new TopologyException(
                $"The first of {nodes} node ports is 1 to {lastNodePort}, not {nodePort}: "
                + $"the links between nodes use the ports {PeerPortOffset} above.");
        }

        if (IsOneOf(port, nodePort, nodes))
            throw new TopologyException($"Port {port} cannot be both the balancer's and a node's.");
        if (IsOneOf(port, nodePort + PeerPortOffset, nodes))
        {
            throw new TopologyException(
                $"Port {port} cannot be both the balancer's and that of a link between nodes "
                + $"({nodePort + PeerPortOffset} to {nodePort + PeerPortOffset + nodes - 1}).");
        }
    }

    private static bool IsOneOf(int port, int first, int count) => port >= first && port < first + count;
}
