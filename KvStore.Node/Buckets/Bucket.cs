using System.Collections.Immutable;
using KvStore.Contracts;
using KvStore.Core.Primitives;
using KvStore.Core.State;

namespace KvStore.Node.Buckets;

/// <summary>Where a bucket is in its life; the words are in the formats.</summary>
internal enum BucketState
{
    /// <summary>It takes requests.</summary>
    Live,

    /// <summary>
    /// Its drop is decided: it is being closed in every partition. Its name can be given again after that.
    /// </summary>
    Dropping,

    /// <summary>Closed everywhere; what is left remembers the requests that came to it.</summary>
    Dropped,
}

/// <summary>What a change of a bucket came to; the words are in the formats.</summary>
internal enum BucketChangeKind
{
    /// <summary>It was not there before.</summary>
    Created,

    /// <summary>It was there and has other settings.</summary>
    Changed,

    /// <summary>It is gone, with all that was in it.</summary>
    Dropped,
}

/// <summary>
/// A change that was made under a request id, so that a retry of it is answered alike and changes nothing.
/// </summary>
/// <param name="Id">Names the request.</param>
/// <param name="Print">What it asked for, as a number.</param>
/// <param name="Kind">What it came to.</param>
/// <param name="Bucket">The bucket that it created, changed or dropped.</param>
/// <param name="Revision">The revision that it made.</param>
/// <param name="AtMs">When, in milliseconds since 1970.</param>
internal sealed record BucketRequest(
    RequestId Id, ulong Print, BucketChangeKind Kind, BucketId Bucket, long Revision, long AtMs)
{
    /// <summary>How long those of clients are kept: longer than the ten minutes that are promised to them.</summary>
    private const long KeptMs = 15 * 60 * 1000;

    /// <summary>How long those are kept that the cluster made: longer than any deadline.</summary>
    private const long KeptInternalMs = 2 * 60 * 1000;

    /// <summary>Whether it need not be remembered any more.</summary>
    public bool IsForgottenAt(long nowMs) =>
        nowMs - AtMs > (Id.Kind == RequestIdKind.Internal ? KeptInternalMs : KeptMs);
}

/// <summary>A name's entry in the catalog; immutable.</summary>
internal sealed record Bucket
{
    /// <summary>The default bucket as long as nobody has changed it: no entry stands for it.</summary>
    public static Bucket Default { get; } = new()
    {
        Name = BucketName.Default,
        Id = BucketId.Default,
        Revision = 1,
        State = BucketState.Live,
        Settings = new BucketSettings(),
    };

    /// <summary>The name.</summary>
    public required string Name { get; init; }

    /// <summary>The name's present life, or the last one.</summary>
    public required BucketId Id { get; init; }

    /// <summary>How often it was changed in that life; from 1. With the id it makes the entity tag.</summary>
    public required long Revision { get; init; }

    /// <summary>Where it is in its life.</summary>
    public required BucketState State { get; init; }

    /// <summary>What was set.</summary>
    public required BucketSettings Settings
    {
        get;
        init
        {
            field = value;
            DefaultTtlMs = value.DefaultTtl is { } text && KvTtl.TryParse(text, out var milliseconds, out _)
                ? milliseconds
                : null;
        }
    }

    /// <summary>The changes that are remembered, oldest first.</summary>
    public ImmutableArray<BucketRequest> Requests { get; init; } = [];

    /// <summary>The version of its entry in the system group; none while there is none.</summary>
    public KeyVersion EntryVersion { get; init; }

    /// <summary>Whether it takes requests.</summary>
    public bool IsLive => State == BucketState.Live;

    /// <summary>How long keys are kept whose writer does not say, in milliseconds; null: for ever.</summary>
    public long? DefaultTtlMs { get; private init; }

    /// <summary>The tag of what <c>/buckets/{bucket}</c> answers.</summary>
    public Etag EtagIn(ulong clusterId) => new(clusterId, Id.Value, Revision);
}
