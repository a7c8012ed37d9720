using System.Diagnostics;
using KvStore.Contracts;
using KvStore.Core.State;
using KvStore.Node.Replication;

namespace KvStore.Node.Api;

/// <summary>From what became of many operations to an answer.</summary>
internal sealed partial class Problems
{
    /// <summary>A transaction held a key until the deadline.</summary>
    public static Refusal Locked { get; } = new(
        ProblemType.Locked,
        "A transaction held a key that is needed here until the deadline; nothing was applied.")
    {
        RetryAfterSeconds = SoonSeconds,
    };

    /// <summary>The session was made by another cluster.</summary>
    public static Refusal SessionOfAnother { get; } = new(
        ProblemType.Conflict,
        "This Kv-Session is of another cluster, or of this one before it was restored; nothing was applied. Begin a "
            + "new session without it.");

    /// <summary>An earlier operation of a batch that ends at the first failure failed.</summary>
    public static Refusal NotAttempted { get; } = new(
        ProblemType.NotAttempted, "An operation before this one failed, so this one was not tried.");

    /// <summary>There is no room for the value in the answer.</summary>
    public static Refusal AnswerTooLarge { get; } = new(
        ProblemType.AnswerTooLarge,
        "The values of one answer have 4 MiB at most, and this one did not fit. Ask for the key alone.");

    /// <summary>What is remembered of batches and transactions is at its limit.</summary>
    private static Refusal MemoryFull { get; } = new(
        ProblemType.Overloaded,
        "A partition remembers as many batches and transactions as it may; nothing was applied.")
    {
        RetryAfterSeconds = SoonSeconds,
    };

    /// <summary>Why one of many operations was refused; null when it was done.</summary>
    public static Refusal? From(ItemResult item, ulong clusterId) => item.Status switch
    {
        WriteStatus.Created or WriteStatus.Replaced or WriteStatus.Deleted or WriteStatus.Found => null,
        WriteStatus.NotFound => NotFound,
        WriteStatus.VersionMismatch => PreconditionFailed(clusterId, item.Version),
        WriteStatus.NotANumber => NotANumber,
        WriteStatus.NumberOverflow => NumberOverflow,
        WriteStatus.NotJson => NotJson,
        WriteStatus.TooLarge => PatchedTooLarge,
        _ => throw new UnreachableException(),
    };

    /// <summary>Why a command of many operations was refused as a whole; null when each was looked at.</summary>
    public static Refusal? OfMany(WriteOutcome outcome, ulong clusterId) => outcome switch
    {
        WriteOutcome.Committed { Result.Status: >= WriteStatus.Done and <= WriteStatus.OperationFailed } => null,
        WriteOutcome.Committed { Result.Status: WriteStatus.BucketGone } => BucketNotFound,
        WriteOutcome.Committed { Result.Status: WriteStatus.MemoryFull } => MemoryFull,
        WriteOutcome.NotPrimary => DeadlinePassed(mayBeApplied: false),
        _ => From(outcome, clusterId),
    };

    /// <summary>Why a read of many keys was refused; null when it was answered.</summary>
    public static Refusal? From(KeysOutcome outcome) => outcome switch
    {
        KeysOutcome.Read => null,
        KeysOutcome.BucketGone => BucketNotFound,
        KeysOutcome.Locked => Locked,
        KeysOutcome.Overloaded => Overloaded,
        _ => DeadlinePassed(mayBeApplied: false),
    };
}
