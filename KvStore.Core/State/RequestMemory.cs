namespace KvStore.Core.State;

/// <summary>
/// How long, in log time, and how many request ids a state remembers; the same on all replicas of a group, for ever.
/// </summary>
public sealed record RequestMemory
{
    /// <summary>What every store uses; tests use less.</summary>
    public static RequestMemory Default { get; } = new();

    /// <summary>How long a client's id is remembered.</summary>
    public long ClientWindowMs { get; init; } = 10 * 60 * 1000;

    /// <summary>How long an internal id is remembered: twice the longest deadline of a request.</summary>
    public long InternalWindowMs { get; init; } = 2 * 60 * 1000;

    /// <summary>
    /// Ids of one kind that one partition remembers at most. At ten thousand writes a second into one partition an
    /// internal id still outlives the longest deadline.
    /// </summary>
    public long Limit { get; init; } = 1_000_000;

    /// <summary>
    /// Bytes that one partition remembers of what the operations of batches came to; beyond it batches that may be
    /// repeated are refused. At 25,000 operations a second in batches into one partition it is not reached.
    /// </summary>
    public long MaxItemBytes { get; init; } = 32L << 20;
}
