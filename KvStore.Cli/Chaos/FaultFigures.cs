using KvStore.Cli.Chaos.Load;

namespace KvStore.Cli.Chaos;

/// <summary>What one round, or all of a kind, cost at the balancer.</summary>
internal sealed record FaultFigures
{
    public required int Rounds { get; init; }

    /// <summary>Requests that had ended when the fault struck.</summary>
    public LatencyFigures? Calm { get; init; }

    /// <summary>Later ones, for keys led by a node that the fault concerned.</summary>
    public LatencyFigures? Struck { get; init; }

    /// <summary>Later ones, for all other keys.</summary>
    public LatencyFigures? Others { get; init; }

    /// <summary>Requests that came to nothing.</summary>
    public required int RefusedAtBalancer { get; init; }

    /// <summary>The same by the code of the answer.</summary>
    public IReadOnlyDictionary<string, int>? RefusedByStatus { get; init; }

    /// <summary>From the end of the fault until every partition took a write, at most.</summary>
    public required long SettledMs { get; init; }
}
