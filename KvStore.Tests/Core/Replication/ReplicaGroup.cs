using System.Text;
using KvStore.Core.Primitives;
using KvStore.Core.Replication;
using KvStore.Core.State;

namespace KvStore.Tests.Core.Replication;

/// <summary>
/// Several replicas with a message pump: what is persisted is flushed at once, what is sent arrives, in order, unless a
/// member is cut off. Snapshots carry an empty state.
/// </summary>
internal sealed class ReplicaGroup
{
    private const int MaxMessages = 100_000;
    private readonly List<Replica> _replicas = [];
    private readonly List<List<LogEntry>> _applied = [];
    private readonly Queue<(NodeId From, Envelope Envelope)> _messages = [];
    private readonly HashSet<int> _cutOff = [];
    private long _lastTicket;

    /// <param name="recovered">What each member starts from; one member each.</param>
    /// <param name="preferred">The preferred primary; zero: nobody.</param>
    public ReplicaGroup(RecoveredReplica[] recovered, int preferred = 0)
    {
        for (var id = 1; id <= recovered.Length; id++)
        {
            var options = ReplicaDriver.OptionsOf(id, recovered.Length) with { Preferred = new NodeId(preferred) };
            _replicas.Add(new Replica(options, recovered[id - 1], new Random(id)));
            _applied.Add([]);
        }
    }

    public ReplicaGroup(int members, int preferred = 0)
        : this([.. Enumerable.Repeat(RecoveredReplica.Empty, members)], preferred)
    {
    }

    public Replica this[int id] => _replicas[id - 1];

    /// <summary>The one primary that is not cut off.</summary>
    public int Primary => Enumerable.Range(1, _replicas.Count)
        .Single(id => this[id].Role == ReplicaRole.Primary && !_cutOff.Contains(id));

    /// <summary>What a member was handed as committed, as term, index and payload.</summary>
    public IReadOnlyList<string> AppliedBy(int id) =>
        [.. _applied[id - 1].Select(entry =>
            $"{entry.Term}/{entry.Index} {Encoding.UTF8.GetString(entry.Payload.Span)}")];

    public void CutOff(int id) => _cutOff.Add(id);

    public void Rejoin(int id) => _cutOff.Remove(id);

    /// <summary>Lets time pass for one member only until it is primary.</summary>
    public void Elect(int id)
    {
        for (var ticks = 0; ticks < 4 * ReplicaDriver.ElectionTicks && this[id].Role != ReplicaRole.Primary; ticks++)
            Step(id, new Input.Tick());
        Assert.Equal(ReplicaRole.Primary, this[id].Role);
    }

    /// <summary>Time passes for all; messages arrive in between.</summary>
    public void Tick(int ticks)
    {
        for (var i = 0; i < ticks; i++)
        {
            for (var id = 1; id <= _replicas.Count; id++)
                Step(id, new Input.Tick());
        }
    }

    public void Propose(int id, string payload) =>
        Step(id, new Input.Propose(new Ticket(++_lastTicket), Encoding.UTF8.GetBytes(payload)));

    /// <summary>Steps one member and delivers until nobody has anything to say.</summary>
    public void Step(int id, Input input)
    {
        StepOne(id, input);
        for (var delivered = 0; _messages.TryDequeue(out var message); delivered++)
        {
            Assert.True(delivered < MaxMessages, "the members never come to rest");
            var (from, to) = (message.From.Value, message.Envelope.Peer.Value);
            if (message.Envelope.Message is SnapshotReport report)
                StepOne(to, new Input.SnapshotSent(message.From, report.Index, report.HasArrived));
            else if (!_cutOff.Contains(from) && !_cutOff.Contains(to))
                StepOne(to, new Input.Receive(message.From, message.Envelope.Message));
        }
    }

    private void StepOne(int id, Input input)
    {
        Effects effects = new();
        this[id].Step([input], effects);
        if (effects.Restore is not null)
            _applied[id - 1].Clear();
        _applied[id - 1].AddRange(effects.Commit);
        foreach (var envelope in effects.Send)
            _messages.Enqueue((new NodeId(id), envelope));
        foreach (var (to, term) in effects.SendSnapshot)
            SendSnapshot(id, to, term);
        if (effects.Persist.Count > 0)
            StepOne(id, new Input.Persisted(effects.Persist[^1].Number));
    }

    private void SendSnapshot(int id, NodeId to, Term term)
    {
        var last = _applied[id - 1].LastOrDefault();
        Snapshot snapshot = new(
            last?.Index ?? this[id].LogStart, last?.Term ?? Term.Zero, this[id].Configuration, StateImage.Empty);
        _messages.Enqueue((new NodeId(id), new Envelope(default, to, new PeerMessage.InstallSnapshot(term, snapshot))));
        var hasArrived = !_cutOff.Contains(id) && !_cutOff.Contains(to.Value);
        _messages.Enqueue(
            (to, new Envelope(default, new NodeId(id), new SnapshotReport(term, snapshot.Index, hasArrived))));
    }

    /// <summary>Stands in the queue for the host's report, behind the snapshot that it is about.</summary>
    private sealed record SnapshotReport(Term Term, LogIndex Index, bool HasArrived) : PeerMessage(Term);
}
