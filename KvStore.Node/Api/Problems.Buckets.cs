using System.Diagnostics;
using KvStore.Contracts;
using KvStore.Node.Buckets;

namespace KvStore.Node.Api;

/// <summary>From what became of a bucket to an answer.</summary>
internal sealed partial class Problems
{
    /// <summary>The catalog could not be read, or not all partitions are rid of a bucket that had the name.</summary>
    public static Refusal BucketsUnreached { get; } = new(
        ProblemType.NoQuorum,
        "No majority of the nodes that keep the buckets answered in time, or a drop of this bucket is not finished "
            + "yet; nothing was applied.")
    {
        RetryAfterSeconds = SoonSeconds,
    };

    /// <summary>The bucket takes conditional writes only.</summary>
    public static Refusal PreconditionRequired { get; } = new(
        ProblemType.PreconditionRequired,
        "This bucket takes no write without If-Match or If-None-Match; nothing was applied.");

    /// <summary>The bucket's name is none.</summary>
    public static Refusal BucketInvalid { get; } =
        new(ProblemType.BucketInvalid, BucketName.Rule + " Nothing was applied.");

    /// <summary>Why there is no bucket to do anything in; null when there is.</summary>
    public static Refusal? From(BucketLookup lookup) => lookup switch
    {
        BucketLookup.Found => null,
        BucketLookup.Absent => BucketNotFound,
        _ => BucketsUnreached,
    };

    /// <summary>Why a change of a bucket is refused; null when it was made.</summary>
    public static Refusal? From(BucketOutcome outcome, ulong clusterId) => outcome switch
    {
        BucketOutcome.Done => null,
        BucketOutcome.Absent => BucketNotFound,
        BucketOutcome.Mismatch mismatch => BucketMismatch(mismatch.Current, clusterId),
        BucketOutcome.NotAllowed conflict => new Refusal(ProblemType.Conflict, conflict.Why + " Nothing was applied."),
        BucketOutcome.RequestIdReused => new Refusal(
            ProblemType.IdempotencyMismatch, "This request id belongs to another request; nothing was applied."),
        BucketOutcome.RequestIdExpired => IdempotencyExpired,
        BucketOutcome.RequestIdAhead => IdempotencyAhead,
        BucketOutcome.Overloaded => new Refusal(
            ProblemType.Overloaded,
            $"Too much is waiting, or the bucket was changed {BucketDecision.MaxRequests} times within a quarter of an "
                + "hour, which is as many requests as are remembered; nothing was applied.")
        {
            RetryAfterSeconds = SoonSeconds,
        },
        BucketOutcome.Unreached => BucketsUnreached,
        BucketOutcome.Unknown => DeadlinePassed(mayBeApplied: true),
        _ => throw new UnreachableException(),
    };

    /// <summary>The bucket is not the one that a condition asks for.</summary>
    public static Refusal BucketMismatch(Bucket? current, ulong clusterId) => new(
        ProblemType.PreconditionFailed,
        current is null
            ? "There is no such bucket; nothing was applied."
            : "currentEtag is the bucket's; nothing was applied.")
    {
        CurrentEtag = current is null ? null : EtagFormat.Format(current.EtagIn(clusterId)),
    };
}
