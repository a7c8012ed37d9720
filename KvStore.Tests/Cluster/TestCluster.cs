using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using KvStore.Contracts;

namespace KvStore.Tests.Cluster;

/// <summary>
/// Real node processes and a real balancer on free ports and a temporary directory, told what the learning project's
/// start commands tell them. Everything is ended and removed on disposal.
/// </summary>
public sealed class TestCluster : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly string _directory = Directory.CreateTempSubdirectory("kvstore-cluster-").FullName;
    private readonly List<TestProcess> _nodes;
    private readonly TestProcess _balancer;

    private TestCluster(Func<string, IEnumerable<TestProcess>> plan)
    {
        _nodes = [.. plan(_directory)];
        _balancer = _nodes[^1];
        _nodes.RemoveAt(_nodes.Count - 1);
    }

    /// <summary>The node processes, node1 first.</summary>
    public IReadOnlyList<TestProcess> Nodes => _nodes;

    /// <summary>The balancer's process.</summary>
    public TestProcess Balancer => _balancer;

    /// <summary>A client of the balancer; also says whether every request of a test got its answer.</summary>
    public HttpClient Door => _balancer.Http;

    /// <summary>Starts all and waits until the balancer says healthy.</summary>
    /// <param name="nodes">How many.</param>
    /// <param name="settings">Variables that the nodes get besides the usual ones.</param>
    public static Task<TestCluster> StartAsync(int nodes = 3, params (string Name, string Value)[] settings) =>
        StartAsync(directory => Plan(directory, nodes, settings));

    /// <summary>Starts three nodes and a balancer that all get these variables besides the usual ones.</summary>
    public static Task<TestCluster> StartAllAsync(params (string Name, string Value)[] settings) =>
        StartAsync(directory => Plan(directory, 3, settings, settings));

    /// <summary>Starts the processes that <paramref name="plan"/> makes for a directory, the balancer last.</summary>
    internal static async Task<TestCluster> StartAsync(Func<string, IEnumerable<TestProcess>> plan)
    {
        var cluster = new TestCluster(plan);
        try
        {
            foreach (var process in cluster._nodes.Append(cluster._balancer))
                process.Start();
            await cluster.BecomesAsync("healthy");
            return cluster;
        }
        catch
        {
            await cluster.DisposeAsync();
            throw;
        }
    }

    /// <summary>Waits until the balancer's health is <paramref name="status"/>.</summary>
    public Task BecomesAsync(string status) => EventuallyAsync(
        async () => (await HealthAsync())?.GetProperty("status").GetString() == status, $"health is {status}");

    /// <summary>Waits until the node describes itself as <paramref name="isSo"/> says.</summary>
    public Task NodeBecomesAsync(TestProcess node, Func<NodeStatus, bool> isSo, string claim) =>
        EventuallyAsync(async () => await StatusAsync(node) is { } status && isSo(status), $"{node.Name}: {claim}");

    /// <summary>The balancer's health; null when it does not answer.</summary>
    public async Task<JsonElement?> HealthAsync()
    {
        try
        {
            using var answer = await Door.GetAsync("/health");
            return JsonDocument.Parse(await answer.Content.ReadAsStringAsync()).RootElement;
        }
        catch (HttpRequestException)
        {
            return null;
        }
    }

    /// <summary>What a node says of itself; null when it does not answer.</summary>
    public static async Task<NodeStatus?> StatusAsync(TestProcess node)
    {
        try
        {
            return JsonSerializer.Deserialize(await node.Http.GetStringAsync("/"), ContractsJson.Default.NodeStatus);
        }
        catch (HttpRequestException)
        {
            return null;
        }
    }

    /// <summary>A stopped node finds nothing where its data was; gives where that is now.</summary>
    public string TakeDiskOf(TestProcess node)
    {
        var aside = Path.Combine(_directory, $"{node.Name}-{Guid.NewGuid():n}");
        Directory.Move(DiskOf(node), aside);
        return aside;
    }

    /// <summary>Copies a stopped node's data; gives where the copy is.</summary>
    public string CopyDiskOf(TestProcess node)
    {
        var (disk, copy) = (DiskOf(node), Path.Combine(_directory, $"{node.Name}-{Guid.NewGuid():n}"));
        foreach (var file in Directory.GetFiles(disk, "*", SearchOption.AllDirectories))
        {
            var to = Path.Combine(copy, Path.GetRelativePath(disk, file));
            Directory.CreateDirectory(Path.GetDirectoryName(to)!);
            File.Copy(file, to);
        }

        return copy;
    }

    /// <summary>A stopped node finds again what was taken from it.</summary>
    public void GiveDiskTo(TestProcess node, string aside)
    {
        TakeDiskOf(node);
        Directory.Move(aside, DiskOf(node));
    }

    /// <summary>Asks again and again until it is so; what the processes printed is in the failure.</summary>
    public async Task EventuallyAsync(Func<Task<bool>> isSo, string claim, TimeSpan? patience = null)
    {
        var watch = Stopwatch.StartNew();
        while (!await isSo())
        {
            if (watch.Elapsed > (patience ?? Patience))
                Assert.Fail($"Not within {patience ?? Patience}: {claim}.{Environment.NewLine}{Output()}");
            await Task.Delay(20);
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var process in _nodes.Append(_balancer))
            await process.DisposeAsync();
        Directory.Delete(_directory, recursive: true);
    }

    private static IEnumerable<TestProcess> Plan(
        string directory,
        int count,
        (string Name, string Value)[] settings,
        params (string Name, string Value)[] balancerSettings)
    {
        var ports = FreePorts.Take(2 * count + 1);
        var urls = string.Join(',', Enumerable.Range(0, count).Select(i => $"http://localhost:{ports[i]}"));
        for (var i = 0; i < count; i++)
        {
            var name = $"node{i + 1}";
            var variables = new Dictionary<string, string>
            {
                ["NODE_NAME"] = name,
                ["PORT"] = Text(ports[i]),
                ["CURRENT_NODE_URL"] = $"http://localhost:{ports[i]}",
                ["CLUSTER_NODES"] = urls,
                ["REPLICATION_FACTOR"] = "3",
                ["KVSTORE_PEER_PORT"] = Text(ports[count + i]),
                ["KVSTORE_WAL_SEGMENT_BYTES"] = "4194304",
            };
            foreach (var (setting, value) in settings)
                variables[setting] = value;
            yield return new TestProcess("KvStore.Node.dll", name, ports[i], directory, variables);
        }

        var balancer = new Dictionary<string, string> { ["LB_PORT"] = Text(ports[^1]), ["DATABASE_NODES"] = urls };
        foreach (var (setting, value) in balancerSettings)
            balancer[setting] = value;
        yield return new TestProcess("KvStore.Balancer.dll", "balancer", ports[^1], directory, balancer);
    }

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);

    private string DiskOf(TestProcess node) => Path.Combine(_directory, "data", node.Name);

    private string Output() =>
        string.Join(Environment.NewLine, _nodes.Append(_balancer).Select(process => process.Output));
}

/// <summary>Ports that nobody uses now, each given once per test run.</summary>
internal static class FreePorts
{
    private static readonly HashSet<int> Given = [];

    public static int[] Take(int count)
    {
        var taken = new List<int>();
        while (taken.Count < count)
        {
            using var listener = new TcpListener(IPAddress.Loopback, 0);
            listener.Start();
            var port = ((IPEndPoint)listener.LocalEndpoint).Port;
            lock (Given)
            {
                if (Given.Add(port))
                    taken.Add(port);
            }
        }

        return [.. taken];
    }
}
