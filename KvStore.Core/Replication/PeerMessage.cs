using System.Collections.Immutable;
using KvStore.Core.Primitives;

namespace KvStore.Core.Replication;

/// <summary>What replicas of one group say to each other; each carries its sender's term.</summary>
public abstract record PeerMessage(Term Term)
{
    /// <summary>What it tells of the time, where a primary says it.</summary>
    public ClockReading ToldByPrimary() => this switch
    {
        Heartbeat beat => beat.Reading,
        AppendRequest append => append.Reading,
        _ => default,
    };

    /// <summary>
    /// Asks for a vote at <see cref="PeerMessage.Term"/>, or whether one would be given (<paramref name="IsPreVote"/>).
    /// <paramref name="IsTransfer"/>: the primary itself asked for this election, so having heard from it is no
    /// objection. <paramref name="Era"/>: the one that its log goes by, of which it wants to be told.
    /// </summary>
    public sealed record VoteRequest(
        Term Term, LogIndex LastIndex, Term LastTerm, bool IsPreVote, bool IsTransfer, Era Era = default)
        : PeerMessage(Term);

    /// <summary>
    /// Answers a <see cref="VoteRequest"/>; a granted pre-vote carries the term that was asked for.
    /// <paramref name="Reading"/>: what the voter was told of the era that was asked for, whatever its own log goes by.
    /// </summary>
    public sealed record VoteReply(Term Term, bool IsGranted, bool IsPreVote, ClockReading Reading = default)
        : PeerMessage(Term);

    /// <summary>
    /// Entries that follow (<paramref name="PreviousIndex"/>, <paramref name="PreviousTerm"/>), how far is committed,
    /// and the time.
    /// </summary>
    public sealed record AppendRequest(
        Term Term,
        LogIndex PreviousIndex,
        Term PreviousTerm,
        ImmutableArray<LogEntry> Entries,
        LogIndex Commit,
        ClockReading Reading = default) : PeerMessage(Term)
    {
        /// <summary>Whose entries these are, from host to host: the core neither reads nor keeps it.</summary>
        public ImmutableArray<string> Traces { get; init; } = [];
    }

    /// <summary>
    /// Accepted: everything up to <paramref name="Index"/> agrees with the primary and is flushed. Refused: the entry
    /// at <paramref name="Index"/> is missing or differs; the primary may go on from (<paramref name="HintIndex"/>,
    /// <paramref name="HintTerm"/>), the last place where both may agree.
    /// </summary>
    public sealed record AppendReply(Term Term, bool IsAccepted, LogIndex Index, LogIndex HintIndex, Term HintTerm)
        : PeerMessage(Term);

    /// <summary>
    /// The primary lives; <paramref name="Round"/> is echoed and proves leadership to reads begun before it.
    /// <paramref name="Commit"/> goes no further than what the receiver is known to hold; a state that contains the
    /// entry at <paramref name="FreshAt"/> contains all that was committed when this was said.
    /// <paramref name="Stamp"/> is of the sender's <see cref="HostClocks"/>; <paramref name="Echo"/> is the last stamp
    /// that came from the receiver before this was said, 0 when none did. <paramref name="Reading"/>: as with entries.
    /// </summary>
    public sealed record Heartbeat(
        Term Term,
        LogIndex Commit,
        long Round,
        LogIndex FreshAt,
        long Stamp = 0,
        long Echo = 0,
        ClockReading Reading = default) : PeerMessage(Term);

    /// <summary>
    /// Echoes a <see cref="Heartbeat"/>'s round and, in <paramref name="Echo"/>, its stamp;
    /// <paramref name="Stamp"/> is the backup's own.
    /// </summary>
    public sealed record HeartbeatReply(Term Term, long Round, long Stamp = 0, long Echo = 0) : PeerMessage(Term);

    /// <summary>Replaces the receiver's whole state; sent to a backup that fell behind the primary's log.</summary>
    public sealed record InstallSnapshot(Term Term, Snapshot Snapshot) : PeerMessage(Term);

    /// <summary>Asks the receiver to hold an election now: the primary hands over.</summary>
    public sealed record TransferNow(Term Term) : PeerMessage(Term);
}

/// <summary>
/// A message of one replica group, with the peer it goes to (when sent) or comes from (when received).
/// </summary>
public readonly record struct Envelope(PartitionId Partition, NodeId Peer, PeerMessage Message);
