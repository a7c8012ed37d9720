using KvStore.Contracts;

namespace KvStore.Client;

/// <summary>How a read is done; what is not set is as the client's settings, or the bucket, have it.</summary>
public sealed record KvReadOptions
{
    /// <summary>What the read promises; strong unless the client or the bucket has another word.</summary>
    public Consistency? Consistency { get; init; }

    /// <summary>
    /// With <see cref="Consistency.Bounded"/>, which this alone makes the read: how old a copy may be, in whole
    /// milliseconds, at most a day; 5 s unless given.
    /// </summary>
    public TimeSpan? MaxStaleness { get; init; }

    /// <summary>
    /// With <see cref="Consistency.Session"/>: what must be seen at least; the client's own unless given, where its
    /// settings have that word. Learns what this read sees.
    /// </summary>
    public KvSession? Session { get; init; }

    /// <summary>
    /// How long all tries of a request may take together: more than 0, at most a day; as the client's settings have it
    /// unless given.
    /// </summary>
    public TimeSpan? Timeout { get; init; }
}

/// <summary>How a write is done; what is not set is as the client's settings, or the bucket, have it.</summary>
public sealed record KvWriteOptions
{
    /// <summary>
    /// How long the key is kept: 1 ms to ten years, in whole milliseconds; <see cref="Timeout.InfiniteTimeSpan"/>: for
    /// ever. As the bucket has it unless given.
    /// </summary>
    public TimeSpan? TimeToLive { get; init; }

    /// <summary>Whether the key ends when it would have ended; not beside <see cref="TimeToLive"/>.</summary>
    public bool KeepsTimeToLive { get; init; }

    /// <summary>
    /// What is told of the value: names that are tokens of HTTP (letters, digits, hyphens and a few signs; upper and
    /// lower case are the same), values in visible ASCII with spaces inside only, 2 KiB in all.
    /// </summary>
    public IReadOnlyDictionary<string, string>? Metadata { get; init; }

    /// <summary>The value's media type; what suits the type of the value unless given.</summary>
    public string? ContentType { get; init; }

    /// <summary>
    /// How many flushed copies are waited for; a majority unless given, and always of a batch or a transaction.
    /// </summary>
    public KvAck? Ack { get; init; }

    /// <summary>
    /// Names the write, so that whoever sends it again under this name does it once; a new UUID of version 7 unless
    /// given, which all tries of one call share. 1 to 64 visible ASCII characters. The store remembers it for ten
    /// minutes of writes: a UUID of version 7 is refused later (<c>idempotency-expired</c>), any other name counts as
    /// new. So a call is not tried under such a name for more than nine minutes after a try that may have been carried
    /// out, and must not be repeated later than that either. A removal of a range has none.
    /// </summary>
    public string? IdempotencyKey { get; init; }

    /// <summary>Of a batch: whether its operations are done in order, and none after the first that fails.</summary>
    public bool StopsOnError { get; init; }

    /// <summary>Learns what this write made, so that reads of the session see it.</summary>
    public KvSession? Session { get; init; }

    /// <summary>
    /// How long all tries of a request may take together: more than 0, at most a day; as the client's settings have it
    /// unless given.
    /// </summary>
    public TimeSpan? Timeout { get; init; }
}

/// <summary>
/// How many copies of a write are on stable storage when it is answered. There is no word for fewer than a majority: a
/// write that is sent again is known only once a majority has it.
/// </summary>
public enum KvAck
{
    /// <summary>A majority: nothing that was answered is lost while a majority of disks lives.</summary>
    Quorum,

    /// <summary>Every copy.</summary>
    All,
}
