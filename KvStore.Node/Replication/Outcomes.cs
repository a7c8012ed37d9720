using KvStore.Core.Primitives;
using KvStore.Core.State;

namespace KvStore.Node.Replication;

/// <summary>How many flushed copies a write waits for before it is answered.</summary>
internal enum Ack
{
    /// <summary>The primary's own: lost if the primary's disk is.</summary>
    One,

    /// <summary>A majority's.</summary>
    Quorum,

    /// <summary>Every voter's.</summary>
    All,
}

/// <summary>What became of a write.</summary>
internal abstract record WriteOutcome
{
    /// <summary>How long it took, where this node is the primary that it was written at.</summary>
    public WriteTimes Times { get; init; }

    /// <summary>
    /// Applied by a majority; <paramref name="Copies"/> of <paramref name="Voters"/> had flushed it by then.
    /// </summary>
    public sealed record Committed(WriteResult Result, int Copies, int Voters) : WriteOutcome
    {
        /// <summary>Where in the log: a state that contains it contains all that the result rests on.</summary>
        public LogIndex Index { get; init; }
    }

    /// <summary>With <see cref="Ack.One"/>: flushed here under this version, not yet by a majority.</summary>
    public sealed record Flushed(KeyVersion Version, int Copies, int Voters) : WriteOutcome;

    /// <summary>With <see cref="Ack.All"/>: applied by a majority, but not all copies came in time.</summary>
    public sealed record TooFewCopies(WriteResult Result, int Copies, int Voters) : WriteOutcome
    {
        /// <summary>Where in the log.</summary>
        public LogIndex Index { get; init; }
    }

    /// <summary>
    /// Not applied: this node is not the partition's primary; <paramref name="Hint"/> may be, or is nobody.
    /// </summary>
    public sealed record NotPrimary(NodeId Hint) : WriteOutcome;

    /// <summary>Not applied: too much is waiting.</summary>
    public sealed record Overloaded : WriteOutcome;

    /// <summary>Not applied: the primary's disk has no room for new values.</summary>
    public sealed record DiskLow : WriteOutcome;

    /// <summary>
    /// Appended, and then the deadline passed or leadership was lost: it may be applied now, later or never.
    /// </summary>
    public sealed record Indeterminate : WriteOutcome;
}

/// <summary>
/// When a write had come how far on its primary, as timestamps of the node's clock; 0: it had not, or nobody knows.
/// </summary>
/// <param name="Appended">It had its place in the log.</param>
/// <param name="Flushed">It was on this node's stable storage.</param>
/// <param name="Decided">Its outcome was certain.</param>
internal readonly record struct WriteTimes(long Appended, long Flushed, long Decided);

/// <summary>What became of a read.</summary>
internal abstract record ReadOutcome
{
    /// <summary>The state to answer from. Staleness is zero on a confirmed primary.</summary>
    public sealed record Ready(StateImage Image, bool IsPrimary, TimeSpan Staleness) : ReadOutcome
    {
        /// <summary>False: the staleness is a guess, and the state may be older.</summary>
        public bool IsStalenessKnown { get; init; } = true;
    }

    /// <summary>
    /// This node cannot confirm that it is the partition's primary; <paramref name="Hint"/> may be, or is nobody.
    /// </summary>
    public sealed record NotPrimary(NodeId Hint) : ReadOutcome;

    /// <summary>Too much is waiting.</summary>
    public sealed record Overloaded : ReadOutcome;

    /// <summary>The deadline passed before a majority answered.</summary>
    public sealed record TimedOut : ReadOutcome;
}
