using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Net.Http.Json;
using KvStore.Cli.Chaos.Links;
using KvStore.Cli.Dev;
using KvStore.Contracts;
using KvStore.Topology;

namespace KvStore.Cli.Chaos;

/// <summary>
/// A cluster of real processes in which every node reaches every other one over a <see cref="Link"/> of its own: both
/// its peer link and what it forwards. Clients and the balancer reach all nodes directly.
/// </summary>
internal sealed class ChaosCluster : IAsyncDisposable
{
    private static readonly TimeSpan AskInterval = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan StopPatience = TimeSpan.FromSeconds(30);

    /// <summary>A node that is paused answers when it goes on.</summary>
    private static readonly TimeSpan DiskPatience = TimeSpan.FromSeconds(30);

    private readonly ConcurrentQueue<string> _deaths = [];
    private readonly ClusterProbe _probe = new();
    private readonly HttpClient _disks = new(new SocketsHttpHandler { UseProxy = false }) { Timeout = DiskPatience };
    private int _lostDisks;
    private volatile bool _isStopping;

    public ChaosCluster(ClusterTopology topology, string host, int seed)
    {
        Mesh = new LinkMesh(topology, seed);
        Nodes = [.. topology.Nodes.Select((node, at) => new ChaosNode(at + 1, node, new Child(
            node.Name,
            node.Url,
            host,
            DevCluster.ProgramFile(DevCluster.NodeProgram),
            node.Directory,
            node.Environment
                .SetItem(Variables.ClusterNodes, Mesh.SeenFrom(at + 1, topology))
                .SetItems(ForChaos))))];
        var balancer = topology.Balancer;
        Balancer = new Child(
            balancer.Name,
            balancer.Url,
            host,
            DevCluster.ProgramFile(DevCluster.BalancerProgram),
            balancer.Directory,
            balancer.Environment);
    }

    public ImmutableArray<ChaosNode> Nodes { get; }

    /// <summary>How long a flush takes where the nodes' data is.</summary>
    public required TimeSpan NormalFlush { get; init; }

    public Child Balancer { get; }

    public LinkMesh Mesh { get; }

    /// <summary>Programs that ended although nobody killed them, with what they said.</summary>
    public IReadOnlyCollection<string> Deaths => _deaths;

    /// <summary>
    /// Segments roll, logs are compacted, snapshots are sent and states compared within minutes instead of hours; disks
    /// can be broken, and a kill loses the bytes that were not flushed, as power does.
    /// </summary>
    private static Dictionary<string, string> ForChaos => new()
    {
        ["KvStore__AllowFaults"] = "true",
        ["KvStore__LosesUnflushed"] = "true",
        ["KVSTORE_WAL_SEGMENT_BYTES"] = "4194304",
        ["KVSTORE_SNAPSHOT_INTERVAL"] = "10s",
        ["KVSTORE_COMPARE_INTERVAL"] = "1s",
    };

    /// <summary>Starts whatever does not run.</summary>
    public void StartAll()
    {
        foreach (var node in Nodes)
            Start(node);
        Balancer.Start((_, _) => { }, OnEnded);
    }

    public void Start(ChaosNode node) => node.Child.Start(
        (_, pid) => (node.Pid, node.MayEnd) = (pid, false),
        child =>
        {
            if (!node.MayEnd)
                OnEnded(child);
        });

    /// <summary>One of the nodes, by chance.</summary>
    public ChaosNode AnyNode(Random random) => Nodes[random.Next(Nodes.Length)];

    /// <summary>From now on, or for the rest of its life, the disk of a node does wrong what the faults say.</summary>
    /// <exception cref="FailureException">The node does not take them.</exception>
    public async Task BreakDiskAsync(ChaosNode node, string faults)
    {
        var body = JsonContent.Create(new FaultsDocument(faults), ContractsJson.Default.FaultsDocument);
        await body.LoadIntoBufferAsync().ConfigureAwait(false);    // a node takes only what says its length
        try
        {
            using var answer = await _disks.PostAsync(node.Child.Url + Routes.Faults, body).ConfigureAwait(false);
            answer.EnsureSuccessStatusCode();
        }
        catch (Exception failure) when (failure is HttpRequestException or OperationCanceledException)
        {
            throw new FailureException($"{node.Name} does not take faults of its disk: {failure.Message}");
        }
    }

    /// <summary>The disks of all nodes that run do as they are told.</summary>
    public Task MendDisksAsync() => Task.WhenAll(Nodes.Where(node => node.Child.IsRunning).Select(async node =>
    {
        try
        {
            using var answer = await _disks.DeleteAsync(node.Child.Url + Routes.Faults).ConfigureAwait(false);
        }
        catch (Exception failure) when (failure is HttpRequestException or OperationCanceledException)
        {
            // It has just died or just been born, and is born with a good disk; else it will not settle.
        }
    }));

    /// <summary>Takes the disk of a node that does not run: at its next start it finds nothing.</summary>
    public void TakeDiskOf(ChaosNode node)
    {
        var aside = Path.Combine(node.Topology.Directory, $"lost-{++_lostDisks}");
        Directory.CreateDirectory(aside);
        foreach (var part in (string[])[node.Topology.WalDirectory, node.Topology.SnapshotDirectory])
        {
            if (Directory.Exists(part))
                Directory.Move(part, Path.Combine(aside, Path.GetFileName(part)));
        }
    }

    /// <summary>The node that is primary of the most partitions, as far as the nodes say.</summary>
    public async Task<ChaosNode> BusiestAsync()
    {
        var statuses = await Task.WhenAll(Nodes.Select(node => StatusOfAsync(node))).ConfigureAwait(false);
        return Nodes.MaxBy(node => statuses[node.Number - 1]?.Replicas.Primary ?? -1)!;
    }

    public Task<NodeStatus?> StatusOfAsync(ChaosNode node) =>
        _probe.StatusOfAsync(node.Child.Url, CancellationToken.None);

    /// <summary>What each node knows of who leads what; null for those that do not answer.</summary>
    public Task<ClusterStatus?[]> ClusterStatusesAsync() =>
        Task.WhenAll(Nodes.Select(node => _probe.ClusterOfAsync(node.Child.Url, CancellationToken.None)));

    /// <summary>Waits until the balancer says that all nodes are up and all partitions have a primary.</summary>
    /// <returns>Whether it did in time.</returns>
    public async Task<bool> BecomesHealthyAsync(TimeSpan patience)
    {
        using var late = new CancellationTokenSource(patience);
        while (!late.IsCancellationRequested)
        {
            var health = await _probe.HealthAsync(Balancer.Url, late.Token).ConfigureAwait(false);
            if (health is { Status: ClusterHealth.Healthy })
                return true;
            await Task.Delay(AskInterval, late.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        return false;
    }

    /// <summary>Ends every fault: all links open, everybody goes on, all disks work, everybody runs.</summary>
    public async Task HealAsync()
    {
        Mesh.Open();
        foreach (var node in Nodes)
            await node.ResumeAsync().ConfigureAwait(false);
        await MendDisksAsync().ConfigureAwait(false);
        StartAll();
    }

    public async ValueTask DisposeAsync()
    {
        _isStopping = true;
        Mesh.Open();
        foreach (var node in Nodes)
            await node.ResumeAsync().ConfigureAwait(false);
        await MendDisksAsync().ConfigureAwait(false);
        using var patience = new CancellationTokenSource(StopPatience);
        await Balancer.StopAsync(patience.Token).ConfigureAwait(false);
        await Task.WhenAll(Nodes.Select(node => node.Child.StopAsync(patience.Token))).ConfigureAwait(false);
        await Mesh.DisposeAsync().ConfigureAwait(false);
        foreach (var child in Nodes.Select(node => node.Child).Append(Balancer))
            child.Dispose();
        _probe.Dispose();
        _disks.Dispose();
    }

    private void OnEnded(Child child)
    {
        if (!_isStopping && !child.WasKilledHere)
            _deaths.Enqueue($"{child.Name} ended by itself, exit code {child.ExitCode}: {child.Reason}");
    }
}
