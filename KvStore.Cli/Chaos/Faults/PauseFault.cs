namespace KvStore.Cli.Chaos.Faults;

/// <summary>
/// SIGSTOP, and SIGCONT after 0.1 to 20 s, short ones being more frequent. Mostly the node that leads most: what it
/// still believes when it goes on must not be believed.
/// </summary>
internal sealed class PauseFault : IFault
{
    private const double ShortestSeconds = 0.1;
    private const double LongestSeconds = 20;

    public FaultGroup Group => FaultGroup.Pauses;

    public async Task<Struck> RunAsync(ChaosCluster cluster, Random random)
    {
        var any = cluster.AnyNode(random);
        var seconds = ShortestSeconds * Math.Pow(LongestSeconds / ShortestSeconds, random.NextDouble());
        var node = random.Next(4) == 0 ? any : await cluster.BusiestAsync().ConfigureAwait(false);
        await node.PauseAsync().ConfigureAwait(false);
        await Task.Delay(TimeSpan.FromSeconds(seconds)).ConfigureAwait(false);
        await node.ResumeAsync().ConfigureAwait(false);
        return new Struck($"paused {node.Name} for {seconds:F1} s", node);
    }
}
