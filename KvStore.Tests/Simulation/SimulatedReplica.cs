using KvStore.Core.Primitives;
using KvStore.Core.Replication;
using KvStore.Core.State;
using KvStore.Node.Replication;

namespace KvStore.Tests.Simulation;

/// <summary>The host of one replica: steps the core, carries its effects out in order, applies, answers.</summary>
internal sealed class SimulatedReplica
{
    /// <summary>Half a second: half of what the product rests.</summary>
    private const int RestTicks = 10;

    /// <summary>What is due goes after a rest and a round of messages, once nothing is wrong.</summary>
    private const long LatestMs = 1000;

    private readonly SimulatedNode _node;
    private readonly GroupLaws _laws;
    private readonly Effects _effects = new();
    private readonly List<Input> _inbox = [];
    private readonly Dictionary<Ticket, Action<Reply>> _callers = [];
    private readonly Dictionary<Ticket, (ReadOnlyMemory<byte> Key, LogIndex CommittedBefore)> _reads = [];
    private readonly SortedDictionary<long, (Term Term, Action<Reply> Reply)> _appended = [];
    private readonly Dictionary<Ticket, long> _stamped = [];
    private readonly LogClock _clock;
    private readonly ExpiryPace _pace;
    private readonly HashSet<Era> _told = [];
    private KeyValueState _state;
    private Term _appliedTerm;
    private long _lastTicket;
    private bool _isSnapshotting;
    private bool _isDrainDue;
    private bool _isExpiring;

    public SimulatedReplica(
        SimulatedNode node, GroupLaws laws, ReplicaOptions options, RecoveredReplica recovered, StateImage image)
    {
        _node = node;
        _laws = laws;
        _clock = new LogClock(node.Time);
        _state = new KeyValueState(image, node.World.Swarm.Memory);
        _pace = new ExpiryPace(options.Partition.Value, RestTicks);
        Group = options.Partition;
        if (node.World.Swarm.HasWatches)
        {
            HistoryBudget budget = new(maxChanges: 12, maxBytes: 100_000, histories: 1);
            History = new ChangeHistory(budget, ChangeHistory.PositionOf(image, recovered.SnapshotIndex));
        }

        AppliedIndex = recovered.SnapshotIndex;
        _appliedTerm = recovered.SnapshotTerm;
        Core = new Replica(options, recovered, new Random(node.World.Chance.Next()));
        ConfigurationBefore = Core.Configuration;
    }

    public Replica Core { get; }

    public PartitionId Group { get; }

    public NodeId Node => _node.Id;

    public LogIndex AppliedIndex { get; private set; }

    /// <summary>Where the log ended before the step that is being looked at.</summary>
    public LogIndex LastIndexBefore { get; private set; }

    /// <summary>What was committed before that step.</summary>
    public LogIndex CommitIndexBefore { get; private set; }

    /// <summary>Whether it has asked another to take over, and no time passed since in which to give that up.</summary>
    public bool IsHandingOver { get; private set; }

    /// <summary>Whether time passed in that step.</summary>
    public bool HasTicked { get; private set; }

    /// <summary>Who kept the group before that step, which may have committed first and then changed it.</summary>
    public GroupConfiguration ConfigurationBefore { get; private set; }

    public StateImage Image => _state.Image;

    /// <summary>What was changed here lately; null: nobody watches.</summary>
    public ChangeHistory? History { get; }

    /// <summary>The time by its log clock, in milliseconds since 1970.</summary>
    public long NowMs => _clock.ReadMs(Image.TimeMs);

    /// <summary>
    /// Whether a primary told this process the time of an era, or was this one.
    /// </summary>
    public bool WasTold(Era era) => _told.Contains(era);

    /// <summary>Whether something that was to expire long ago is still there.</summary>
    public bool IsLate => Image.NextExpiryMs < NowMs - LatestMs;

    /// <summary>Steps now, or with what else arrives within a moment: both are what a host may do.</summary>
    public void Post(Input input)
    {
        _clock.Arrived(input, Core);
        _inbox.Add(input);
        if (!_node.World.Swarm.HasBatches)
        {
            Drain();
        }
        else if (!_isDrainDue)
        {
            _isDrainDue = true;
            _node.Schedule(_node.World.Chance.Next(1000), Drain);
        }
    }

    public void Serve(Request request, Action<Reply> reply)
    {
        Ticket ticket = new(++_lastTicket);
        _callers.Add(ticket, reply);
        if (request.Command is { } command)
        {
            Propose(ticket, command);
        }
        else
        {
            _reads.Add(ticket, (request.Key, _laws.CommitIndex));
            Post(new Input.Read(ticket));
        }
    }

    /// <summary>Only who is in office stamps, since its clock alone counts; the core would refuse it anyway.</summary>
    private void Propose(Ticket ticket, Command command)
    {
        if (_node.World.Swarm.HasLives && Core.Role != ReplicaRole.Primary)
        {
            OnRefused(new Refused(ticket, RefusalReason.NotPrimary));
            return;
        }

        _stamped.Add(ticket, _node.World.Queue.Now);
        Post(new Input.Propose(ticket, CommandFormat.Encode(command with { TimeMs = NowMs })));
    }

    /// <summary>Only what is applied and flushed: a snapshot must not outrun the log it stands for.</summary>
    public void TakeSnapshot()
    {
        if (_isSnapshotting || AppliedIndex == LogIndex.Zero || AppliedIndex > Core.FlushedIndex)
            return;
        _isSnapshotting = true;
        var snapshot = Capture();
        _node.World.Trace.Add(TraceEvent.Snapshot, Node.Value, Group.Value, snapshot.Index.Value, snapshot.Term.Value);
        _node.Save(Group, snapshot, () =>
        {
            _isSnapshotting = false;
            Post(new Input.Compact(snapshot.Index));
        });
    }

    /// <summary>Time passes; a primary looks whether its group is kept by those who should.</summary>
    public void Tick()
    {
        Post(new Input.Tick());
        var placement = _node.World.Placement;
        if (Core.Preferred != placement.Preferred(Group))
            Post(new Input.Prefer(placement.Preferred(Group)));
        if (Core.Role == ReplicaRole.Primary
            && ConfigurationPlan.Next(Core, placement.Wanted(Group), placement.Lost) is { } step)
            Post(step);
        if (_pace.IsItsTurn(Core.Role == ReplicaRole.Primary && !_isExpiring && Image.NextExpiryMs <= NowMs))
        {
            _isExpiring = true;
            Expire(_ => _isExpiring = false);
        }
    }

    /// <summary>The log is told the time, and what is due by it goes.</summary>
    private void Expire(Action<Reply> reply)
    {
        var ticket = new Ticket(++_lastTicket);
        _callers.Add(ticket, reply);
        Propose(ticket, new Command.Expire());
    }

    /// <summary>
    /// Whether a step that breaks an invariant stops it, whatever the build; it is not to be used any more.
    /// </summary>
    public bool StopsWhenWrong()
    {
        try
        {
            Core.Step([new Input.Persisted(long.MaxValue)], new Effects());
            return false;
        }
        catch (InvariantBrokenException)
        {
            return true;
        }
    }

    private Snapshot Capture() => new(AppliedIndex, _appliedTerm, Core.ConfigurationAt(AppliedIndex), _state.Image);

    private void Drain()
    {
        _isDrainDue = false;
        var inputs = _inbox.ToArray();
        _inbox.Clear();
        if (inputs.Length == 0)
            return;
        var (role, term, lastTerm) = (Core.Role, Core.Term, Core.LastTerm);
        (LastIndexBefore, CommitIndexBefore) = (Core.LastIndex, Core.CommitIndex);
        (ConfigurationBefore, HasTicked) = (Core.Configuration, Array.Exists(inputs, input => input is Input.Tick));
        _effects.Clear();
        Core.Clocks = _clock.Prepare(Core, Image, stamp: 0);
        Core.Step(inputs, _effects);
        StepClock(
            inputs,
            term,
            lastTerm,
            isNewPrimary: Core.Role == ReplicaRole.Primary && (role, term) != (Core.Role, Core.Term));
        var position = (Core.CommitIndex.Value << 32) | Core.LastIndex.Value;
        var office = ((long)Core.Role << 32) | Core.Term.Value;
        _node.World.Trace.Add(TraceEvent.Step, Node.Value, Group.Value, office, position, inputs[0]);
        foreach (var strange in _effects.Disbelieved)
            Law.Holds(false, $"n{Node} g{Group}: {strange} is not believed");
        _laws.AfterStep(this, _effects, role, term);
        CarryOut();
        Law.Holds(
            Core.Role == ReplicaRole.Primary || _reads.Count == 0,
            $"n{Node} g{Group}: no primary, yet reads wait");
        IsHandingOver = Core.Role == ReplicaRole.Primary && Core.Term == term && !HasTicked
            && (IsHandingOver || _effects.Send.Exists(sent => sent.Message is PeerMessage.TransferNow));
    }

    private void StepClock(Input[] inputs, Term termBefore, Term lastTermBefore, bool isNewPrimary)
    {
        _clock.Stepped(Core, Image.TimeMs);
        foreach (var message in inputs.OfType<Input.Receive>().Select(input => input.Message))
        {
            if (message.ToldByPrimary() is { IsTold: true } told && message.Term >= termBefore)
                Told(told.Era);
        }

        if (isNewPrimary && Core.Configuration.Era == Era.BegunIn(Core.Term))
            _laws.Clocks.Begins(this, _node.Time.WallMs);
        else if (isNewPrimary)
            _laws.Clocks.GoesOn(Core.Term, Core.Clocks.Of(Core.Configuration.Era).ToldIn, lastTermBefore);
        if (isNewPrimary)
            Told(Core.Configuration.Era);
    }

    private void Told(Era era)
    {
        _told.Add(era);
        _laws.Clocks.Told(era, Node);
    }

    private void CarryOut()
    {
        foreach (var persist in _effects.Persist)
            _node.Append(persist);
        foreach (var envelope in _effects.Send)
            _node.Send(envelope);
        foreach (var (to, term) in _effects.SendSnapshot)
            SendSnapshot(to, term);
        foreach (var accepted in _effects.Accepted)
            OnAccepted(accepted);
        if (_effects.Restore is { } snapshot)
            Restore(snapshot);
        foreach (var entry in _effects.Commit)
            Apply(entry);
        foreach (var ready in _effects.Reads)
            OnReadReady(ready);
        foreach (var refused in _effects.Refused)
            OnRefused(refused);
    }

    private void SendSnapshot(NodeId to, Term term)
    {
        var snapshot = Capture();
        PeerMessage.InstallSnapshot install = new(term, snapshot);
        _node.SendBulk(
            new Envelope(Group, to, install),
            hasArrived => Post(new Input.SnapshotSent(to, snapshot.Index, hasArrived)));
    }

    private void OnAccepted(Accepted accepted)
    {
        _callers.Remove(accepted.Ticket, out var reply);
        _stamped.Remove(accepted.Ticket, out var at);
        _laws.Clocks.Stamped(accepted.Index, accepted.Term, at);
        if (_appended.Remove(accepted.Index.Value, out var overtaken))
            overtaken.Reply(new Reply.Unknown());    // of an earlier term of ours: another entry took its place
        _appended.Add(accepted.Index.Value, (accepted.Term, reply!));
    }

    private void Restore(Snapshot snapshot)
    {
        Law.Holds(snapshot.Index > AppliedIndex, $"n{Node} g{Group}: restores {snapshot.Index} over {AppliedIndex}");
        _node.World.Trace.Add(TraceEvent.Restore, Node.Value, Group.Value, snapshot.Index.Value, snapshot.Term.Value);
        _state = new KeyValueState(snapshot.State, _node.World.Swarm.Memory);
        History?.Restart(ChangeHistory.PositionOf(snapshot.State, snapshot.Index));
        AppliedIndex = snapshot.Index;
        _appliedTerm = snapshot.Term;
        while (_appended.Count > 0 && _appended.First() is var first && first.Key <= snapshot.Index.Value)
        {
            _appended.Remove(first.Key);
            first.Value.Reply(new Reply.Unknown());
        }
    }

    private void Apply(LogEntry entry)
    {
        Law.Holds(
            entry.Index == AppliedIndex.Next(),
            $"n{Node} g{Group}: {entry.Index} is applied after {AppliedIndex}");
        AppliedIndex = entry.Index;
        _appliedTerm = entry.Term;
        var before = _state.Image;
        var result = entry.Kind == EntryKind.Command ? _state.Apply(entry.Index, entry.Term, entry.Payload) : default;
        _node.World.Trace.Add(TraceEvent.Apply, Node.Value, Group.Value, entry.Index.Value, (long)result.Status);
        _laws.Applied(this, entry);
        _laws.Clocks.Applied(entry, before, Image);
        if (entry.Kind == EntryKind.Command)
        {
            History?.Append(entry.Index, entry.Term, _state.Changes, _state.ClosedBucket);
            _pace.Applied(_state.Changes.Count(change => change.Kind != KeyChangeKind.Expire));
            _laws.Watches?.Applied(entry, _state.Changes);
            _node.World.Bank?.Applied(Group, entry, result);
        }

        if (!_appended.Remove(entry.Index.Value, out var waiting))
            return;
        if (waiting.Term == entry.Term)
            _laws.Clocks.Answered(Core.ConfigurationAt(entry.Index), this);
        waiting.Reply(waiting.Term == entry.Term ? new Reply.Written(result) : new Reply.Unknown());
    }

    private void OnReadReady(ReadReady ready)
    {
        Law.Holds(
            ready.Index <= AppliedIndex,
            $"n{Node} g{Group}: a read at {ready.Index} is ready before that is applied");
        _reads.Remove(ready.Ticket, out var read);
        Law.Holds(
            ready.Index >= read.CommittedBefore,
            $"n{Node} g{Group}: a read at {ready.Index} was asked when {read.CommittedBefore} was committed");
        if (Image.IsAnyOverBy(NowMs))
            ExpireFirst(ready.Ticket, read.Key);
        else if (_callers.Remove(ready.Ticket, out var reply))
            reply(new Reply.Found(_state.Image.Find(BucketId.Default, read.Key.Span)));
    }

    /// <summary>Nobody is to be given what is due: the log is told the time first, and then it is read anew.</summary>
    private void ExpireFirst(Ticket read, ReadOnlyMemory<byte> key)
    {
        _callers.Remove(read, out var reply);
        _node.Schedule(0, () => Expire(told =>
        {
            if (told is Reply.Written)
                _node.Schedule(0, () => Serve(new Request(Group, key, null), reply!));
            else
                reply!(new Reply.Rejected(Core.Primary));
        }));
    }

    private void OnRefused(Refused refused)
    {
        _reads.Remove(refused.Ticket);
        _stamped.Remove(refused.Ticket);
        if (_callers.Remove(refused.Ticket, out var reply))
            reply(new Reply.Rejected(Core.Primary));
    }
}
