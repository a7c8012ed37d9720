namespace KvStore.Tests.Simulation.Checkers;

/// <summary>What a client asked for.</summary>
internal enum OperationKind
{
    Get,
    Put,
    Delete,

    /// <summary>A read that may be stale: the history keeps it, the checker does not judge it.</summary>
    GetEventual,
}

/// <summary>What a client was told.</summary>
internal enum OperationResult
{
    /// <summary>Done.</summary>
    Ok,

    /// <summary>The condition was evaluated and did not hold: an observation, nothing changed.</summary>
    Fail,

    /// <summary>Certainly not applied.</summary>
    Rejected,

    /// <summary>May take effect at any later time, or never.</summary>
    Unknown,
}

/// <summary>
/// One call of one client: what it asked for, what it was told, and when. Times are monotonic nanoseconds.
/// </summary>
internal sealed record HistoryOperation
{
    public required int Client { get; init; }

    public required long CallNs { get; init; }

    /// <summary>Without meaning when the result is <see cref="OperationResult.Unknown"/>.</summary>
    public long ReturnNs { get; init; }

    public required OperationKind Op { get; init; }

    public required string Key { get; init; }

    /// <summary>The value written, or the value read.</summary>
    public string? Value { get; init; }

    /// <summary>Whether the key was there, where the answer said so.</summary>
    public bool? Found { get; init; }

    /// <summary>The version that must be current, or <c>*</c> for any.</summary>
    public string? IfMatch { get; init; }

    /// <summary><c>*</c>: the key must not be there.</summary>
    public string? IfNone { get; init; }

    /// <summary>The version written, read, or, on <see cref="OperationResult.Fail"/>, found.</summary>
    public string? Etag { get; init; }

    public required OperationResult Result { get; init; }

    public bool IsWrite => Op is OperationKind.Put or OperationKind.Delete;

    public bool IsConditional => IfMatch is not null || IfNone is not null;
}
