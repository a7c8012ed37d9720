using System.Collections.Immutable;
using KvStore.Core.Primitives;

namespace KvStore.Core.Replication;

/// <summary>
/// What must reach stable storage, in this order: a snapshot that replaces the whole log and state, then the hard
/// state, then the entries, the first of which replaces any entry at its index and everything after it. Numbers grow by
/// one.
/// </summary>
public sealed record Persist(
    PartitionId Partition,
    long Number,
    HardState? HardState,
    ImmutableArray<LogEntry> Entries,
    Snapshot? Snapshot);

/// <summary>An entry was appended for a caller; it is not committed yet.</summary>
public readonly record struct Accepted(Ticket Ticket, LogIndex Index, Term Term);

/// <summary>Why a replica did not take a caller's request; nothing was appended.</summary>
public enum RefusalReason
{
    /// <summary>This replica is not the primary, or not any more.</summary>
    NotPrimary,

    /// <summary>Too much is appended and not yet committed.</summary>
    Overloaded,
}

/// <summary>A caller's request was not taken: nothing was appended, no read is confirmed.</summary>
public readonly record struct Refused(Ticket Ticket, RefusalReason Reason);

/// <summary>A read may be answered from any state that contains the entry at <paramref name="Index"/>.</summary>
public readonly record struct ReadReady(Ticket Ticket, LogIndex Index);

/// <summary>
/// What a step asks its host to do, in order. A message that rests on something not yet durable is not among
/// <see cref="Send"/>: the core keeps it back until <see cref="Input.Persisted"/> reports its foundation.
/// The host owns the object, carries it out and clears it for the next step.
/// </summary>
public sealed class Effects
{
    /// <summary>1. Hand to stable storage; each is answered by <see cref="Input.Persisted"/>.</summary>
    public List<Persist> Persist { get; } = [];

    /// <summary>2. Send: rests on nothing that is not durable already, so it need not wait for 1.</summary>
    public List<Envelope> Send { get; } = [];

    /// <summary>
    /// 3. Backups that need the whole state: capture it as applied, send it as
    /// <see cref="PeerMessage.InstallSnapshot"/>.
    /// </summary>
    public List<(NodeId To, Term Term)> SendSnapshot { get; } = [];

    /// <summary>4. Proposals that were appended.</summary>
    public List<Accepted> Accepted { get; } = [];

    /// <summary>5. A snapshot from the primary that replaces the state before anything of 6 is applied.</summary>
    public Snapshot? Restore { get; set; }

    /// <summary>6. Committed entries, in log order: apply, then answer their callers.</summary>
    public List<LogEntry> Commit { get; } = [];

    /// <summary>7. Reads whose leadership is confirmed; the state contains their index after 6.</summary>
    public List<ReadReady> Reads { get; } = [];

    /// <summary>8. Requests that were not taken, or reads that lost their leader.</summary>
    public List<Refused> Refused { get; } = [];

    /// <summary>
    /// 9. Messages, with who sent them, that no replica of this group says to this one: nothing was done about them but
    /// to learn their term.
    /// </summary>
    public List<Envelope> Disbelieved { get; } = [];

    /// <summary>Forgets everything, keeping the room.</summary>
    public void Clear()
    {
        Persist.Clear();
        Send.Clear();
        SendSnapshot.Clear();
        Accepted.Clear();
        Restore = null;
        Commit.Clear();
        Reads.Clear();
        Refused.Clear();
        Disbelieved.Clear();
    }
}
