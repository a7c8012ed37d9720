namespace KvStore.Contracts;

/// <summary>Something that takes longer than a request: what it is, and how far it has come.</summary>
public sealed record OperationResponse
{
    /// <summary>Its name, as in the path that tells of it; names the node that carries it out, too.</summary>
    public required string Id { get; init; }

    /// <summary>What it does: <c>range-delete</c>.</summary>
    public required string Kind { get; init; }

    /// <summary>The bucket that it concerns.</summary>
    public required string Bucket { get; init; }

    /// <summary>
    /// <c>running</c>, <c>done</c>, <c>failed</c> (<see cref="Detail"/> says why) or <c>cancelled</c>.
    /// </summary>
    public required string State { get; init; }

    /// <summary>How many keys it has to do with.</summary>
    public required long Total { get; init; }

    /// <summary>Keys that it removed until now; of a failed one, others may be.</summary>
    public required long Deleted { get; init; }

    /// <summary>Keys that it left alone, since they were written or removed after they were counted.</summary>
    public required long Changed { get; init; }

    /// <summary>When it began.</summary>
    public required DateTimeOffset Started { get; init; }

    /// <summary>When it ended; absent while it runs.</summary>
    public DateTimeOffset? Ended { get; init; }

    /// <summary>Why it failed, the <see cref="ProblemType.Code"/> of a problem.</summary>
    public string? Code { get; init; }

    /// <summary>The same as a sentence.</summary>
    public string? Detail { get; init; }
}
