using KvStore.Core.Primitives;

namespace KvStore.Core.Replication;

/// <summary>What a replica is in the current term.</summary>
public enum ReplicaRole
{
    /// <summary>Follows a primary, or waits for one.</summary>
    Backup,

    /// <summary>Asks whether an election would succeed; its term is not raised yet.</summary>
    PreCandidate,

    /// <summary>Asks for votes.</summary>
    Candidate,

    /// <summary>Decides the order of writes.</summary>
    Primary,
}

/// <summary>
/// One replica of one partition: the Raft consensus algorithm (Ongaro, Ousterhout: In Search of an Understandable
/// Consensus Algorithm, 2014; Ongaro's thesis for pre-vote, check-quorum, read index and leadership transfer) as a
/// function of state and inputs. It reads no clock, opens no file, sends nothing: it says what to do.
/// </summary>
public sealed partial class Replica
{
    /// <summary>Starts as a backup from what stable storage gave back.</summary>
    /// <param name="options">Who this replica is.</param>
    /// <param name="recovered">Hard state and log; the snapshot's state is the host's.</param>
    /// <param name="random">Draws election timeouts and nothing else.</param>
    public Replica(ReplicaOptions options, RecoveredReplica recovered, Random random) =>
        throw new NotImplementedException();

    /// <summary>What this replica is in <see cref="Term"/>.</summary>
    public ReplicaRole Role => throw new NotImplementedException();

    /// <summary>The latest term this replica has seen.</summary>
    public Term Term => throw new NotImplementedException();

    /// <summary>The primary of <see cref="Term"/> as far as known; nobody: unknown.</summary>
    public NodeId Primary => throw new NotImplementedException();

    /// <summary>A majority holds everything up to here; handed out in <see cref="Effects.Commit"/>.</summary>
    public LogIndex CommitIndex => throw new NotImplementedException();

    /// <summary>The last entry of the log, flushed or not.</summary>
    public LogIndex LastIndex => throw new NotImplementedException();

    /// <summary>The last entry of the log known to be on stable storage here.</summary>
    public LogIndex FlushedIndex => throw new NotImplementedException();

    /// <summary>On a primary: how many voters, itself included, hold the entry at <paramref name="index"/> flushed.</summary>
    public int CopiesOf(LogIndex index) => throw new NotImplementedException();

    /// <summary>On a primary: the last entry that <paramref name="peer"/> is known to hold flushed.</summary>
    public LogIndex MatchOf(NodeId peer) => throw new NotImplementedException();

    /// <summary>Carries <paramref name="inputs"/> out in order and adds to <paramref name="effects"/> what must happen.</summary>
    public void Step(ReadOnlySpan<Input> inputs, Effects effects) => throw new NotImplementedException();
}
