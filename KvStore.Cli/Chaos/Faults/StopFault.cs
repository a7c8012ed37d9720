namespace KvStore.Cli.Chaos.Faults;

/// <summary>SIGTERM to one node: it hands over what it leads, ends in order, and later starts again.</summary>
internal sealed class StopFault : IFault
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    public FaultGroup Group => FaultGroup.Lives;

    public async Task<Struck> RunAsync(ChaosCluster cluster, Random random)
    {
        var node = cluster.AnyNode(random);
        var down = TimeSpan.FromMilliseconds(random.Next(2000));
        node.MayEnd = true;
        await node.AskToEndAsync().ConfigureAwait(false);
        await node.EndsWithAsync(0, Patience).ConfigureAwait(false);
        await Task.Delay(down).ConfigureAwait(false);
        cluster.Start(node);
        return new Struck($"stopped {node.Name} for {down.TotalSeconds:F1} s", node);
    }
}
