using System.Collections.Immutable;

namespace KvStore.Contracts;

/// <summary>What a bucket does with requests that do not say themselves; absent: as the node is configured.</summary>
public sealed record BucketSettings
{
    /// <summary>How long keys are kept that are written without a time to live, as in <see cref="KvTtl"/>.</summary>
    public string? DefaultTtl { get; init; }

    /// <summary>The most bytes of a value; no node takes more than it is configured to.</summary>
    public int? MaxValueBytes { get; init; }

    /// <summary>Whether a write must carry <c>If-Match</c> or <c>If-None-Match</c>.</summary>
    public bool? RequireConditionalWrites { get; init; }

    /// <summary>
    /// The consistency of reads that do not say: <c>strong</c>, <c>session</c>, <c>bounded</c> or <c>eventual</c>.
    /// </summary>
    public string? DefaultConsistency { get; init; }

    /// <summary>The header of that name with which values are answered.</summary>
    public string? CacheControl { get; init; }
}

/// <summary>A bucket as <c>/buckets/{bucket}</c> describes it.</summary>
/// <param name="Name">Its name: 1 to 63 characters.</param>
/// <param name="Id">Which of all buckets that ever were: a name that is given again gets another.</param>
/// <param name="Settings">What was set; what is absent was not.</param>
public sealed record BucketResponse(string Name, long Id, BucketSettings Settings);

/// <summary>Some buckets, by name.</summary>
/// <param name="Items">At most as many as were asked for.</param>
/// <param name="Cursor">Where the next page begins; absent on the last one.</param>
public sealed record BucketListResponse(ImmutableArray<BucketResponse> Items, string? Cursor);
