using System.Collections.Immutable;

namespace KvStore.Contracts;

/// <summary>
/// What an import came to; in a problem, what it had come to when it ended. Each line is counted once, but for those
/// that hold no entry.
/// </summary>
public sealed record ImportResponse
{
    /// <summary>
    /// The number of the last line that is done with; 0: none. Whoever goes on does so with the next one.
    /// </summary>
    public required long Lines { get; init; }

    /// <summary>Entries that were stored.</summary>
    public required long Applied { get; init; }

    /// <summary>Entries that were left alone since their keys are there, with <c>mode=create</c>.</summary>
    public required long Existing { get; init; }

    /// <summary>Entries that were left out since their time had passed.</summary>
    public required long Expired { get; init; }

    /// <summary>Entries that the bucket does not take.</summary>
    public required long Refused { get; init; }

    /// <summary>Why those were refused, the first hundred of them.</summary>
    public required ImmutableArray<ImportRefusal> Refusals { get; init; }

    /// <summary>
    /// Whether the last line of an export came, and before it as many entries as it says: without it, nobody knows
    /// whether something is missing. False, too, where the first line was not the first of the export.
    /// </summary>
    public required bool End { get; init; }
}

/// <summary>An entry that was not stored.</summary>
/// <param name="Line">Its line.</param>
/// <param name="Key">Its key.</param>
/// <param name="Code">Why: one of the codes of <see cref="ProblemType"/>.</param>
/// <param name="Detail">What was wrong and what was expected.</param>
public sealed record ImportRefusal(long Line, string Key, string Code, string Detail);
