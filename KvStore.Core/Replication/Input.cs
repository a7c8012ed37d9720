using KvStore.Core.Primitives;

namespace KvStore.Core.Replication;

/// <summary>
/// Names a caller's waiting request; chosen by the host, unique per replica, meaningless to the core.
/// </summary>
public readonly record struct Ticket(long Value);

/// <summary>Everything that can happen to a replica.</summary>
public abstract record Input
{
    /// <summary>One unit of time has passed.</summary>
    public sealed record Tick : Input;

    /// <summary>A caller asks for <paramref name="Payload"/> (a command) to be appended and committed.</summary>
    public sealed record Propose(Ticket Ticket, ReadOnlyMemory<byte> Payload) : Input;

    /// <summary>A caller asks for a point from which its read is linearizable.</summary>
    public sealed record Read(Ticket Ticket) : Input;

    /// <summary>A peer's message has arrived.</summary>
    public sealed record Receive(NodeId From, PeerMessage Message) : Input;

    /// <summary>The <see cref="Persist"/> with this number, and all before it, are on stable storage.</summary>
    public sealed record Persisted(long Number) : Input;

    /// <summary>A snapshot at this position is on stable storage; the log before it is no longer needed.</summary>
    public sealed record Compact(LogIndex Index) : Input;

    /// <summary>
    /// The snapshot up to <paramref name="Index"/> that was being sent to a backup has arrived there, or could not be
    /// sent; every <see cref="Effects.SendSnapshot"/> is answered by one of these.
    /// </summary>
    public sealed record SnapshotSent(NodeId To, LogIndex Index, bool HasArrived) : Input;

    /// <summary>
    /// Change who keeps the log. Ignored unless this is the primary, no other change is under
    /// way, and one step leads to <paramref name="Next"/>
    /// (<see cref="GroupConfiguration.IsOneStepTo"/>); <see cref="Replica.Configuration"/> tells.
    /// </summary>
    public sealed record Reconfigure(GroupConfiguration Next) : Input;

    /// <summary>
    /// Append an empty entry as a mark: a position at which all replicas compare their states. Ignored unless this is
    /// the primary and it is not handing over.
    /// </summary>
    public sealed record Mark : Input;

    /// <summary>From now on this member should be primary when it is caught up; nobody: no preference.</summary>
    public sealed record Prefer(NodeId Member) : Input;

    /// <summary>Hand leadership to <paramref name="To"/>, or to the most caught-up backup when it is nobody.</summary>
    public sealed record Transfer(NodeId To) : Input;
}
