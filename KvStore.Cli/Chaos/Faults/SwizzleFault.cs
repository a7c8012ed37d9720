using KvStore.Cli.Chaos.Links;

namespace KvStore.Cli.Chaos.Faults;

/// <summary>Links clog one by one, and are cleared one by one in another order.</summary>
internal sealed class SwizzleFault : IFault
{
    public FaultGroup Group => FaultGroup.Links;

    public async Task<Struck> RunAsync(ChaosCluster cluster, Random random)
    {
        Link[] links = [.. cluster.Mesh.Links];
        random.Shuffle(links);
        var struck = links[..random.Next(1, links.Length + 1)];
        await StepAsync(struck, LinkState.Clogged, random).ConfigureAwait(false);
        random.Shuffle(struck);
        await StepAsync(struck, LinkState.Open, random).ConfigureAwait(false);
        return new Struck($"clogged {struck.Length} links one by one");
    }

    private static async Task StepAsync(Link[] links, LinkState state, Random random)
    {
        foreach (var link in links)
        {
            link.State = state;
            await Task.Delay(random.Next(1000)).ConfigureAwait(false);
        }
    }
}
