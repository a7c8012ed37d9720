namespace KvStore.Cli.Chaos.Faults;

/// <summary>SIGKILL to one node or to all at once; later they start again on what their disks hold.</summary>
internal sealed class KillFault(bool isAll) : IFault
{
    public FaultGroup Group => FaultGroup.Lives;

    public async Task<Struck> RunAsync(ChaosCluster cluster, Random random)
    {
        ChaosNode[] killed = isAll ? [.. cluster.Nodes] : [cluster.AnyNode(random)];
        await Task.WhenAll(killed.Select(node => node.KillAsync())).ConfigureAwait(false);
        var down = TimeSpan.FromMilliseconds(random.Next(isAll ? 500 : 3000));
        await Task.Delay(down).ConfigureAwait(false);
        random.Shuffle(killed);
        foreach (var node in killed)
            cluster.Start(node);
        return new Struck(
            $"killed {string.Join(", ", killed.Select(node => node.Name))} for {down.TotalSeconds:F1} s", [.. killed]);
    }
}
