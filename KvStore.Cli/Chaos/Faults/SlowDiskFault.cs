using System.Globalization;

namespace KvStore.Cli.Chaos.Faults;

/// <summary>
/// Every flush of one node takes 100 times as long as a flush takes on this machine: a majority of the others decides,
/// so it should cost hardly anything.
/// </summary>
internal sealed class SlowDiskFault : IFault
{
    private const int Times = 100;
    private const int LeastMilliseconds = 10;
    private const int MostMilliseconds = 2000;

    public FaultGroup Group => FaultGroup.Lives;

    public async Task<Struck> RunAsync(ChaosCluster cluster, Random random)
    {
        var node = cluster.AnyNode(random);
        var lasts = TimeSpan.FromMilliseconds(random.Next(2000, 8000));
        var flush = Math.Clamp(
            (int)(cluster.NormalFlush * Times).TotalMilliseconds, LeastMilliseconds, MostMilliseconds);
        await cluster
            .BreakDiskAsync(node, string.Create(CultureInfo.InvariantCulture, $"flush=slow:{flush}ms"))
            .ConfigureAwait(false);
        await Task.Delay(lasts).ConfigureAwait(false);
        await cluster.MendDisksAsync().ConfigureAwait(false);
        return new Struck($"flushes of {node.Name} took {flush} ms for {lasts.TotalSeconds:F1} s", node);
    }
}
