using System.Collections.Immutable;
using System.Globalization;

namespace KvStore.Cli.Chaos;

/// <summary>What a run does; all that follows from chance follows from <see cref="Seed"/>.</summary>
internal sealed record ChaosOptions
{
    /// <summary>How long a run takes when neither its time nor its rounds are given.</summary>
    public static readonly TimeSpan DefaultDuration = TimeSpan.FromMinutes(1);

    public required int Seed { get; init; }

    public required ImmutableArray<string> Faults { get; init; }

    /// <summary>No round begins after it.</summary>
    public TimeSpan? Duration { get; init; }

    public int? Rounds { get; init; }

    public required int Clients { get; init; }

    /// <summary>Operations per second of all clients.</summary>
    public required int Rate { get; init; }

    public required int Nodes { get; init; }

    /// <summary>Where the nodes' data goes; null for a directory that is removed after a good run.</summary>
    public string? Data { get; init; }

    public string? History { get; init; }

    /// <summary>The command that does the same again.</summary>
    public string Replay => string.Create(
        CultureInfo.InvariantCulture,
        $"kv chaos --seed {Seed} --faults {string.Join(',', Faults)}{RoundsText}{DurationText} "
            + $"--clients {Clients} --rate {Rate} --nodes {Nodes}");

    private string RoundsText => Rounds is { } rounds ? $" --rounds {rounds}" : "";

    private string DurationText => Duration is { } duration ? $" --duration {(long)duration.TotalSeconds}s" : "";
}
