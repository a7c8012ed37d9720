using System.Text.Json;
using System.Text.RegularExpressions;
using KvStore.Cli;
using KvStore.Cli.Cluster;
using KvStore.Cli.Verbs;
using KvStore.Contracts;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Time.Testing;

namespace KvStore.Tests.Cli.Cluster;

/// <summary><c>kv status</c> and <c>kv nodes</c>, asked of a balancer and of a node.</summary>
public sealed class ClusterVerbTests
{
    [Fact]
    public async Task Status_draws_ring_and_nodes_in_80_columns_without_escapes()
    {
        await using var node = await NodeAsync();
        await using var door = await BalancerAsync(node);
        var terminal = new MemoryTerminal();

        Assert.Equal(0, await RunAsync(door, terminal, "status", "-o", "table"));
        var lines = terminal.Output.Split('\n').Select(line => line.TrimEnd()).ToList();
        Assert.Equal("degraded  16 partitions, 3 copies each, view 7, cluster 00000000c0ffee00", lines[0]);
        Assert.Matches("\n! All 16 partitions have fewer than their 3 copies up", terminal.Output);
        Assert.Single(lines, line => Regex.IsMatch(line, "^primary  [123!]{16}$"));
        Assert.Single(lines, line => line == "copies   " + new string('2', 16));
        Assert.Matches("\nnode     state  primary  backup  lag  seen", terminal.Output);
        Assert.Matches("1 node1  up +[0-9]+ +15 +[0-9]+  now       1.2.3    http://127", terminal.Output);
        Assert.Contains("3 node3  down ", terminal.Output);
        Assert.All(lines, line => Assert.True(line.Length <= 80, line));
        Assert.DoesNotContain('\u001b', terminal.Output);
    }

    [Fact]
    public async Task Status_as_JSON_is_one_document_that_begins_as_health_does()
    {
        await using var node = await NodeAsync();
        await using var door = await BalancerAsync(node);
        var terminal = new MemoryTerminal();

        Assert.Equal(0, await RunAsync(door, terminal, "status"));
        Assert.StartsWith("""{"status":"degraded","nodes":[{"name":"node1","url":"http://127""", terminal.Output);
        using var document = JsonDocument.Parse(terminal.Output);
        var root = document.RootElement;
        Assert.Equal(
            ["status", "nodes", "epoch", "clusterId", "replicationFactor", "ring", "problems"],
            root.EnumerateObject().Select(member => member.Name));
        Assert.Equal(Sketch.Partitions, root.GetProperty("ring").GetArrayLength());
        Assert.Equal(
            ["primary", "replicas", "up"],
            root.GetProperty("ring").EnumerateArray().First(partition => partition.TryGetProperty("primary", out _))
                .EnumerateObject().Select(member => member.Name));
        var health = JsonSerializer.Deserialize(terminal.Output, ContractsJson.Default.ClusterHealth)!;
        Assert.Equal(["up", "up", "down"], health.Nodes.Select(one => one.Status));
    }

    [Fact]
    public async Task Nodes_is_a_line_for_each_and_names_what_is_known()
    {
        await using var node = await NodeAsync();
        await using var door = await BalancerAsync(node);
        var terminal = new MemoryTerminal();

        Assert.Equal(0, await RunAsync(door, terminal, "nodes", "-o", "json"));
        var lines = terminal.Output.TrimEnd().Split('\n');
        Assert.Equal(3, lines.Length);
        using var first = JsonDocument.Parse(lines[0]);
        Assert.Equal(
            [
                "name", "url", "status", "primaries", "backups", "lagEntries", "version", "disk", "keys", "bytes",
                "logBytes", "uptimeSeconds", "requests",
            ],
            first.RootElement.EnumerateObject().Select(member => member.Name));
        Assert.Equal(
            """{"name":"node3","url":"http://10.0.0.3:8001","status":"down","primaries":0,"downSeconds":12.5}""",
            lines[2].TrimEnd());

        var raw = new MemoryTerminal();
        Assert.Equal(0, await RunAsync(door, raw, "nodes", "-o", "raw"));
        Assert.Equal("http://10.0.0.3:8001", raw.Output.TrimEnd().Split('\n')[2]);
    }

    [Fact]
    public async Task A_node_says_how_it_is_itself_and_draws_what_it_knows_of_the_others()
    {
        await using var node = await NodeAsync();
        var json = new MemoryTerminal();
        Assert.Equal(0, await RunAsync(node, json, "status"));
        Assert.Equal("node1", JsonSerializer.Deserialize(json.Output, ContractsJson.Default.NodeStatus)!.Name);

        var table = new MemoryTerminal();
        Assert.Equal(0, await RunAsync(node, table, "status", "-o", "table"));
        Assert.Matches("replicas +1 primary, 15 backup", table.Output);
        Assert.Matches("copies +3{16}", table.Output);
        Assert.Matches("2 node2 +up ", table.Output);
        var nodes = new MemoryTerminal();
        Assert.Equal(0, await RunAsync(node, nodes, "nodes"));
        Assert.Equal(3, nodes.Output.TrimEnd().Split('\n').Length);
    }

    [Fact]
    public async Task Watched_it_is_looked_at_again_and_a_door_that_goes_is_part_of_the_picture()
    {
        using var stop = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        var looks = 0;
        var seen = new List<string>();
        var time = new FakeTimeProvider();
        using var memory = new MemoryTerminal();
        var view = new ClusterView(memory.Open() with { Time = time }, OutputFormat.Json, null!, picture =>
        {
            seen.Add(picture.Status + string.Concat(picture.Problems));
            if (seen.Count == 3)
                stop.Cancel();
            return "line";
        });

        var watch = view.WatchAsync(
            _ => ++looks == 2
                ? throw new FailureException("Nobody\nis there.")
                : Task.FromResult(new ClusterPicture { Status = "healthy" }),
            stop.Token);
        while (!watch.IsCompleted)
        {
            time.Advance(TimeSpan.FromSeconds(2));
            await Task.Yield();
        }

        await watch;
        Assert.Equal(["healthy", "unreachableNobody is there.", "healthy"], seen);
        Assert.Equal("line\nline\nline\n", memory.Output.ReplaceLineEndings("\n"));
        await Assert.ThrowsAsync<FailureException>(
            () => view.WatchAsync(_ => throw new FailureException("No."), CancellationToken.None));
    }

    [Fact]
    public async Task Watched_nodes_are_no_empty_lines_while_their_door_is_away()
    {
        using var stop = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        var looks = 0;
        var one = new NodePicture { Name = "node1", Status = "up", Primaries = 0 };
        var time = new FakeTimeProvider();
        using var memory = new MemoryTerminal();
        var view = new ClusterView(
            memory.Open() with { Time = time },
            OutputFormat.Json,
            null!,
            picture => string.Join(' ', picture.Nodes.Select(node => node.Name)));
        var watch = view.WatchAsync(
            _ =>
            {
                if (++looks == 3)
                    stop.Cancel();
                return looks == 2
                    ? throw new FailureException("Nobody\nis there.")
                    : Task.FromResult(new ClusterPicture { Status = "healthy", Nodes = [one] });
            },
            stop.Token);
        while (!watch.IsCompleted)
        {
            time.Advance(TimeSpan.FromSeconds(2));
            await Task.Yield();
        }

        await watch;
        Assert.Equal("node1\nnode1\n", memory.Output.ReplaceLineEndings("\n"));
        Assert.Equal("kv: Nobody is there.\n", memory.Errors.ReplaceLineEndings("\n"));
    }

    [Fact]
    public void A_table_of_no_nodes_says_why_there_are_none()
    {
        using var memory = new MemoryTerminal();
        var away = new ClusterPicture { Status = ClusterPicture.Unreachable, Problems = ["Nobody is there."] };
        Tables.ConsoleOf(memory.Open()).Write(ClusterTables.DrawNodes(away, width: 80));
        Assert.Matches("unreachable[^!]+! Nobody is there.", memory.Output);
    }

    private static Task<int> RunAsync(FakeServer server, MemoryTerminal terminal, params string[] args)
    {
        terminal.Variables["KVSTORE_SERVER"] = server.Url;
        return terminal.RunAsync(args);
    }

    /// <summary>The first node; the others cannot be reached.</summary>
    private static async Task<FakeServer> NodeAsync()
    {
        FakeServer? node = null;
        node = await FakeServer.StartAsync(context => context.Request.Path.Value switch
        {
            Routes.Status => context.Response.WriteAsJsonAsync(
                Sketch.Status(1) with { Url = node!.Url }, ContractsJson.Default.NodeStatus),
            Routes.Cluster => context.Response.WriteAsJsonAsync(
                ClusterWith(node!), ContractsJson.Default.ClusterStatus),
            _ => context.Response.WriteAsync("healthy"),
        });
        return node;
    }

    /// <summary>A balancer that knows the first node, one that others cannot reach, and one that is down.</summary>
    private static Task<FakeServer> BalancerAsync(FakeServer node)
    {
        var health = Sketch.Health(
            "degraded",
            (1, new("node1", node.Url, "up", 8)),
            (2, new("node2", "http://127.0.0.1:1", "up", 8)),
            (3, Sketch.Down(3, 12.5)));
        return FakeServer.StartAsync(context => context.Request.Path.Value switch
        {
            Routes.Health => context.Response.WriteAsJsonAsync(health, ContractsJson.Default.ClusterHealth),
            Routes.Cluster => context.Response.WriteAsJsonAsync(
                ClusterWith(node), ContractsJson.Default.ClusterStatus),
            _ => Task.CompletedTask,
        });
    }

    private static ClusterStatus ClusterWith(FakeServer node) => Sketch.Cluster with
    {
        Members = [new(1, "node1", node.Url), new(2, "node2", "http://127.0.0.1:1"), new(3, "node3", null)],
    };
}
