using KvStore.Cli.Chaos.Links;

namespace KvStore.Cli.Chaos.Faults;

/// <summary>Some links carry everything, but badly.</summary>
internal sealed class SlowLinksFault(Func<Random, LinkState> draw) : IFault
{
    public FaultGroup Group => FaultGroup.Links;

    /// <summary>Late, and not evenly so.</summary>
    public static LinkState Delayed(Random random) => new()
    {
        Delay = TimeSpan.FromMilliseconds(random.Next(5, 200)),
        Jitter = TimeSpan.FromMilliseconds(random.Next(200)),
    };

    /// <summary>A few bytes at a time.</summary>
    public static LinkState Trickling(Random random) => new()
    {
        MaxPieceBytes = random.Next(1, 64),
        Delay = TimeSpan.FromMilliseconds(1),
    };

    /// <summary>Connections break in the middle of a frame.</summary>
    public static LinkState Torn(Random random) => new()
    {
        TornPerMille = random.Next(5, 200),
    };

    public async Task<string> RunAsync(ChaosCluster cluster, Random random)
    {
        var state = draw(random);
        var lasts = TimeSpan.FromMilliseconds(random.Next(1000, 6000));
        Link[] links = [.. cluster.Mesh.Links];
        random.Shuffle(links);
        var struck = links[..random.Next(1, links.Length + 1)];
        cluster.Mesh.Set(state, struck.Contains);
        await Task.Delay(lasts).ConfigureAwait(false);
        cluster.Mesh.Open();
        var names = string.Join(' ', struck.Select(link => $"{link.From}>{link.To}"));
        return $"{Describe(state)} on {names} for {lasts.TotalSeconds:F1} s";
    }

    private static string Describe(LinkState state) => state switch
    {
        { TornPerMille: > 0 } => $"{state.TornPerMille} of 1000 pieces torn",
        { MaxPieceBytes: < 64 } => $"{state.MaxPieceBytes} bytes at a time",
        _ => $"{state.Delay.TotalMilliseconds} to {(state.Delay + state.Jitter).TotalMilliseconds} ms late",
    };
}
