namespace KvStore.Verification;

/// <summary>What a client asked for.</summary>
public enum OperationKind
{
    /// <summary>A linearizable read.</summary>
    Get,

    /// <summary>A write of a value.</summary>
    Put,

    /// <summary>A write that leaves nothing.</summary>
    Delete,

    /// <summary>A read that may be stale: the history keeps it, the checker does not judge it.</summary>
    GetEventual,
}

/// <summary>What a client was told.</summary>
public enum OperationResult
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
public sealed record HistoryOperation
{
    /// <summary>Who asked, one call after the other; under a new number after an unknown outcome.</summary>
    public required int Client { get; init; }

    /// <summary>When it was asked.</summary>
    public required long CallNs { get; init; }

    /// <summary>Without meaning when the result is <see cref="OperationResult.Unknown"/>.</summary>
    public long ReturnNs { get; init; }

    /// <summary>What was asked for.</summary>
    public required OperationKind Op { get; init; }

    /// <summary>Of which key.</summary>
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

    /// <summary>What the answer says about the outcome.</summary>
    public required OperationResult Result { get; init; }

    /// <summary>
    /// The code that a rejected or unknown call was answered with; absent when there was no answer. For readers of a
    /// history: no judge looks at it.
    /// </summary>
    public int? Status { get; init; }

    /// <summary>Whether it can change the key.</summary>
    public bool IsWrite => Op is OperationKind.Put or OperationKind.Delete;

    /// <summary>Whether it takes effect under a condition only.</summary>
    public bool IsConditional => IfMatch is not null || IfNone is not null;
}
