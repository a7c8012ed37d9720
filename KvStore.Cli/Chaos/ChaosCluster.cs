using System.Collections.Concurrent;
using System.Collections.Immutable;
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

    private readonly ConcurrentQueue<string> _deaths = [];
    private readonly ClusterProbe _probe = new();
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
                .SetItems(SmallFiles))))];
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

    public Child Balancer { get; }

    public LinkMesh Mesh { get; }

    /// <summary>Programs that ended although nobody killed them, with what they said.</summary>
    public IReadOnlyCollection<string> Deaths => _deaths;

    /// <summary>
    /// Segments roll, logs are compacted, snapshots are sent and states compared within minutes instead of hours.
    /// </summary>
    private static Dictionary<string, string> SmallFiles => new()
    {
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

    public void Start(ChaosNode node) => node.Child.Start((_, pid) => node.Pid = pid, OnEnded);

    /// <summary>SIGKILL, and waits until it is gone.</summary>
    public static async Task KillAsync(ChaosNode node)
    {
        node.Child.Kill();
        await node.Child.Ended.ConfigureAwait(false);
    }

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

    /// <summary>Ends every fault: all links open, everybody goes on, everybody runs.</summary>
    public async Task HealAsync()
    {
        Mesh.Open();
        foreach (var node in Nodes)
            await node.ResumeAsync().ConfigureAwait(false);
        StartAll();
    }

    public async ValueTask DisposeAsync()
    {
        _isStopping = true;
        Mesh.Open();
        foreach (var node in Nodes)
            await node.ResumeAsync().ConfigureAwait(false);
        using var patience = new CancellationTokenSource(StopPatience);
        await Balancer.StopAsync(patience.Token).ConfigureAwait(false);
        await Task.WhenAll(Nodes.Select(node => node.Child.StopAsync(patience.Token))).ConfigureAwait(false);
        await Mesh.DisposeAsync().ConfigureAwait(false);
        foreach (var child in Nodes.Select(node => node.Child).Append(Balancer))
            child.Dispose();
        _probe.Dispose();
    }

    private void OnEnded(Child child)
    {
        if (!_isStopping && !child.WasKilledHere)
            _deaths.Enqueue($"{child.Name} ended by itself, exit code {child.ExitCode}: {child.Reason}");
    }
}
