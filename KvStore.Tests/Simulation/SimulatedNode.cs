using KvStore.Core.Primitives;
using KvStore.Core.Replication;
using KvStore.Core.State;
using KvStore.Node.Transactions;

namespace KvStore.Tests.Simulation;

/// <summary>
/// One process: a disk, a clock of its own rate, one replica of each group. A crash takes all but the disk; a pause
/// freezes it while time runs on, and what arrives meanwhile waits.
/// </summary>
internal sealed class SimulatedNode
{
    private readonly List<Action> _backlog = [];
    private readonly SimulatedDisk _disk;
    private readonly long _tickPeriod;
    private SimulatedReplica[] _replicas = [];
    private SimulatedDeals? _deals;
    private int _life;

    public SimulatedNode(Simulator world, NodeId id)
    {
        World = world;
        Id = id;
        _disk = new SimulatedDisk(world.Queue, new Random(world.Chance.Next()), world.Swarm, world.Trace, id)
        {
            Flushed = OnFlushed,
        };
        var skew = ((2 * world.Chance.NextDouble()) - 1) * world.Swarm.TickSkew;
        _tickPeriod = (long)(Swarm.TickPeriod * (1 + skew));
        var drift = world.Swarm.ClockDrift > 0 ? ((2 * world.Chance.NextDouble()) - 1) * world.Swarm.ClockDrift : 0;
        Time = new SimulatedTime(world.Queue, 1 + drift, Schedule) { WallOffsetMs = world.Chance.Next(20_000) };
    }

    public Simulator World { get; }

    public NodeId Id { get; }

    public bool IsUp { get; private set; }

    public bool IsPaused { get; private set; }

    /// <summary>Its disk is lost, so it never comes back.</summary>
    public bool IsGone { get; private set; }

    public SimulatedTime Time { get; }

    public IReadOnlyList<SimulatedReplica> Replicas => _replicas;

    public DurableReplica Durable(PartitionId group) => _disk[group];

    public int DiskSlowness { set => _disk.Slowness = value; }

    public void Start()
    {
        if (IsUp || IsGone)
            return;
        IsUp = true;
        _replicas = [.. Enumerable.Range(0, World.Swarm.GroupCount).Select(group => Recover(new PartitionId(group)))];
        _deals = World.Bank is null ? null : new SimulatedDeals(this);
        World.Trace.Add(TraceEvent.Start, Id.Value, 0, 0, 0);
        ScheduleTick();
    }

    public void Crash()
    {
        if (!IsUp)
            return;
        IsUp = false;
        IsPaused = false;
        _life++;
        _replicas = [];
        _backlog.Clear();
        _disk.Crash();
    }

    public void LoseDisk()
    {
        Crash();
        IsGone = true;
        World.Trace.Add(TraceEvent.LoseDisk, Id.Value, 0, 0, 0);
    }

    /// <summary>Who keeps each group as far as its logs tell, in memory and on disk.</summary>
    public IEnumerable<GroupConfiguration> Configurations()
    {
        for (var group = 0; group < World.Swarm.GroupCount; group++)
        {
            yield return _disk[new PartitionId(group)].Configuration ?? new(Placement.Born(World.Swarm, group), []);
            if (IsUp)
                yield return _replicas[group].Core.Configuration;
        }
    }

    /// <summary>Where it and each of its replicas stand, in words.</summary>
    public IEnumerable<string> Describe() => _replicas
        .Select(replica => $"n{Id} g{replica.Group} {replica.Core.Role} term {replica.Core.Term} "
            + $"primary {replica.Core.Primary} commit {replica.Core.CommitIndex} of {replica.Core.LastIndex} "
            + $"kept by {replica.Core.Configuration}")
        .Prepend($"n{Id} {(IsGone ? "gone" : IsPaused ? "paused" : IsUp ? "up" : "down")}");

    public void Pause()
    {
        IsPaused = IsUp;
        World.Trace.Add(TraceEvent.Pause, Id.Value, 0, 0, 0);
    }

    public void Resume()
    {
        if (!IsPaused)
            return;
        IsPaused = false;
        World.Trace.Add(TraceEvent.Resume, Id.Value, 0, 0, 0);
        var backlog = _backlog.ToArray();
        _backlog.Clear();
        foreach (var act in backlog)
            Run(act);
    }

    /// <summary>Whether it reached a process; a paused one takes it up when it goes on.</summary>
    public bool Run(Action act)
    {
        if (!IsUp)
            return false;
        if (IsPaused)
            _backlog.Add(act);
        else
            act();
        return true;
    }

    /// <summary>Happens later in this life of the process, if it lives that long.</summary>
    public void Schedule(long delay, Action act)
    {
        var life = _life;
        World.Queue.Schedule(delay, () =>
        {
            if (life == _life)
                Run(act);
        });
    }

    /// <summary>What is to be done only if this life of the process lasts until then.</summary>
    public Action<T> InThisLife<T>(Action<T> act)
    {
        var life = _life;
        return value =>
        {
            if (life == _life)
                Run(() => act(value));
        };
    }

    public void Transact(TransactionPlan plan, RequestId client, Action<TransactionResult> reply) =>
        Run(() => _deals!.Run(plan, client, reply));

    public bool Receive(NodeId from, Envelope envelope) =>
        Run(() => _replicas[envelope.Partition.Value].Post(new Input.Receive(from, envelope.Message)));

    public void Serve(Request request, Action<Reply> reply) =>
        Run(() => _replicas[request.Group.Value].Serve(request, reply));

    public void Append(Persist persist) => _disk.Append(persist);

    public void Save(PartitionId group, Snapshot snapshot, Action done)
    {
        var life = _life;
        _disk.Save(group, snapshot, () =>
        {
            if (life == _life)
                Run(done);
        });
    }

    public void Send(Envelope envelope)
    {
        TraceSend(envelope);
        var peer = World.Node(envelope.Peer);
        World.Network.Send(Id, envelope.Peer, () => peer.Receive(Id, envelope));
    }

    public void SendBulk(Envelope envelope, Action<bool> report)
    {
        TraceSend(envelope);
        var peer = World.Node(envelope.Peer);
        var life = _life;
        World.Network.SendBulk(
            Id,
            envelope.Peer,
            () => peer.Receive(Id, envelope),
            hasArrived =>
            {
                if (life == _life)
                    Run(() => report(hasArrived));
            });
    }

    private void TraceSend(Envelope envelope) => World.Trace.Add(
        TraceEvent.Send,
        Id.Value,
        envelope.Partition.Value,
        envelope.Peer.Value,
        envelope.Message.Term.Value,
        envelope.Message);

    private SimulatedReplica Recover(PartitionId group)
    {
        var durable = _disk[group];
        return new SimulatedReplica(
            this, World.LawsOf(group), World.OptionsOf(group, Id), durable.Recover(), durable.State);
    }

    private void OnFlushed(PartitionId group, long number) =>
        Run(() => _replicas[group.Value].Post(new Input.Persisted(number)));

    /// <summary>A paused process misses ticks: its timer fires once when it goes on.</summary>
    private void ScheduleTick() => Schedule(_tickPeriod, () =>
    {
        foreach (var replica in _replicas)
            replica.Tick();
        ScheduleTick();
    });
}
