using KvStore.Contracts;
using KvStore.Core.State;

namespace KvStore.Node.Buckets;

/// <summary>What is to become of a bucket.</summary>
internal abstract record BucketChange
{
    /// <summary>The bucket's name; valid.</summary>
    public required string Name { get; init; }

    /// <summary>Names the request, so that a retry changes nothing.</summary>
    public required RequestId RequestId { get; init; }

    /// <summary>What the request asks for, as a number.</summary>
    public required ulong Print { get; init; }

    /// <summary>The tags that it must have; null: any or none.</summary>
    public EtagCondition? IfMatch { get; init; }

    /// <summary>Whether it must not be there.</summary>
    public bool IsCreateOnly { get; init; }

    /// <summary>Creates it, or gives it other settings.</summary>
    public sealed record Put(BucketSettings Settings) : BucketChange;

    /// <summary>Changes some of the settings.</summary>
    public sealed record Patch(Func<BucketSettings, BucketSettings> Apply) : BucketChange;

    /// <summary>Takes it and all that is in it away.</summary>
    public sealed record Drop : BucketChange;
}

/// <summary>What became of a change.</summary>
internal abstract record BucketOutcome
{
    /// <summary>It was made.</summary>
    /// <param name="Kind">What it came to.</param>
    /// <param name="Bucket">The bucket after it; after a drop, as it was.</param>
    /// <param name="IsReplay">An earlier request with the same id made it.</param>
    public sealed record Done(BucketChangeKind Kind, Bucket Bucket, bool IsReplay) : BucketOutcome;

    /// <summary>There is no such bucket.</summary>
    public sealed record Absent : BucketOutcome;

    /// <summary>The condition does not hold; <paramref name="Current"/> is what is there.</summary>
    public sealed record Mismatch(Bucket? Current) : BucketOutcome;

    /// <summary>It cannot be, now or ever.</summary>
    public sealed record NotAllowed(string Why) : BucketOutcome;

    /// <summary>The request id belongs to another request.</summary>
    public sealed record RequestIdReused : BucketOutcome;

    /// <summary>The time in the request id is one of those that may have been forgotten.</summary>
    public sealed record RequestIdExpired : BucketOutcome;

    /// <summary>The time in the request id is too far ahead.</summary>
    public sealed record RequestIdAhead : BucketOutcome;

    /// <summary>More changes of one bucket than are remembered, or too much is waiting.</summary>
    public sealed record Overloaded : BucketOutcome;

    /// <summary>No primary answered in time; nothing was changed.</summary>
    public sealed record Unreached : BucketOutcome;

    /// <summary>The deadline passed first: it may be made now, later or never.</summary>
    public sealed record Unknown : BucketOutcome;
}
