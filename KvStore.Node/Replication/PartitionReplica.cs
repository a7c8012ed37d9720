using System.Collections.Immutable;
using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using KvStore.Core.Primitives;
using KvStore.Core.Replication;
using KvStore.Core.State;
using KvStore.Node.Storage;

namespace KvStore.Node.Replication;

/// <summary>
/// One replica with its state and its callers. Everything but the members marked as readable from anywhere belongs to
/// the one loop that owns it.
/// </summary>
internal sealed partial class PartitionReplica(
    PartitionId partition,
    Replica replica,
    KeyValueState state,
    LogIndex applied,
    TimeProvider time,
    Action<Envelope, long>? onDisbelieved = null,
    long markTicks = long.MaxValue,
    int restTicks = 20,
    long firstStamp = 1,
    ChangeHistory? history = null,
    ChangeSignal? changed = null)
{
    /// <summary>What an entry takes up in memory beside its payload.</summary>
    private const int EntryBytes = 96;

    /// <summary>Entries kept behind a capture, so that a backup a moment behind needs no whole state.</summary>
    private const int KeptEntries = 1024;

    private readonly List<Input> _inputs = [];
    private readonly Effects _effects = new();
    private readonly WaitingCalls _calls = new(replica);
    private KnownPrimary _hint = new(NodeId.None, Term.Zero);
    private volatile KeyValueState _state = state;
    private LogIndex _applied = applied;
    private Term _appliedTerm = replica.TermAt(applied) ?? Term.Zero;
    private volatile StrongBox<ImmutableArray<(NodeId, long)>> _lags = NoLags;
    private volatile ReplicaRole _role;
    private volatile bool _hasOthers = replica.Voters.Length > 1;
    private readonly Freshness _freshness = new(time, firstStamp);
    private readonly LogClock _clock = new(time);
    private readonly ExpiryPace _pace = new(partition.Value, restTicks);
    private readonly TracedWrites _traced = new(time);
    private readonly IndexWaits _waits = new();
    private readonly FreedWaits _freed = new();
    private Input.Receive? _heard;
    private long _disbelieved;
    private long _steppedAt;
    private long _expired;
    private long _logBytes;
    private Snapshot? _marked;
    private LogIndex _lastMark = applied;

    public PartitionId Partition { get; } = partition;

    /// <summary>The core; to be stepped by the owning loop only.</summary>
    public Replica Replica { get; } = replica;

    /// <summary>Readable from anywhere: the state as applied here.</summary>
    public StateImage Image => _state.Image;

    /// <summary>Readable from anywhere: who is believed to be primary.</summary>
    public KnownPrimary Hint => Volatile.Read(ref _hint);

    /// <summary>
    /// Readable from anywhere: the time by the group's log clock, in milliseconds since 1970; what a command is stamped
    /// with.
    /// </summary>
    public long NowMs => _clock.ReadMs(Image.TimeMs);

    /// <summary>
    /// Readable from anywhere: the state, and how long ago it contained all that its primary had committed, or, on a
    /// primary, how long ago a backup still followed it. Since a start after which that never was, no more is known
    /// than when, by this node's clock, the last write that it holds was made.
    /// </summary>
    public ReadOutcome.Ready Local
    {
        get
        {
            var (role, freshAt) = (_role, _freshness.At);    // first: the state is at least as fresh
            var (image, isPrimary) = (Image, role == ReplicaRole.Primary);
            if (isPrimary && !_hasOthers)
                return new ReadOutcome.Ready(image, isPrimary, TimeSpan.Zero);
            if (freshAt is { } at)
                return new ReadOutcome.Ready(image, isPrimary, time.GetElapsedTime(at));
            var sinceWrite = Math.Max(0, time.GetUtcNow().ToUnixTimeMilliseconds() - image.TimeMs);
            return new ReadOutcome.Ready(image, isPrimary, TimeSpan.FromMilliseconds(sinceWrite))
            {
                IsStalenessKnown = false,
            };
        }
    }

    /// <summary>
    /// From anywhere: completes when the state contains the command at an index; cancelled with
    /// <paramref name="patience"/>.
    /// </summary>
    public Task AppliedAsync(LogIndex index, CancellationToken patience) =>
        _waits.ReachedAsync(index, () => Image.Index, patience);

    /// <summary>Readable from anywhere: what was changed here lately; null: it is not kept.</summary>
    public ChangeHistory? History => history;

    /// <summary>
    /// From anywhere: completes when the state has none of these keys locked; cancelled with
    /// <paramref name="patience"/>.
    /// </summary>
    public Task UnlockedAsync(
        BucketId bucket, ImmutableArray<ReadOnlyMemory<byte>> keys, CancellationToken patience) =>
        _freed.FreeAsync(() => !Image.IsAnyLocked(bucket, keys), patience);

    /// <summary>Readable from anywhere: keys whose time was over, while this was the primary.</summary>
    public long Expired => Volatile.Read(ref _expired);

    /// <summary>Readable from anywhere: bytes applied since the last snapshot.</summary>
    public long LogBytes => Volatile.Read(ref _logBytes);

    /// <summary>Readable from anywhere: the role as of the last step.</summary>
    public ReplicaRole Role => _role;

    /// <summary>Readable from anywhere: whether it leads a group in which somebody else could.</summary>
    public bool IsPrimaryWithOthers => _role == ReplicaRole.Primary && _hasOthers;

    /// <summary>
    /// Readable from anywhere: on a primary, how many entries each backup lacks, as of the last tick.
    /// </summary>
    public ImmutableArray<(NodeId Peer, long Entries)> Lags => _lags.Value;

    public Effects Effects => _effects;

    public bool HasInputs => _inputs.Count > 0;

    public bool DoReadsWait => _calls.DoReadsWait;

    public void Add(Input input)
    {
        if (Failpoints.AreOn)
            StepFailpoints.Received(input, DoReadsWait);
        if (input is Input.Receive { Message: PeerMessage.Heartbeat or PeerMessage.HeartbeatReply } heard)
            _heard = heard;
        if (input is Input.Receive { Message: var message })
            _traced.Received(message);
        else if (input is Input.Persisted { Number: var number })
            _traced.Flushed(number);
        _clock.Arrived(input, Replica);
        _inputs.Add(input);
    }

    public void Add(PendingWrite write)
    {
        if (write.IsDone)
            return;
        if (write.StampedIn is { } term && term != Replica.Term)
        {
            write.Complete(new WriteOutcome.NotPrimary(Replica.Primary));    // its time may be of another era
            return;
        }

        _inputs.Add(_calls.Register(write));
        _traced.Offered(write);
    }

    public void Add(PendingRead read)
    {
        if (!read.IsDone)
            _inputs.Add(_calls.Register(read));
    }

    /// <summary>First half: lets the core decide. The effects are complete, nothing of them is done.</summary>
    public void Step()
    {
        _steppedAt = time.GetTimestamp();
        Replica.Clocks = _clock.Prepare(Replica, Image, _freshness.Stamp());
        Replica.Step(CollectionsMarshal.AsSpan(_inputs), _effects);
        _inputs.Clear();
        _traced.Stepped(_effects, _calls, Replica.CommitIndex, _steppedAt);
        var isBelieved = _effects.Disbelieved.Count == 0;
        _clock.Stepped(Replica, Image.TimeMs);
        _role = Replica.Role;    // whoever sees a primary sees its clock
        _hasOthers = Replica.Voters.Length > 1;
        if (_heard is { } heard && heard.Message.Term == Replica.Term && isBelieved)
            Believe(heard);    // of this term: an earlier one's primary knows nothing of now
        _heard = null;
    }

    /// <summary>
    /// Second half, after the appends and messages are handed over: applies and answers. True: the primary changed.
    /// </summary>
    public bool Finish()
    {
        _calls.Stepped(_steppedAt);
        foreach (var accepted in _effects.Accepted)
            _calls.Accept(accepted, MayAnswerOnOwnFlush(_calls.Offered(accepted.Ticket)));
        if (_effects.Restore is { } snapshot)
            Restore(snapshot);
        foreach (var entry in _effects.Commit)
            Apply(entry);
        if (_effects.Restore is not null || _effects.Commit.Count > 0)
        {
            _waits.Applied(Image.Index);
            changed?.Set();
        }

        foreach (var read in _effects.Reads)
        {
            Debug.Assert(
                _applied >= read.Index, "Everything committed in a step is applied before its reads are answered.");
            Failpoints.Reached(Failpoint.ReadConfirmed);
            _calls.Complete(read.Ticket, new ReadOutcome.Ready(Image, IsPrimary: true, TimeSpan.Zero));
        }

        if (_effects.Refused.Count > 0)
            Failpoints.Reached(Failpoint.RequestsLost);
        foreach (var refused in _effects.Refused)
            _calls.Refuse(refused, Replica.Primary);
        foreach (var message in _effects.Disbelieved)
            onDisbelieved?.Invoke(message, ++_disbelieved);
        _calls.CompleteFlushed();
        _freshness.Applied(_applied);
        _effects.Clear();
        return SwapHint();
    }

    /// <summary>The state as applied, for a snapshot file or a backup that fell behind.</summary>
    public Snapshot Capture() => new(_applied, _appliedTerm, Replica.ConfigurationAt(_applied), Image);

    /// <summary>
    /// From anywhere: the state as it was at the newest mark, once; null when there has been no other since.
    /// </summary>
    public Snapshot? TakeMarked() => Interlocked.Exchange(ref _marked, null);

    /// <summary>
    /// A capture is on stable storage: what had been applied by then no longer counts towards the next, and of the log
    /// up to there no more is kept than a backup needs that is a moment behind.
    /// </summary>
    /// <param name="index">What the capture contains.</param>
    /// <param name="logBytes">What <see cref="LogBytes"/> was then.</param>
    /// <param name="keptBytes">How much of the log is kept at most.</param>
    public void Saved(LogIndex index, long logBytes, long keptBytes)
    {
        Volatile.Write(ref _logBytes, _logBytes - logBytes);
        _inputs.Add(new Input.Compact(Replica.BeforeLast(index, KeptEntries, keptBytes)));
    }

    /// <summary>Nobody is left to answer: the node stops.</summary>
    public void Abandon() => _calls.Abandon();

    private void Believe(Input.Receive heard)
    {
        if (heard.Message is PeerMessage.Heartbeat beat && _role != ReplicaRole.Primary
            && _freshness.TimestampOf(beat.Echo) is { } askedAt)
        {
            _freshness.Heard(beat.FreshAt, askedAt);
        }
        else if (heard.Message is PeerMessage.HeartbeatReply reply && _role == ReplicaRole.Primary
            && Replica.Voters.Contains(heard.From)
            && _freshness.TimestampOf(reply.Echo) is { } saidAt)
        {
            _freshness.Heard(LogIndex.Zero, saidAt);    // then its voter was in this term still
        }
    }

    private void Apply(LogEntry entry)
    {
        if (entry.Kind == EntryKind.Command)
        {
            Failpoints.Reached(Failpoint.WriteCommitted);
            var (state, prepared) = (_state, Image.PreparedCount);
            var result = state.Apply(entry.Index, entry.Term, entry.Payload);
            if (Image.PreparedCount < prepared)
                _freed.Announce();
            _calls.Applied(entry, result);
            history?.Append(entry.Index, entry.Term, state.Changes, state.ClosedBucket);
            CountChanges(state.Changes);
        }
        else
        {
            _calls.Overwritten(entry);
        }

        _applied = entry.Index;
        _appliedTerm = entry.Term;
        Volatile.Write(ref _logBytes, _logBytes + EntryBytes + entry.Payload.Length);
        if (entry.Kind == EntryKind.Command)
            return;
        _lastMark = entry.Index;
        Volatile.Write(ref _marked, Capture());    // a root that nobody changes: no copy is made
    }

    private void CountChanges(IReadOnlyList<KeyChange> changes)
    {
        var expired = 0;
        for (var at = 0; at < changes.Count; at++)
        {
            if (changes[at].Kind == KeyChangeKind.Expire)
                expired++;
        }

        _pace.Applied(changes.Count - expired);
        if (_role == ReplicaRole.Primary)
            Volatile.Write(ref _expired, _expired + expired);
    }

    private void Restore(Snapshot snapshot)
    {
        _calls.Lost(snapshot.Index);
        _state = new KeyValueState(snapshot.State);
        history?.Restart(ChangeHistory.PositionOf(snapshot.State, snapshot.Index));
        _applied = snapshot.Index;
        _appliedTerm = snapshot.Term;
        _freed.Announce();
    }

    /// <summary>
    /// Whether a write's answer is certain once it is flushed here: nothing older can be waiting under the same request
    /// id, neither applied, nor in flight, nor left by an earlier primary; and no transaction can have its key locked
    /// when it is applied, neither one that is prepared nor one that stands before it in the log. A timed id may still
    /// be refused when it is applied: what stands before it in the log decides.
    /// </summary>
    private bool MayAnswerOnOwnFlush(PendingWrite write) =>
        write.Ack == Ack.One
        && write.IsBlindPut
        && write.Command is Command.Change { Bucket: var bucket, Operation.Key: var key }
        && !Image.IsClosed(bucket)
        && _appliedTerm == Replica.Term
        && _calls.LastPrepare <= _applied
        && !Image.IsLocked(bucket, key)
        && (write.Command.RequestId is not { } id
            || (id.Kind != RequestIdKind.Timed && !_state.Remembers(id) && !_calls.HasInFlight(id)));

    private bool SwapHint()
    {
        if (_hint.Primary == Replica.Primary && _hint.Term == Replica.Term)
            return false;
        Volatile.Write(ref _hint, new KnownPrimary(Replica.Primary, Replica.Term));
        return true;
    }
}

/// <summary>Who is believed to be a partition's primary, and the term in which.</summary>
internal sealed record KnownPrimary(NodeId Primary, Term Term);
