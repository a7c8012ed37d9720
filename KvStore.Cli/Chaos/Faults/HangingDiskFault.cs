namespace KvStore.Cli.Chaos.Faults;

/// <summary>
/// No flush of one node returns before the fault ends; after 5 s of that it must have given away what it leads.
/// </summary>
internal sealed class HangingDiskFault : IFault
{
    private const string Hangs = "flush=slow:60s";

    public FaultGroup Group => FaultGroup.Lives;

    public async Task<Struck> RunAsync(ChaosCluster cluster, Random random)
    {
        var node = cluster.AnyNode(random);
        var lasts = TimeSpan.FromMilliseconds(random.Next(1000, 12_000));
        await cluster.BreakDiskAsync(node, Hangs).ConfigureAwait(false);
        await Task.Delay(lasts).ConfigureAwait(false);
        await cluster.MendDisksAsync().ConfigureAwait(false);
        return new Struck($"the disk of {node.Name} hung for {lasts.TotalSeconds:F1} s", node);
    }
}
