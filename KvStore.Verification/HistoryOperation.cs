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
public sealed record HistoryOperation : OperationStep
{
    /// <summary>Who asked, one call after the other; under a new number after an unknown outcome.</summary>
    public required int Client { get; init; }

    /// <summary>When it was asked.</summary>
    public required long CallNs { get; init; }

    /// <summary>Without meaning when the result is <see cref="OperationResult.Unknown"/>.</summary>
    public long ReturnNs { get; init; }

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
    public override bool IsWrite =>
        Op == OperationKind.Txn ? Branches.Any(step => step.IsWrite) : base.IsWrite;

    /// <summary>Whether it takes effect under a condition only.</summary>
    public bool IsConditional => IfMatch is not null || IfNone is not null;

    /// <summary>The keys that it names, each as often as it does.</summary>
    [JsonIgnore]
    public IEnumerable<string> Keys =>
        Op == OperationKind.Txn ? Branches.Concat(If ?? []).Select(step => step.Key) : [Key];

    private IEnumerable<OperationStep> Branches => (Ops ?? []).Concat(Else ?? []);
}
