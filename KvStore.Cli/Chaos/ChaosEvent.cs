using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace KvStore.Cli.Chaos;

/// <summary>A step of a run; one line of JSON.</summary>
internal sealed record ChaosEvent
{
    /// <summary><c>started</c>, <c>round</c>, <c>violation</c> or <c>verdict</c>.</summary>
    public required string Event { get; init; }

    public int? Seed { get; init; }

    /// <summary>Of a round its number, counted from 1; of the verdict how many there were.</summary>
    public int? Rounds { get; init; }

    /// <summary>What was done, or what is wrong.</summary>
    public string? Detail { get; init; }

    public OutcomeCounts? Operations { get; init; }

    public int? Keys { get; init; }

    /// <summary>What the kinds of work came to beyond single operations.</summary>
    public LoadFigures? Load { get; init; }

    /// <summary>What a round cost.</summary>
    public FaultFigures? Cost { get; init; }

    /// <summary>What all rounds cost, by kind of fault, or several joined by a plus.</summary>
    public IReadOnlyDictionary<string, FaultFigures>? Faults { get; init; }

    public int? Violations { get; init; }

    /// <summary>Where the histories, data folders and logs are.</summary>
    public string? Kept { get; init; }

    public string? History { get; init; }

    /// <summary>The command that does the same again.</summary>
    public string? Replay { get; init; }
}

/// <summary>Operations by outcome.</summary>
internal sealed record OutcomeCounts(int Total, int Ok, int Fail, int Rejected, int Unknown, int NotJudged);

/// <summary>What was done and watched.</summary>
/// <param name="Transactions">Carried out, or found not to be called for.</param>
/// <param name="Increments">That were done.</param>
/// <param name="Races">Run.</param>
/// <param name="Events">Changes that watchers were told.</param>
/// <param name="Streams">In which they were told: each but the first of a round took up where the last was cut.</param>
/// <param name="Gaps">How often a watcher was told that it had missed something.</param>
internal sealed record LoadFigures(
    int Transactions, int Increments, int Races, int Events, int Streams, int Gaps);

/// <summary>How events are written: camelCase, absent rather than null, one line each.</summary>
[JsonSerializable(typeof(ChaosEvent))]
internal sealed partial class ChaosJson : JsonSerializerContext
{
    /// <summary>Quotes and letters beyond ASCII need no escape in a log.</summary>
    public static ChaosJson Lines { get; } = new(new JsonSerializerOptions
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    });
}
