namespace KvStore.Cli.Chaos.Faults;

/// <summary>
/// A node dies and comes back on an empty disk. Only once the cluster is whole, and until it is whole again: two lost
/// disks of three are more than any promise covers.
/// </summary>
internal sealed class LostDiskFault : IFault
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    public FaultGroup Group => FaultGroup.Lives;

    public async Task<Struck> RunAsync(ChaosCluster cluster, Random random)
    {
        var node = cluster.AnyNode(random);
        await node.KillAsync().ConfigureAwait(false);
        cluster.TakeDiskOf(node);
        cluster.Start(node);
        return await IsWholeAgainAsync(cluster, node).ConfigureAwait(false)
            ? new Struck($"took the disk of {node.Name}", node)
            : throw new FailureException($"{node.Name} was not whole within {Patience} after it lost its disk.");
    }

    private static async Task<bool> IsWholeAgainAsync(ChaosCluster cluster, ChaosNode node)
    {
        using var late = new CancellationTokenSource(Patience);
        while (!late.IsCancellationRequested)
        {
            var status = await cluster.StatusOfAsync(node).ConfigureAwait(false);
            if (status is { State: "serving", Replicas: { Primary: > 0, Backup: > 0, Candidate: 0 } })
                return true;
            await Task.Delay(100, late.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        return false;
    }
}
