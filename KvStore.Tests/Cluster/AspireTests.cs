using System.Globalization;
using KvStore.Topology;

namespace KvStore.Tests.Cluster;

/// <summary>
/// The programs as the AppHost starts them: told by the variables that Aspire makes of its model and by nothing else,
/// each behind a port that is not the one it listens on.
/// </summary>
[Collection(nameof(ClusterCollection))]
public sealed class AspireTests : IAsyncLifetime
{
    private readonly List<TcpProxy> _proxies = [];
    private readonly List<Dictionary<string, string>> _variables = [];
    private TestCluster _cluster = null!;

    public async ValueTask InitializeAsync() => _cluster = await TestCluster.StartAsync(Plan);

    public async ValueTask DisposeAsync()
    {
        await _cluster.DisposeAsync();
        foreach (var proxy in _proxies)
            await proxy.DisposeAsync();
    }

    [Fact]
    public async Task The_walk_through_works_through_the_balancer_and_each_node()
    {
        foreach (var door in _cluster.Nodes.Append(_cluster.Balancer))
            await WalkThroughTests.WriteReadAndDeleteUsersAsync(door.Http, door.Name);

        foreach (var node in _cluster.Nodes)
        {
            var status = await TestCluster.StatusAsync(node);
            Assert.Equal(node.Name, status!.Name);
            Assert.Equal(node.Http.BaseAddress, new Uri(status.Url));
            Assert.Equal(3, status.ReplicationFactor);
        }
    }

    [Fact]
    public async Task A_node_that_comes_back_on_other_ports_behind_its_address_costs_no_request()
    {
        var load = WriteLoad.Start(_cluster.Door, clients: 4);
        await load.AnswersAsync(_cluster, 100);
        await _cluster.Nodes[1].KillAsync();
        await load.AnswersAsync(_cluster, 100);
        await _cluster.BecomesAsync("degraded");

        GiveOtherPorts(1);
        _cluster.Nodes[1].Start();
        await _cluster.BecomesAsync("healthy");
        await _cluster.NodeBecomesAsync(
            _cluster.Nodes[1], node => node.Replicas is { Primary: > 10, Backup: > 10 }, "primary and backup again");
        await load.StopAsync();
        Assert.Empty(load.Failures);
    }

    private IEnumerable<TestProcess> Plan(string directory)
    {
        var topology = ClusterTopology.Create(dataDirectory: directory);
        var ports = FreePorts.Take(3 * topology.Nodes.Length + 2);
        for (var i = 0; i < topology.Nodes.Length; i++)
        {
            var (node, outer) = (topology.Nodes[i], ports[i]);
            _proxies.Add(new(outer, ports[3 + i]));
            _variables.Add(new()
            {
                ["ASPNETCORE_URLS"] = UrlOf(ports[3 + i]),
                [Variables.PeerPort] = Text(ports[6 + i]),
                [Variables.NodeName] = node.Name,
                [Variables.NodeUrl] = UrlOf(outer),
                [Variables.ClusterSecret] = "Zk3vQ8pLr1xWt6yNb4mHc9sJd2fGa7uE",    // as Aspire makes one up
                [Variables.ReplicationFactor] = Text(topology.ReplicationFactor),
                [Variables.WalDirectory] = node.WalDirectory,
                [Variables.SnapshotDirectory] = node.SnapshotDirectory,
                ["KVSTORE_WAL_SEGMENT_BYTES"] = "4194304",
            });
            foreach (var other in topology.Nodes.Where(other => other != node))
                Reference(_variables[i], other.Name, ports[Array.IndexOf([.. topology.Nodes], other)]);
            yield return new("KvStore.Node.dll", node.Name, outer, directory, _variables[i]);
        }

        _proxies.Add(new(ports[^2], ports[^1]));
        Dictionary<string, string> balancer = new() { ["ASPNETCORE_URLS"] = UrlOf(ports[^1]) };
        foreach (var (i, node) in topology.Nodes.Index())
            Reference(balancer, node.Name, ports[i]);
        yield return new("KvStore.Balancer.dll", topology.Balancer.Name, ports[^2], directory, balancer);
    }

    /// <summary>What a reference to a node leaves: all its endpoints, by scheme for discovery and by name.</summary>
    private static void Reference(Dictionary<string, string> variables, string node, int port)
    {
        variables[Variables.Service(node)] = UrlOf(port);
        variables[$"{node.ToUpperInvariant()}_HTTP"] = UrlOf(port);
        variables[$"services__{node}__tcp__0"] = "tcp://localhost:1";    // the peer endpoint; nobody is to use it
        variables[$"{node.ToUpperInvariant()}_PEER"] = "tcp://localhost:1";
    }

    private void GiveOtherPorts(int node)
    {
        var ports = FreePorts.Take(2);
        _proxies[node].Target = ports[0];
        _variables[node]["ASPNETCORE_URLS"] = UrlOf(ports[0]);
        _variables[node][Variables.PeerPort] = Text(ports[1]);
    }

    private static string UrlOf(int port) => $"http://localhost:{Text(port)}";

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}
