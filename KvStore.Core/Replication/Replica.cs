using System.Diagnostics;
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
    private readonly ReplicaOptions _options;
    private readonly Random _random;
    private readonly ReplicaLog _log;
    private LogIndex _handedOut;
    private Effects _effects = new();

    /// <summary>Starts as a backup from what stable storage gave back.</summary>
    /// <param name="options">Who this replica is.</param>
    /// <param name="recovered">Hard state and log; the snapshot's state is the host's.</param>
    /// <param name="random">Draws election timeouts and nothing else.</param>
    public Replica(ReplicaOptions options, RecoveredReplica recovered, Random random)
    {
        Invariant.Holds(options.ElectionTicks > options.HeartbeatTicks);
        _options = options;
        Preferred = options.Preferred;
        _random = random;
        _log = new ReplicaLog(recovered.SnapshotIndex, recovered.SnapshotTerm, recovered.Entries);
        _configurations = new ConfigurationHistory(
            recovered.Configuration ?? new GroupConfiguration(options.Voters, []));
        foreach (var entry in recovered.Entries)
            _configurations.Append(entry);
        _hardState = recovered.HardState;
        FlushedIndex = _log.LastIndex;
        CommitIndex = recovered.SnapshotIndex;
        _handedOut = recovered.SnapshotIndex;
        _unemittedFrom = _log.LastIndex.Next();
        Invariant.Holds(Term >= _log.LastTerm);
        DrawElectionTimeout();
    }

    /// <summary>What this replica is in <see cref="Term"/>.</summary>
    public ReplicaRole Role { get; private set; } = ReplicaRole.Backup;

    /// <summary>The latest term this replica has seen.</summary>
    public Term Term => _hardState.Term;

    /// <summary>The primary of <see cref="Term"/> as far as known; nobody: unknown.</summary>
    public NodeId Primary { get; private set; }

    /// <summary>A majority holds everything up to here; handed out in <see cref="Effects.Commit"/>.</summary>
    public LogIndex CommitIndex
    {
        get;
        private set
        {
            Invariant.Holds(value >= field);             // commitment is never taken back
            Invariant.Holds(value <= _log.LastIndex);    // nor granted to what the log does not hold
            field = value;
        }
    }

    /// <summary>
    /// What the host's clocks show, set by it before a step, which adds an era that it begins. What the step says to
    /// peers carries it on.
    /// </summary>
    public HostClocks Clocks { get; set; }

    /// <summary>The last entry of the log, flushed or not.</summary>
    public LogIndex LastIndex => _log.LastIndex;

    /// <summary>The term of that entry.</summary>
    public Term LastTerm => _log.LastTerm;

    /// <summary>The last entry that is no longer in memory: a snapshot stands for it and all before it.</summary>
    public LogIndex LogStart => _log.StartIndex;

    /// <summary>What <see cref="Input.Compact"/> takes to keep some of the log up to an entry.</summary>
    /// <param name="last">The entry; it is committed.</param>
    /// <param name="entries">How many of those up to it are kept at most.</param>
    /// <param name="bytes">And how many bytes of them.</param>
    public LogIndex BeforeLast(LogIndex last, int entries, long bytes) => _log.BeforeLast(last, entries, bytes);

    /// <summary>The last entry of the log known to be on stable storage here.</summary>
    public LogIndex FlushedIndex { get; private set; }

    /// <summary>An entry behind <see cref="LogStart"/>, up to <see cref="LastIndex"/>.</summary>
    public LogEntry EntryAt(LogIndex index) => _log[index];

    /// <summary>The term of an entry still held in the log; null otherwise.</summary>
    public Term? TermAt(LogIndex index) => _log.TermAt(index);

    /// <summary>
    /// Carries <paramref name="inputs"/> out in order and adds to <paramref name="effects"/> what must happen.
    /// </summary>
    public void Step(ReadOnlySpan<Input> inputs, Effects effects)
    {
        _effects = effects;
        foreach (var input in inputs)
            Step(input);
        if (Role == ReplicaRole.Primary)
            FeedBackups();
        EmitPersist();
        HandOutCommitted();
    }

    private void Step(Input input)
    {
        switch (input)
        {
            case Input.Tick:
                OnTick();
                break;
            case Input.Propose propose:
                OnPropose(propose);
                break;
            case Input.Read read:
                OnRead(read);
                break;
            case Input.Receive receive:
                OnReceive(receive.From, receive.Message);
                break;
            case Input.Persisted persisted:
                OnPersisted(persisted.Number);
                break;
            case Input.Compact compact:
                OnCompact(compact.Index);
                break;
            case Input.SnapshotSent sent:
                OnSnapshotSent(sent);
                break;
            case Input.Transfer transfer:
                OnTransfer(transfer.To);
                break;
            case Input.Prefer prefer:
                Preferred = prefer.Member;
                break;
            case Input.Mark:
                OnMark();
                break;
            case Input.Reconfigure reconfigure:
                OnReconfigure(reconfigure.Next);
                break;
            default:
                throw new UnreachableException();
        }
    }

    private void OnReceive(NodeId from, PeerMessage message)
    {
        if (from == _options.Self)
            return;
        if (message.Term > Term && !AdoptTerm(from, message))
            return;
        if (message.Term < Term)
        {
            Fence(from, message);
            return;
        }

        if (IsCredible(message))
            Dispatch(from, message);
        else
            _effects.Disbelieved.Add(new Envelope(_options.Partition, from, message));
    }

    /// <summary>
    /// A primary tells a backup only of entries that this one has acknowledged, and a backup answers only what it was
    /// sent. Whoever says more lies or has another's memory, and no index of ours may follow.
    /// </summary>
    private bool IsCredible(PeerMessage message) => (Role, message) switch
    {
        (ReplicaRole.Primary, PeerMessage.AppendReply { IsAccepted: true } reply) => reply.Index <= _log.LastIndex,
        (ReplicaRole.Primary, PeerMessage.HeartbeatReply reply) => reply.Round <= _round,
        (not ReplicaRole.Primary, PeerMessage.Heartbeat heartbeat) => heartbeat.Commit <= _log.LastIndex,
        _ => true,
    };

    private void Dispatch(NodeId from, PeerMessage message)
    {
        switch (message)
        {
            case PeerMessage.VoteRequest request:
                OnVoteRequest(from, request);
                break;
            case PeerMessage.VoteReply reply:
                OnVoteReply(from, reply);
                break;
            case PeerMessage.AppendRequest request:
                HearPrimary(from);
                OnAppendRequest(from, request);
                break;
            case PeerMessage.AppendReply reply when _backups.TryGetValue(from, out var backup):
                OnAppendReply(backup, reply);
                break;
            case PeerMessage.Heartbeat heartbeat:
                HearPrimary(from);
                OnHeartbeat(from, heartbeat);
                break;
            case PeerMessage.HeartbeatReply reply when _backups.TryGetValue(from, out var backup):
                OnHeartbeatReply(backup, reply);
                break;
            case PeerMessage.InstallSnapshot install:
                HearPrimary(from);
                OnInstallSnapshot(from, install.Snapshot);
                break;
            case PeerMessage.TransferNow:
                OnTransferNow();
                break;
        }
    }

    private void OnCompact(LogIndex index)
    {
        if (index <= _log.StartIndex)
            return;
        Invariant.Holds(index <= _handedOut);
        _log.CompactTo(index);
        _configurations.CompactTo(index);
    }

    private void HandOutCommitted()
    {
        while (_handedOut < CommitIndex)
        {
            _handedOut = _handedOut.Next();
            _effects.Commit.Add(_log[_handedOut]);
        }
    }
}
