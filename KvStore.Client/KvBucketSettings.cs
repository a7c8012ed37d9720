using KvStore.Contracts;

namespace KvStore.Client;

/// <summary>What a bucket does with calls that do not say themselves; null: as the nodes are configured.</summary>
public sealed record KvBucketSettings
{
    /// <summary>How long keys are kept that are written without a time to live: 1 ms to ten years.</summary>
    public TimeSpan? DefaultTimeToLive { get; init; }

    /// <summary>The most bytes of a value; no node takes more than it is configured to.</summary>
    public int? MaxValueBytes { get; init; }

    /// <summary>Whether a write must name a version, or that there is none.</summary>
    public bool? RequireConditionalWrites { get; init; }

    /// <summary>What reads promise that do not say.</summary>
    public Consistency? DefaultConsistency { get; init; }

    /// <summary>The header <c>Cache-Control</c> with which values are answered.</summary>
    public string? CacheControl { get; init; }

    internal BucketSettings ToContract() => new()
    {
        DefaultTtl = DefaultTimeToLive is { } life ? KvBucket.TtlOf(life) : null,
        MaxValueBytes = MaxValueBytes,
        RequireConditionalWrites = RequireConditionalWrites,
        DefaultConsistency = DefaultConsistency is { } consistency ? ConsistencyWords.Of(consistency) : null,
        CacheControl = CacheControl,
    };

    internal static KvBucketSettings Of(BucketSettings settings) => new()
    {
        DefaultTimeToLive = settings.DefaultTtl is { } life && KvTtl.TryParse(life, out var milliseconds, out _)
            ? TimeSpan.FromMilliseconds(milliseconds)
            : null,
        MaxValueBytes = settings.MaxValueBytes,
        RequireConditionalWrites = settings.RequireConditionalWrites,
        DefaultConsistency = ConsistencyWords.TryParse(settings.DefaultConsistency, out var consistency)
            ? consistency
            : null,
        CacheControl = settings.CacheControl,
    };
}

/// <summary>A bucket, as the store describes it.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Id">Which of all buckets that ever were: a name that is given again gets another.</param>
/// <param name="Settings">What was set.</param>
public sealed record KvBucketInfo(string Name, long Id, KvBucketSettings Settings)
{
    internal static KvBucketInfo Of(BucketResponse bucket) =>
        new(bucket.Name, bucket.Id, KvBucketSettings.Of(bucket.Settings));
}
