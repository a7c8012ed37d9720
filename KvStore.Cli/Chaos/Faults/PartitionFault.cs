using KvStore.Cli.Chaos.Links;

namespace KvStore.Cli.Chaos.Faults;

/// <summary>Links are down for a while: they reset whatever comes, or swallow it and deliver it late.</summary>
internal sealed class PartitionFault(Func<Link, int[], bool> isDown) : IFault
{
    public FaultGroup Group => FaultGroup.Links;

    public async Task<Struck> RunAsync(ChaosCluster cluster, Random random)
    {
        int[] order = [.. cluster.Nodes.Select(node => node.Number)];
        random.Shuffle(order);
        var first = cluster.Nodes[order[0] - 1];
        var state = random.Next(2) == 0 ? LinkState.Cut : LinkState.Clogged;
        var lasts = TimeSpan.FromMilliseconds(random.Next(500, 6000));
        cluster.Mesh.Set(state, link => isDown(link, order));
        var down = cluster.Mesh.Links.Where(link => isDown(link, order)).Select(link => $"{link.From}>{link.To}");
        var done = $"{(state.IsCut ? "cut" : "clogged")} {string.Join(' ', down)} for {lasts.TotalSeconds:F1} s";
        await Task.Delay(lasts).ConfigureAwait(false);
        cluster.Mesh.Open();
        return new Struck(done, first);
    }
}
