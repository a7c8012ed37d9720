using System.Collections.Immutable;
using System.Globalization;
using KvStore.Cli.Chaos.Faults;

namespace KvStore.Cli.Chaos;

/// <summary>What a run does; all that follows from chance follows from <see cref="Seed"/>.</summary>
internal sealed record ChaosOptions
{
    /// <summary>How long a run takes when neither its time nor its rounds are given.</summary>
    public static readonly TimeSpan DefaultDuration = TimeSpan.FromMinutes(1);

    public required int Seed { get; init; }

    public required ImmutableArray<string> Faults { get; init; }

    /// <summary>Kinds of work that clients do.</summary>
    public required ImmutableArray<string> Loads { get; init; }

    /// <summary>No round begins after it.</summary>
    public TimeSpan? Duration { get; init; }

    public int? Rounds { get; init; }

    public required int Clients { get; init; }

    /// <summary>Operations per second of all clients.</summary>
    public required int Rate { get; init; }

    public required int Nodes { get; init; }

    /// <summary>Keys that clients work on at the same time: the fewer, the more often they meet.</summary>
    public required int Keys { get; init; }

    /// <summary>How long clients work before each fault; null for 0.3 to 1.5 s, by chance.</summary>
    public TimeSpan? Calm { get; init; }

    /// <summary>Where the nodes' data goes; null for a directory that is removed after a good run.</summary>
    public string? Data { get; init; }

    public string? History { get; init; }

    /// <summary>The command that does the same again.</summary>
    public string Replay => string.Create(
        CultureInfo.InvariantCulture,
        $"kv chaos --seed {Seed} --faults {FaultsText} --load {string.Join(',', Loads)}{RoundsText}{DurationText} "
            + $"--clients {Clients} --rate {Rate} --nodes {Nodes} --keys {Keys}{CalmText}");

    private string FaultsText => Faults.IsEmpty ? FaultCatalogue.None : string.Join(',', Faults);

    private string RoundsText => Rounds is { } rounds ? $" --rounds {rounds}" : "";

    private string DurationText => Duration is { } duration ? $" --duration {(long)duration.TotalSeconds}s" : "";

    private string CalmText => Calm is { } calm ? $" --calm {(long)calm.TotalSeconds}s" : "";
}
