using KvStore.Node.Options;
using KvStore.ServiceDefaults;
using Microsoft.Extensions.Configuration;

namespace KvStore.Tests.Node.Options;

public sealed class NodeOptionsTests
{
    [Theory]
    [InlineData("PORT", "8001", 8001)]
    [InlineData("urls", "http://localhost:43211", 43211)]
    [InlineData("urls", "http://+:8080;http://+:8081", 8080)]
    [InlineData("urls", "http://0.0.0.0:8080", 8080)]
    [InlineData("http_ports", "8080;8081", 8080)]
    [InlineData("unrelated", "1", 8000)]
    public void A_node_that_is_told_nothing_else_is_named_and_reached_by_the_port_it_listens_on(
        string key, string value, int port)
    {
        var options = From((key, value), ("KvStore:AllowAnonymous", "true"));
        Assert.Equal($"node-{port}", options.Name);
        Assert.Equal(new Uri($"http://localhost:{port}"), options.Url);
        Assert.Equal(port + 10000, options.PeerPort);
    }

    [Fact]
    public void What_an_orchestrator_says_wins_over_what_follows_from_the_port()
    {
        var options = From(
            ("urls", "http://localhost:43211"),
            ("CURRENT_NODE_URL", "http://localhost:8001"),
            ("KVSTORE_PEER_PORT", "43212"),
            ("NODE_NAME", "node1"));
        Assert.Equal("node1", options.Name);
        Assert.Equal(new Uri("http://localhost:8001"), options.Url);
        Assert.Equal(43212, options.PeerPort);
    }

    [Fact]
    public void The_cluster_is_the_services_named_like_nodes_unless_it_is_listed()
    {
        (string, string)[] services =
        [
            ("services:node2:http:0", "http://localhost:8002"),
            ("services:node2:tcp:0", "tcp://localhost:43213"),
            ("services:node3:https:0", "https://node3.internal"),
            ("services:shop:http:0", "http://localhost:5000"),
        ];
        Assert.Equal([new Uri("http://localhost:8002"), new Uri("https://node3.internal")], From(services).Cluster);
        Assert.Equal(
            [new Uri("http://localhost:8001")],
            From([.. services, ("CLUSTER_NODES", "http://localhost:8001")]).Cluster);
    }

    [Theory]
    [InlineData("CURRENT_NODE_URL", "localhost:8001")]
    [InlineData("CLUSTER_NODES", "http://localhost:8001/v1")]
    [InlineData("services:node2:http:0", "tcp://localhost:8001")]
    [InlineData("KVSTORE_PEER_PORT", "0")]
    [InlineData("PORT", "60000")]
    [InlineData("http_ports", "8080")]
    public void A_value_that_means_nothing_is_refused_in_one_line(string key, string value) =>
        Assert.DoesNotContain('\n', Assert.Throws<StartupException>(() => From((key, value))).Message);

    private static NodeOptions From(params (string Key, string Value)[] settings)
    {
        var configuration = new ConfigurationBuilder().AddInMemoryCollection(
            settings.Select(setting => KeyValuePair.Create<string, string?>(setting.Key, setting.Value))).Build();
        return NodeOptions.From(configuration, ListenAddresses.Read(configuration, "PORT", 8000).Addresses[0].Port);
    }
}
