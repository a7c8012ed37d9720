using KvStore.Balancer.Membership;
using KvStore.Node.Options;
using KvStore.ServiceDefaults;
using KvStore.Topology;
using Microsoft.Extensions.Configuration;

namespace KvStore.Tests.Topology;

public sealed class ClusterTopologyTests
{
    [Fact]
    public void By_default_it_is_the_cluster_that_the_documentation_speaks_of()
    {
        var cluster = ClusterTopology.Create();

        Assert.Equal(["node1", "node2", "node3"], cluster.Nodes.Select(node => node.Name));
        Assert.Equal(
            ["http://localhost:8001", "http://localhost:8002", "http://localhost:8003"],
            cluster.Nodes.Select(node => node.Url));
        Assert.Equal([18001, 18002, 18003], cluster.Nodes.Select(node => node.PeerPort));
        Assert.Equal("http://localhost:9000", cluster.Balancer.Url);
        Assert.Equal(Path.GetFullPath(".kvstore"), cluster.DataDirectory);
    }

    [Fact]
    public void A_node_reads_from_its_variables_what_was_planned()
    {
        var cluster = ClusterTopology.Create(nodes: 4, nodePort: 7001, dataDirectory: "/var/lib/kvstore");

        foreach (var node in cluster.Nodes)
        {
            var options = NodeOptionsValidator.Proved(OptionsOf(node));
            Assert.Equal(node.Name, options.Name);
            Assert.Equal(new Uri(node.Url), options.Url);
            Assert.Equal(cluster.Nodes.Select(other => new Uri(other.Url)), options.Cluster);
            Assert.Equal(3, options.ReplicationFactor);
            Assert.Equal(node.PeerPort, options.PeerPort);
            Assert.Equal(Path.GetFullPath($"/var/lib/kvstore/{node.Name}/wal"), options.WalDirectory);
            Assert.Equal(Path.GetFullPath($"/var/lib/kvstore/{node.Name}/snapshots"), options.SnapshotDirectory);
            var listen = ListenAddresses.Read(Configuration(node.Environment), "PORT", defaultPort: 1);
            Assert.Equal([node.Port], listen.Addresses.Select(address => address.Port));
        }
    }

    [Fact]
    public void The_balancer_reads_from_its_variables_where_the_nodes_are()
    {
        var cluster = ClusterTopology.Create(nodes: 2, port: 9100);
        var configuration = Configuration(cluster.Balancer.Environment);

        Assert.Equal(["node1", "node2"], NodeSetting.Read(configuration).Services);
        Assert.Equal("http://localhost:8002", configuration["services:node2:http:0"]);
        var listen = ListenAddresses.Read(configuration, "LB_PORT", defaultPort: 1);
        Assert.Equal([9100], listen.Addresses.Select(address => address.Port));
    }

    [Fact]
    public void The_other_name_of_the_nodes_is_one_that_the_balancer_reads()
    {
        var configuration = Configuration(new Dictionary<string, string>
        {
            [Variables.DatabaseNodes] = string.Join(',', ClusterTopology.Create().Nodes.Select(node => node.Url)),
        });

        Assert.Equal(3, NodeSetting.Read(configuration).Urls.Length);
    }

    [Fact]
    public void A_program_stops_with_its_input_where_the_variable_says_so() =>
        Assert.Equal(StopWithParent.Variable, Variables.StopWithInput);

    [Theory]
    [InlineData(1, 1)]
    [InlineData(2, 2)]
    [InlineData(3, 3)]
    [InlineData(9, 3)]
    public void There_are_three_copies_or_as_many_as_nodes(int nodes, int copies)
    {
        var cluster = ClusterTopology.Create(nodes);

        Assert.Equal(copies, cluster.ReplicationFactor);
        Assert.All(cluster.Nodes, node =>
            Assert.Equal(copies, OptionsOf(node).ReplicationFactor));
    }

    [Theory]
    [InlineData(3, 9000, 55533)]    // the last peer port is 65535
    [InlineData(3, 8004, 8001)]
    [InlineData(3, 8000, 8001)]
    [InlineData(3, 65535, 1)]
    [InlineData(9, 18010, 8001)]
    public void Ports_at_the_edge_are_taken(int nodes, int port, int nodePort) =>
        Assert.Equal(nodes, ClusterTopology.Create(nodes, port, nodePort).Nodes.Length);

    [Theory]
    [InlineData(0, 9000, 8001, "A cluster has 1 to 9 nodes, not 0.")]
    [InlineData(10, 9000, 8001, "A cluster has 1 to 9 nodes, not 10.")]
    [InlineData(3, 0, 8001, "The balancer's port is 1 to 65535, not 0.")]
    [InlineData(3, 65536, 8001, "The balancer's port is 1 to 65535, not 65536.")]
    [InlineData(3, 9000, 0, "The first of 3 node ports is 1 to 55533, not 0")]
    [InlineData(3, 9000, 55534, "The first of 3 node ports is 1 to 55533, not 55534")]
    [InlineData(3, 8001, 8001, "Port 8001 cannot be both the balancer's and a node's.")]
    [InlineData(3, 8003, 8001, "Port 8003 cannot be both the balancer's and a node's.")]
    [InlineData(3, 18001, 8001, "Port 18001 cannot be both the balancer's and that of a link between nodes")]
    [InlineData(3, 18003, 8001, "Port 18003 cannot be both the balancer's and that of a link between nodes")]
    public void What_cannot_be_is_refused_in_one_line(int nodes, int port, int nodePort, string refusal)
    {
        var failure = Assert.Throws<TopologyException>(() => ClusterTopology.Create(nodes, port, nodePort));

        Assert.StartsWith(refusal, failure.Message);
        Assert.DoesNotContain('\n', failure.Message);
    }

    private static NodeOptions OptionsOf(NodeTopology node)
    {
        var configuration = Configuration(node.Environment);
        return NodeOptions.From(configuration, ListenAddresses.Read(configuration, "PORT", 8000).Addresses[0].Port);
    }

    private static IConfiguration Configuration(IEnumerable<KeyValuePair<string, string>> variables) =>
        new ConfigurationBuilder()
            .AddInMemoryCollection(variables.Select(variable => KeyValuePair.Create(
                variable.Key.Replace("__", ":", StringComparison.Ordinal), (string?)variable.Value)))
            .Build();
}
