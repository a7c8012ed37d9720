using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;
using System.Text;
using KvStore.Cli;
using KvStore.Cli.Dev;
using KvStore.Tests.Cluster;
using KvStore.Topology;

namespace KvStore.Tests.Cli.Dev;

[Collection(nameof(ClusterCollection))]
public sealed class DevProcessTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("kvstore-dev-").FullName;

    private string Data => Path.Combine(_root, "data");

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Fact]
    public async Task A_cluster_serves_outlives_a_node_ends_in_order_and_has_its_data_when_it_comes_back()
    {
        var plan = Plan();
        await using (var kv = Start(plan))
        {
            Assert.Equal(plan.Balancer.Url, (await kv.IsReadyAsync()).Url);
            Assert.Equal(
                plan.Nodes.Select(node => (node.Name, node.Url)).Append(("balancer", plan.Balancer.Url)),
                kv.Events.Where(happened => happened.Event == "started")
                    .Select(started => (started.Name!, started.Url!)));
            await KvProcess.SignalAsync("-INT", kv.PidOf("node1"));    // a terminal's: it is for the launcher alone
            Assert.Equal(0, await VerbAsync(plan, "put", "greeting", "hello"));

            await KvProcess.SignalAsync("-KILL", kv.PidOf("node2"));
            var exited = await kv.SeesAsync(happened => happened.Event == "exited", "the end of node2");
            Assert.Equal(("node2", 137), (exited.Name, exited.Code));
            Assert.Equal("hello", await GetAsync(plan, "greeting"));
            Assert.Equal(0, await VerbAsync(plan, "put", "greeting", "still here"));

            await KvProcess.SignalAsync("-TERM", kv.ProcessId);
            Assert.Equal(0, await kv.EndsAsync());
            Assert.Equal("", kv.Errors);
            var ends = kv.Events.Where(happened => happened.Event == "exited").ToList();
            Assert.Equal(["node2", "balancer"], ends.Take(2).Select(end => end.Name));
            Assert.Equal(["node1", "node3"], ends.Skip(2).Select(end => end.Name).Order());
            Assert.All(ends.Skip(1), end => Assert.Equal(0, end.Code));
            Assert.Equal(4, kv.Events.Count(happened => happened.Event == "started"));    // none was started again
            Ports.RefuseThoseInUse(plan);
        }

        await using (var again = Start(plan))
        {
            await again.IsReadyAsync();
            Assert.Equal("still here", await GetAsync(plan, "greeting"));
            await KvProcess.SignalAsync("-TERM", again.ProcessId);
            Assert.Equal(0, await again.EndsAsync());
        }

        await using (var anew = Start(plan, "--fresh"))
        {
            await anew.IsReadyAsync();
            Assert.Equal(ExitCodes.NotFound, await VerbAsync(plan, "get", "greeting"));
        }

        await AllEndAsync(plan);
    }

    [Fact]
    public async Task No_child_outlives_a_launcher_that_is_killed()
    {
        var plan = Plan();
        await using var kv = Start(plan);
        await kv.IsReadyAsync();
        Assert.Throws<FailureException>(() => Ports.RefuseThoseInUse(plan));

        kv.Kill();
        Assert.Equal(137, await kv.EndsAsync());
        await AllEndAsync(plan);
    }

    [Fact]
    public async Task One_node_is_a_cluster_too_which_is_started_again_and_sends_its_telemetry_where_it_is_told()
    {
        var told = new ConcurrentQueue<(string Path, string Body)>();
        await using var collector = await FakeServer.StartAsync(async context =>
        {
            using var body = new StreamReader(context.Request.Body, Encoding.Latin1);
            told.Enqueue((context.Request.Path, await body.ReadToEndAsync()));
        });
        var plan = Plan(nodes: 1);
        await using var kv = Start(
            plan, "--restart", "--otlp", collector.Url, "--otlp-protocol", OtlpTarget.Http);
        await kv.IsReadyAsync();
        Assert.Equal(("telemetry", collector.Url), (kv.Events[0].Event, kv.Events[0].Url));
        var first = kv.PidOf("node1");
        await KvProcess.SignalAsync("-KILL", first);
        await kv.SeesAsync(
            happened => happened is { Event: "started", Name: "node1" } && happened.Pid != first, "node1 again");
        Assert.Equal(0, await VerbAsync(plan, "put", "k", "v"));
        await KvProcess.SignalAsync("-TERM", kv.ProcessId);

        Assert.Equal(0, await kv.EndsAsync());
        Assert.Equal(
            [137, 0, 0], kv.Events.Where(happened => happened.Event == "exited").Select(end => end.Code!.Value));
        Assert.Equal(["/v1/logs", "/v1/metrics", "/v1/traces"], told.Select(sent => sent.Path).Distinct().Order());
        foreach (var (name, url) in ((string, string)[])[("node1", plan.Nodes[0].Url), ("balancer", plan.Balancer.Url)])
        {
            Assert.Contains(told, sent => sent.Body.Contains(name, StringComparison.Ordinal)
                && sent.Body.Contains("service.instance.id", StringComparison.Ordinal)
                && sent.Body.Contains(new Uri(url).Authority, StringComparison.Ordinal));
        }
    }

    [Fact]
    public async Task A_port_in_use_is_named_and_nothing_is_started()
    {
        var plan = Plan();
        using var listener = new TcpListener(System.Net.IPAddress.Loopback, plan.Nodes[1].PeerPort);
        listener.Start();
        await using var kv = Start(plan);

        Assert.Equal(1, await kv.EndsAsync());
        Assert.StartsWith($"kv: Port {plan.Nodes[1].PeerPort} (links of node2) in use: ", kv.Errors);
        Assert.Empty(kv.Events);
        Assert.False(Directory.Exists(Data));
    }

    [Fact]
    public async Task A_data_directory_that_a_node_has_is_refused_in_the_nodes_own_words_and_the_others_are_ended()
    {
        var other = Plan();
        await using var node = new TestProcess(
            "KvStore.Node.dll", "node2", other.Nodes[1].Port, _root, new(other.Nodes[1].Environment));
        node.Start();
        await EventuallyAsync(async () => await TestCluster.StatusAsync(node) is not null, "a node started by hand");

        var plan = Plan();
        await using var kv = Start(plan);
        Assert.Equal(1, await kv.EndsAsync());
        var line = Assert.Single(kv.Errors.Split('\n'));
        Assert.StartsWith("kv: node2 ended while starting (exit code 1): ", line);
        Assert.Contains("is in use by another process", line);
        Assert.Contains(
            kv.Events, happened => happened is { Event: "exited", Name: "node2", Code: 1, Detail: not null });
        Ports.RefuseThoseInUse(plan);
    }

    [Fact]
    public async Task A_dotnet_that_is_not_there_is_one_line()
    {
        var plan = Plan();
        await using var kv = KvProcess.Start(Arguments(plan), ("DOTNET_HOST_PATH", "/nowhere/dotnet"));

        Assert.Equal(1, await kv.EndsAsync());
        Assert.Equal(
            "kv: DOTNET_HOST_PATH names the dotnet host, and there is no file '/nowhere/dotnet'.", kv.Errors);
    }

    private ClusterTopology Plan(int nodes = 3)
    {
        while (true)
        {
            var ports = FreePorts.Take(2);
            try
            {
                var plan = ClusterTopology.Create(nodes, ports[0], ports[1], Data);
                Ports.RefuseThoseInUse(plan);
                return plan;
            }
            catch (Exception failure) when (failure is TopologyException or FailureException)
            {
                // A neighbour of a free port need not be free.
            }
        }
    }

    private static string[] Arguments(ClusterTopology plan) =>
    [
        "--nodes", Text(plan.Nodes.Length), "--port", Text(plan.Balancer.Port),
        "--node-port", Text(plan.Nodes[0].Port), "--data", plan.DataDirectory,
    ];

    private static KvProcess Start(ClusterTopology plan, params string[] more) =>
        KvProcess.Start([.. Arguments(plan), .. more]);

    private static async Task<int> VerbAsync(ClusterTopology plan, params string[] args)
    {
        using var terminal = new MemoryTerminal { Variables = { ["KVSTORE_SERVER"] = plan.Balancer.Url } };
        return await terminal.RunAsync(args);
    }

    private static async Task<string> GetAsync(ClusterTopology plan, string key)
    {
        using var terminal = new MemoryTerminal { Variables = { ["KVSTORE_SERVER"] = plan.Balancer.Url } };
        Assert.Equal(0, await terminal.RunAsync("get", key));
        return terminal.Output;
    }

    /// <summary>Ports and data directories are free again: none of them runs.</summary>
    private static Task AllEndAsync(ClusterTopology plan) => EventuallyAsync(
        () =>
        {
            try
            {
                Ports.RefuseThoseInUse(plan);
                DataFolder.Open(plan, isFresh: true).Dispose();
                return Task.FromResult(true);
            }
            catch (FailureException)
            {
                return Task.FromResult(false);
            }
        },
        "all children end");

    private static async Task EventuallyAsync(Func<Task<bool>> isSo, string claim)
    {
        var watch = Stopwatch.StartNew();
        while (!await isSo())
        {
            Assert.True(watch.Elapsed < TimeSpan.FromSeconds(30), $"Not within 30 s: {claim}.");
            await Task.Delay(20);
        }
    }

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}
