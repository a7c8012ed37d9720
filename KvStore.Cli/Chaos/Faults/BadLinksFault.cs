using KvStore.Cli.Chaos.Links;

namespace KvStore.Cli.Chaos.Faults;

/// <summary>Some links carry everything, but badly, or break now and then.</summary>
internal sealed class BadLinksFault(Func<Random, LinkState> draw) : IFault
{
    public FaultGroup Group => FaultGroup.Links;

    /// <summary>Late, and not evenly so.</summary>
    public static LinkState Delayed(Random random) => new()
    {
        Delay = TimeSpan.FromMilliseconds(random.Next(5, 200)),
        Jitter = TimeSpan.FromMilliseconds(random.Next(200)),
    };

    /// <summary>Narrow: 4 to 512 KiB a second, each doubling as likely as the next.</summary>
    public static LinkState Throttled(Random random) => new()
    {
        BytesPerSecond = (int)(4096 * Math.Pow(2, 7 * random.NextDouble())),
    };

    /// <summary>A few bytes at a time.</summary>
    public static LinkState Trickling(Random random) => new()
    {
        MaxPieceBytes = random.Next(1, 64),
        Delay = TimeSpan.FromMilliseconds(1),
    };

    /// <summary>Connections break in the middle of a frame.</summary>
    public static LinkState Torn(Random random) => Breaking(random, LinkBreak.Reset);

    /// <summary>Connections end in the middle of a frame.</summary>
    public static LinkState Truncated(Random random) => Breaking(random, LinkBreak.End);

    /// <summary>Connections are gone on one side, in the middle of a frame, and the other waits.</summary>
    public static LinkState HalfOpen(Random random) => Breaking(random, LinkBreak.Silence);

    public async Task<Struck> RunAsync(ChaosCluster cluster, Random random)
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
        return new Struck($"{Describe(state)} on {names} for {lasts.TotalSeconds:F1} s");
    }

    private static LinkState Breaking(Random random, LinkBreak how) => new()
    {
        BreaksPerMille = random.Next(5, 200),
        Break = how,
    };

    private static string Describe(LinkState state) => state switch
    {
        { BreaksPerMille: > 0, Break: LinkBreak.Reset } => $"{state.BreaksPerMille} of 1000 pieces torn",
        { BreaksPerMille: > 0, Break: LinkBreak.End } => $"{state.BreaksPerMille} of 1000 pieces cut short",
        { BreaksPerMille: > 0 } => $"{state.BreaksPerMille} of 1000 pieces the last that one side hears of",
        { BytesPerSecond: > 0 } => $"{state.BytesPerSecond} bytes a second",
        { MaxPieceBytes: < 64 } => $"{state.MaxPieceBytes} bytes at a time",
        _ => $"{state.Delay.TotalMilliseconds} to {(state.Delay + state.Jitter).TotalMilliseconds} ms late",
    };
}
