using System.Text.Json.Serialization;

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

    /// <summary>A number is added to a number; what is not there counts as 0.</summary>
    Increment,

    /// <summary>Several steps at one moment, all or nothing.</summary>
    Txn,
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

    /// <summary>Of which key; of a transaction, any that it names.</summary>
    public required string Key { get; init; }

    /// <summary>The value written, or the value read; of an increment the sum.</summary>
    public string? Value { get; init; }

    /// <summary>What an increment adds.</summary>
    public long? By { get; init; }

    /// <summary>Whether the key was there, where the answer said so.</summary>
    public bool? Found { get; init; }

    /// <summary>The version that must be current, or <c>*</c> for any.</summary>
    public string? IfMatch { get; init; }

    /// <summary><c>*</c>: the key must not be there.</summary>
    public string? IfNone { get; init; }

    /// <summary>The version written, read, or, on <see cref="OperationResult.Fail"/>, found.</summary>
    public string? Etag { get; init; }

    /// <summary>
    /// What a transaction compares: reads with a condition or with the value that must be there, and no answers of
    /// their own. <see cref="OperationResult.Fail"/> says that one does not hold and that there was nothing to do else.
    /// </summary>
    public IReadOnlyList<OperationStep>? If { get; init; }

    /// <summary>What a transaction does, in this order, if all that it compares holds.</summary>
    public IReadOnlyList<OperationStep>? Ops { get; init; }

    /// <summary>What it does if not.</summary>
    public IReadOnlyList<OperationStep>? Else { get; init; }

    /// <summary>Whether all held, where the answer said so; the steps of the other list then have no answers.</summary>
    public bool? Succeeded { get; init; }

    /// <summary>What the answer says about the outcome.</summary>
    public required OperationResult Result { get; init; }

    /// <summary>
    /// The code that a rejected or unknown call was answered with; absent when there was no answer. For readers of a
    /// history: no judge looks at it.
    /// </summary>
    public int? Status { get; init; }

    /// <summary>Whether it can change anything.</summary>
    public bool IsWrite => Op == OperationKind.Txn ? Branches.Any(step => step.IsWrite) : Step.IsWrite;

    /// <summary>Whether it takes effect under a condition only.</summary>
    public bool IsConditional => IfMatch is not null || IfNone is not null;

    /// <summary>The keys that it names, each as often as it does.</summary>
    [JsonIgnore]
    public IEnumerable<string> Keys =>
        Op == OperationKind.Txn ? Branches.Concat(If ?? []).Select(step => step.Key) : [Key];

    /// <summary>An operation on one key as the one step that it is.</summary>
    internal OperationStep Step => new()
    {
        Op = Op,
        Key = Key,
        Value = Value,
        By = By,
        Found = Found,
        IfMatch = IfMatch,
        IfNone = IfNone,
        Etag = Etag,
    };

    private IEnumerable<OperationStep> Branches => (Ops ?? []).Concat(Else ?? []);
}
