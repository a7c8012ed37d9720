using System.Text;
using KvStore.Core.Primitives;
using KvStore.Core.Replication;
using KvStore.Core.State;
using KvStore.Node.Replication;
using KvStore.Tests.Simulation;
using Microsoft.Extensions.Time.Testing;

namespace KvStore.Tests.Node.Replication;

/// <summary>A message on its way.</summary>
internal sealed record Mail(NodeId From, NodeId To, PeerMessage Message);

/// <summary>
/// A group of three replicas as a node has them, each with a disk; every message, flush and moment is carried by hand.
/// </summary>
internal sealed class HandCarriedGroup
{
    private readonly FakeTimeProvider _true = new(new DateTimeOffset(2026, 5, 1, 0, 0, 0, TimeSpan.Zero));

    public HandCarriedGroup() =>
        Replicas = [.. Enumerable.Range(1, 3).Select(id => new HandCarriedReplica(this, id, new MachineTime(_true)))];

    /// <summary>Member 1 first.</summary>
    public HandCarriedReplica[] Replicas { get; }

    /// <summary>What is on its way.</summary>
    public List<Mail> Mail { get; } = [];

    public long TrueMs => _true.GetUtcNow().ToUnixTimeMilliseconds();

    public void Pass(int milliseconds) => _true.Advance(TimeSpan.FromMilliseconds(milliseconds));

    /// <summary>What is on its way, to one or to all; what is for who is cut off is lost.</summary>
    public List<Mail> Take(int? to = null)
    {
        var taken = Mail.Where(mail => to is null || mail.To.Value == to).ToList();
        Mail.RemoveAll(taken.Contains);
        return [.. taken.Where(mail => !Replicas[mail.To.Value - 1].IsCut)];
    }

    /// <summary>Flushes and delivers until nothing is left to do.</summary>
    public void Settle()
    {
        for (var round = 0; round < 50; round++)
        {
            foreach (var replica in Replicas)
                replica.Flush();
            if (Mail.Count == 0)
                return;
            Deliver();
        }
    }

    /// <summary>Time passes for a primary, and what it says is answered.</summary>
    public void Beat(HandCarriedReplica primary, int ticks)
    {
        for (var tick = 0; tick < ticks; tick++)
        {
            primary.Tick();
            Settle();
        }
    }

    /// <summary>Has it stand for election; the answers to its requests for votes are on their way.</summary>
    public void Stand(HandCarriedReplica candidate)
    {
        foreach (var other in Replicas.Where(other => other != candidate))
            other.LosePatience();    // or they would deny their votes
        for (var tick = 0; candidate.Replica.Role == ReplicaRole.Backup && tick < 100; tick++)
            candidate.Tick();
        for (var round = 0; round < 6 && candidate.Replica.Role == ReplicaRole.PreCandidate; round++)
            Deliver();
        Assert.Equal(ReplicaRole.Candidate, candidate.Replica.Role);
        Mail.Clear();
        candidate.Flush();
        foreach (var mail in Take())
        {
            Replicas[mail.To.Value - 1].Receive(mail);
            Replicas[mail.To.Value - 1].Flush();
        }
    }

    /// <summary>Has it elected; what it then says is on its way, or lost if it is cut off then.</summary>
    public void Elect(HandCarriedReplica candidate, bool isCutThen = false)
    {
        Stand(candidate);
        foreach (var vote in Take(candidate.Id))
            candidate.Receive(vote);
        Assert.Equal(ReplicaRole.Primary, candidate.Replica.Role);
        if (!isCutThen)
            return;
        candidate.IsCut = true;
        Mail.RemoveAll(mail => mail.From.Value == candidate.Id);
    }

    private void Deliver()
    {
        foreach (var mail in Take())
            Replicas[mail.To.Value - 1].Receive(mail);
    }
}

/// <summary>A machine's clocks: the wall clock may be set wrong.</summary>
internal sealed class MachineTime(FakeTimeProvider time) : TimeProvider
{
    /// <summary>By how much its wall clock is ahead.</summary>
    public TimeSpan Skew { get; set; }

    public long WallMs => GetUtcNow().ToUnixTimeMilliseconds();

    public override long TimestampFrequency => time.TimestampFrequency;

    public override DateTimeOffset GetUtcNow() => time.GetUtcNow() + Skew;

    public override long GetTimestamp() => time.GetTimestamp();
}

/// <summary>One process of a <see cref="HandCarriedGroup"/>, and the disk that outlives it.</summary>
internal sealed class HandCarriedReplica
{
    private const int TickMs = 50;

    private readonly HandCarriedGroup _group;
    private readonly DurableReplica _disk = new();
    private readonly List<Persist> _unflushed = [];
    private int _life;

    public HandCarriedReplica(HandCarriedGroup group, int id, MachineTime time)
    {
        (_group, Id, Time) = (group, id, time);
        Replica = Recover();
    }

    public int Id { get; }

    public MachineTime Time { get; }

    /// <summary>Nothing of what it says leaves it, and nothing comes to it.</summary>
    public bool IsCut { get; set; }

    /// <summary>The last request for a vote that it made.</summary>
    public PeerMessage? LastRequest { get; private set; }

    public PartitionReplica Replica { get; private set; }

    public Term Term => Replica.Replica.Term;

    public LogIndex LastIndex => Replica.Replica.LastIndex;

    /// <summary>What is not flushed is gone, and all that it was told.</summary>
    public void Restart()
    {
        _unflushed.Clear();
        _life++;
        Replica = Recover();
    }

    /// <summary>It has not heard a primary for so long that it would vote.</summary>
    public void LosePatience()
    {
        for (var tick = 0; tick < 10 && Replica.Role == ReplicaRole.Backup; tick++)
            Replica.Replica.Step([new Input.Tick()], new Effects());
    }

    public void Tick(int count = 1)
    {
        for (var tick = 0; tick < count; tick++)
        {
            _group.Pass(TickMs);
            Replica.Tick();
            Carry();
        }
    }

    /// <summary>Steps with all of these at once.</summary>
    public void Receive(params ReadOnlySpan<Mail> mails)
    {
        foreach (var mail in mails)
            Replica.Add(new Input.Receive(mail.From, mail.Message));
        Carry();
    }

    public void Write(Command command)
    {
        Replica.Add(new PendingWrite(CommandFormat.Encode(command), command, Ack.Quorum));
        Carry();
    }

    public void Flush()
    {
        if (_unflushed.Count == 0)
            return;
        foreach (var persist in _unflushed)
        {
            _disk.Apply(persist);
            Replica.Add(new Input.Persisted(persist.Number));
        }

        _unflushed.Clear();
        Carry();
    }

    public string? Find(string key) =>
        Replica.Image.Find(BucketId.Default, Encoding.UTF8.GetBytes(key)) is { } entry
            ? Encoding.UTF8.GetString(entry.Value.Span)
            : null;

    private void Carry()
    {
        Replica.Step();
        _unflushed.AddRange(Replica.Effects.Persist);
        foreach (var envelope in Replica.Effects.Send)
        {
            if (envelope.Message is PeerMessage.VoteRequest { IsPreVote: false } request)
                LastRequest = request;
            if (!IsCut)
                _group.Mail.Add(new Mail(new NodeId(Id), envelope.Peer, envelope.Message));
        }

        Replica.Finish();
    }

    private PartitionReplica Recover()
    {
        var options = new ReplicaOptions
        {
            Partition = new PartitionId(5),
            Self = new NodeId(Id),
            Voters = [new NodeId(1), new NodeId(2), new NodeId(3)],
        };
        return new PartitionReplica(
            options.Partition,
            new Replica(options, _disk.Recover(), new Random(Id + (10 * _life))),
            new KeyValueState(_disk.State),
            LogIndex.Zero,
            Time);
    }
}
