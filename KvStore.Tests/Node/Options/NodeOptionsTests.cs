using KvStore.Node.Options;
using KvStore.ServiceDefaults;
using Microsoft.Extensions.Configuration;

namespace KvStore.Tests.Node.Options;

/// <summary>Every variable of a node: right, absent, wrong.</summary>
public sealed class NodeOptionsTests
{
    [Fact]
    public void With_nothing_set_a_node_is_what_the_learning_project_starts()
    {
        var options = Proved([], port: 8000);

        Assert.Equal(("node-8000", new Uri("http://localhost:8000")), (options.Name, options.Url));
        Assert.Empty(options.Cluster);
        Assert.Equal(
            (3, 64, 18000, 0), (options.ReplicationFactor, options.Partitions, options.PeerPort, options.Loops));
        Assert.Equal(
            (TimeSpan.FromMinutes(5), TimeSpan.FromMilliseconds(50)), (options.SnapshotInterval, options.Tick));
        Assert.Equal(TimeSpan.FromMinutes(1), options.CompareInterval);
        Assert.Equal(Path.GetFullPath("data/node-8000/wal"), options.WalDirectory);
        Assert.Equal(Path.GetFullPath("data/node-8000/snapshots"), options.SnapshotDirectory);
    }

    [Fact]
    public void Every_variable_is_read()
    {
        var options = Proved(
            [
                ("NODE_NAME", " node2 "), ("CURRENT_NODE_URL", "http://10.0.0.2:8002"),
                ("CLUSTER_NODES", "http://a:1, http://b:2,,http://c:3"), ("REPLICATION_FACTOR", "2"),
                ("KVSTORE_PARTITIONS", "128"), ("KVSTORE_PEER_PORT", "7000"), ("KVSTORE_WAL_DIR", "/w"),
                ("KVSTORE_SNAPSHOT_DIR", "/s"), ("KVSTORE_SNAPSHOT_INTERVAL", "30s"), ("KVSTORE_TICK", "10ms"),
                ("KVSTORE_LOOPS", "4"), ("KVSTORE_COMPARE_INTERVAL", "200ms"),
                ("KVSTORE_HISTORY_CHANGES", "5000"), ("KVSTORE_HISTORY_BYTES", "2097152"),
            ],
            port: 8002);

        Assert.Equal(("node2", new Uri("http://10.0.0.2:8002")), (options.Name, options.Url));
        Assert.Equal([new Uri("http://a:1"), new Uri("http://b:2"), new Uri("http://c:3")], options.Cluster);
        Assert.Equal(
            (2, 128, 7000, 4), (options.ReplicationFactor, options.Partitions, options.PeerPort, options.Loops));
        Assert.Equal(
            (Path.GetFullPath("/w"), Path.GetFullPath("/s")), (options.WalDirectory, options.SnapshotDirectory));
        Assert.Equal(
            (TimeSpan.FromSeconds(30), TimeSpan.FromMilliseconds(10)), (options.SnapshotInterval, options.Tick));
        Assert.Equal(TimeSpan.FromMilliseconds(200), options.CompareInterval);
        Assert.Equal((5_000, 2 << 20), (options.HistoryChanges, options.HistoryBytes));
    }

    [Theory]
    [InlineData("NODE_NAME", "-x", "letters")]
    [InlineData("NODE_NAME", "a/b", "letters")]
    [InlineData("NODE_NAME", "..", "letters")]
    [InlineData("NODE_NAME", "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijkl", "63")]
    [InlineData("CURRENT_NODE_URL", "localhost:8001", "http://localhost:8001")]
    [InlineData("CURRENT_NODE_URL", "ftp://a", "http://localhost:8001")]
    [InlineData("CURRENT_NODE_URL", "http://a/path", "http://localhost:8001")]
    [InlineData("CURRENT_NODE_URL", "http://a/?x=1", "http://localhost:8001")]
    [InlineData("CURRENT_NODE_URL", "http://user@a", "http://localhost:8001")]
    [InlineData("CLUSTER_NODES", "http://a:1;http://b:2", "http://localhost:8001")]
    [InlineData("CLUSTER_NODES", "http://a:1,b:2", "http://localhost:8001")]
    [InlineData("CLUSTER_NODES", "http://a:1,http://b:2,http://a:1", "names http://a:1 2 times; every node once")]
    [InlineData("CLUSTER_NODES", "http://b:2,http://A:80/, http://a", "names http://a 2 times; every node once")]
    [InlineData("REPLICATION_FACTOR", "0", "1 to 7")]
    [InlineData("REPLICATION_FACTOR", "8", "1 to 7")]
    [InlineData("REPLICATION_FACTOR", "three", "whole number")]
    [InlineData("REPLICATION_FACTOR", "-1", "whole number")]
    [InlineData("REPLICATION_FACTOR", "3.0", "whole number")]
    [InlineData("REPLICATION_FACTOR", "99999999999", "whole number")]
    [InlineData("KVSTORE_PARTITIONS", "0", "power of two")]
    [InlineData("KVSTORE_PARTITIONS", "65", "power of two")]
    [InlineData("KVSTORE_PARTITIONS", "8192", "power of two")]
    [InlineData("KVSTORE_PEER_PORT", "0", "port")]
    [InlineData("KVSTORE_PEER_PORT", "65536", "port")]
    [InlineData("KVSTORE_PEER_PORT", "x", "whole number")]
    [InlineData("KVSTORE_SNAPSHOT_INTERVAL", "0s", "1s to 24h")]
    [InlineData("KVSTORE_SNAPSHOT_INTERVAL", "25h", "1s to 24h")]
    [InlineData("KVSTORE_SNAPSHOT_INTERVAL", "-00:05:00", "1s to 24h")]
    [InlineData("KVSTORE_SNAPSHOT_INTERVAL", "999999999h", "5m")]
    [InlineData("KVSTORE_SNAPSHOT_INTERVAL", "5", "5m")]
    [InlineData("KVSTORE_SNAPSHOT_INTERVAL", "5 m", "5m")]
    [InlineData("KVSTORE_SNAPSHOT_INTERVAL", "m", "5m")]
    [InlineData("KVSTORE_COMPARE_INTERVAL", "99ms", "100ms to 24h")]
    [InlineData("KVSTORE_COMPARE_INTERVAL", "25h", "100ms to 24h")]
    [InlineData("KVSTORE_TICK", "1ms", "5ms to 10s")]
    [InlineData("KVSTORE_TICK", "11s", "5ms to 10s")]
    [InlineData("KVSTORE_TICK", "fast", "5m")]
    [InlineData("KVSTORE_LOOPS", "65", "0 to 64")]
    [InlineData("KVSTORE_HISTORY_CHANGES", "999", "1000 to 100000000")]
    [InlineData("KVSTORE_HISTORY_BYTES", "1048575", "1048576")]
    [InlineData("KVSTORE_LOOPS", "-1", "whole number")]
    public void A_wrong_value_is_one_sentence_that_names_the_variable_and_what_was_expected(
        string name, string value, string expected)
    {
        var failure = Assert.Throws<StartupException>(() => Proved([(name, value)], port: 8000));

        Assert.StartsWith(name, failure.Message);
        Assert.Contains(expected, failure.Message);
        Assert.EndsWith(".", failure.Message);
        Assert.DoesNotContain("\n", failure.Message);
    }

    [Theory]
    [InlineData("")]
    [InlineData("  ")]
    public void An_empty_variable_is_an_absent_one(string value)
    {
        string[] names =
        [
            "NODE_NAME", "CURRENT_NODE_URL", "CLUSTER_NODES", "REPLICATION_FACTOR", "KVSTORE_PARTITIONS",
            "KVSTORE_PEER_PORT", "KVSTORE_WAL_DIR", "KVSTORE_SNAPSHOT_DIR", "KVSTORE_SNAPSHOT_INTERVAL",
            "KVSTORE_TICK", "KVSTORE_LOOPS",
        ];
        Assert.Equivalent(Proved([], port: 8000), Proved([.. names.Select(name => (name, value))], port: 8000));
    }

    /// <summary>
    /// As <c>WithReference</c> of the AppHost sets them: of each node its HTTP endpoint, not its peer port.
    /// </summary>
    [Fact]
    public void Nodes_that_discovery_names_are_the_cluster()
    {
        var options = Proved(
            [
                ("services:node2:http:0", "http://localhost:50002"),
                ("services:node2:peer:0", "tcp://localhost:50012"),
                ("services:node3:https:0", "https://localhost:50003"),
                ("services:node3:http:0", "http://localhost:50004"),
                ("services:other:peer:0", "tcp://localhost:50020"),
            ],
            port: 50001);
        Assert.Equal(
            ["http://localhost:50002/", "http://localhost:50004/"],
            options.Cluster.Select(url => url.ToString()).Order());
    }

    [Fact]
    public void The_list_of_nodes_goes_before_discovery()
    {
        var options = Proved(
            [("services:node2:http:0", "http://localhost:50002"), ("CLUSTER_NODES", "http://a:1")], port: 8000);
        Assert.Equal([new Uri("http://a:1")], options.Cluster);
    }

    [Fact]
    public void A_wrong_address_of_discovery_is_named_as_the_variable_that_holds_it()
    {
        var failure = Assert.Throws<StartupException>(
            () => Proved([("services:node2:http:0", "nonsense")], port: 8000));
        Assert.StartsWith("services__node2__http__0 is 'nonsense'", failure.Message);
    }

    [Theory]
    [InlineData("PORT", "8003", 8003)]
    [InlineData("urls", "http://localhost:5005;http://localhost:6006", 5005)]
    [InlineData("http_ports", "8080", 8080)]
    public void Name_and_addresses_follow_from_where_the_API_listens(string name, string value, int port)
    {
        var configuration = Configuration([(name, value), ("KvStore:AllowAnonymous", "true")]);
        var listen = ListenAddresses.Read(configuration, "PORT", defaultPort: 8000);
        var options = NodeOptions.From(configuration, listen.Addresses[0].Port);

        Assert.Equal(($"node-{port}", port + 10000), (options.Name, options.PeerPort));
        Assert.Equal(port, options.Url.Port);
    }

    [Fact]
    public void A_port_whose_peer_port_is_none_asks_for_one()
    {
        Assert.Equal(65535, Proved([], port: 55535).PeerPort);
        Assert.Contains("KVSTORE_PEER_PORT", Assert.Throws<StartupException>(() => Proved([], port: 55536)).Message);
        Assert.Equal(7000, Proved([("KVSTORE_PEER_PORT", "7000")], port: 60000).PeerPort);
    }

    [Theory]
    [InlineData("250ms", 250)]
    [InlineData("2s", 2000)]
    [InlineData("3m", 180_000)]
    [InlineData("1h", 3_600_000)]
    [InlineData("00:00:02.5", 2500)]
    public void A_time_is_a_number_with_its_unit_or_hours_minutes_seconds(string text, int milliseconds) =>
        Assert.Equal(
            TimeSpan.FromMilliseconds(milliseconds), new EnvironmentReader(Configuration([("T", text)])).Duration("T"));

    [Fact]
    public void A_word_is_one_of_those_that_are_known()
    {
        Assert.Equal("quorum", new EnvironmentReader(Configuration([])).Word("W", "quorum", "one"));
        Assert.Equal("one", new EnvironmentReader(Configuration([("W", " one ")])).Word("W", "quorum", "one"));
        var failure = Assert.Throws<StartupException>(
            () => new EnvironmentReader(Configuration([("W", "two")])).Word("W", "quorum", "one"));
        Assert.Equal("W is 'two'; quorum or one was expected.", failure.Message);
    }

    private static NodeOptions Proved((string Name, string Value)[] variables, int port) =>
        NodeOptionsValidator.Proved(NodeOptions.From(Configuration(variables), port));

    private static IConfiguration Configuration((string Name, string Value)[] variables) => new ConfigurationBuilder()
        .AddInMemoryCollection(
            variables.Select(variable => KeyValuePair.Create(variable.Name, (string?)variable.Value)))
        .Build();
}
