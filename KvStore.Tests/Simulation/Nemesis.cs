using KvStore.Core.Primitives;
using KvStore.Core.Replication;

namespace KvStore.Tests.Simulation;

/// <summary>Does harm at random moments, at the rates of the world's <see cref="Swarm"/>.</summary>
internal sealed class Nemesis(Simulator world, Random random)
{
    private bool _isStopped;

    private SimulatedNode AnyNode => random.GetItems([.. world.Present], 1)[0];

    private PartitionId AnyGroup => new(random.Next(world.Swarm.GroupCount));

    public void Start()
    {
        var swarm = world.Swarm;
        Repeat(swarm.CrashInterval, () => CrashFor(AnyNode, Span(5, 3000)));
        Repeat(swarm.CrashAllInterval, CrashAll);
        Repeat(swarm.PauseInterval, () => PauseFor(AnyNode, Span(50, 4000)));
        Repeat(swarm.CutInterval, CutSome);
        Repeat(swarm.SlowDiskInterval, SlowDisk);
        Repeat(swarm.SnapshotInterval, TakeSnapshot);
        Repeat(swarm.TransferInterval, Transfer);
        Repeat(swarm.MoveInterval, () => world.Placement.Move(AnyGroup, random));
        Repeat(swarm.MoveInterval, Reconfigure);
        Repeat(swarm.LoseDiskInterval, LoseDisk);
        Repeat(swarm.ClockJumpInterval, SetClock);
    }

    public void Stop() => _isStopped = true;

    /// <summary>As many short spans as long ones, each by its own measure.</summary>
    private long Span(double fromMs, double toMs) =>
        (long)(fromMs * Math.Pow(toMs / fromMs, random.NextDouble()) * Swarm.Millisecond);

    private void Repeat(long meanInterval, Action harm)
    {
        if (meanInterval == 0)
            return;
        world.Queue.Schedule((long)(-Math.Log(1 - random.NextDouble()) * meanInterval), () =>
        {
            if (_isStopped)
                return;
            harm();
            Repeat(meanInterval, harm);
        });
    }

    private void Later(long delay, Action act) => world.Queue.Schedule(delay, () =>
    {
        if (!_isStopped)
            act();
    });

    private void CrashFor(SimulatedNode node, long downtime)
    {
        node.Crash();
        Later(downtime, node.Start);
    }

    private void CrashAll()
    {
        foreach (var node in world.Present)
            CrashFor(node, Span(10, world.Swarm.LongestOutageMs));
    }

    private void PauseFor(SimulatedNode node, long time)
    {
        node.Pause();
        Later(time, node.Resume);
    }

    private void SetClock() => AnyNode.Time.WallOffsetMs = random.Next(20_000);

    private void SlowDisk()
    {
        var node = AnyNode;
        node.DiskSlowness = random.Next(10, 200);
        Later(Span(200, 3000), () => node.DiskSlowness = 1);
    }

    private void TakeSnapshot()
    {
        foreach (var replica in AnyNode.Replicas)
            replica.TakeSnapshot();
    }

    private void Transfer()
    {
        var target = random.Next(2) == 0 ? NodeId.None : AnyNode.Id;
        var node = AnyNode;
        node.Run(() => node.Replicas[random.Next(node.Replicas.Count)].Post(new Input.Transfer(target)));
    }

    /// <summary>Whatever change comes to somebody's mind: what is not allowed now is not done.</summary>
    private void Reconfigure()
    {
        var (group, node) = (AnyGroup, AnyNode);
        node.Run(() =>
        {
            var replica = node.Replicas[group.Value];
            var next = random.Next(3) == 0 ? AnyConfiguration() : Neighbour(replica.Core.Configuration);
            if (!world.Placement.MayOrder(next))
                return;
            world.LawsOf(replica.Group).Ordered(next);
            replica.Post(new Input.Reconfigure(next));
        });
    }

    private GroupConfiguration AnyConfiguration()
    {
        var nodes = world.Nodes.Select(node => node.Id).ToArray();
        random.Shuffle(nodes);
        var voters = random.Next(1, nodes.Length);
        return new([.. nodes[..voters]], [.. nodes[voters..random.Next(voters, nodes.Length)]]);
    }

    /// <summary>One or two nodes get another part: voter, learner or none.</summary>
    private GroupConfiguration Neighbour(GroupConfiguration now)
    {
        var (voters, learners) = (now.Voters, now.Learners);
        for (var count = random.Next(1, 3); count > 0; count--)
        {
            NodeId one = new(random.Next(world.Nodes.Count) + 1);
            var part = random.Next(3);
            var others = voters.Remove(one);
            voters = part == 0 ? others.Add(one) : others.IsEmpty ? voters : others;
            learners = learners.Remove(one);
            if (part == 1 && !voters.Contains(one))
                learners = learners.Add(one);
        }

        return new(voters, learners);
    }

    private void LoseDisk()
    {
        var node = AnyNode;
        if (world.Placement.MayLose(node))
            world.Placement.LoseDisk(node);
    }

    /// <summary>One off, halves, one way, a single link, or each link by itself (swizzle).</summary>
    private void CutSome()
    {
        var one = AnyNode.Id.Value;
        var side = random.Next(1 << world.Nodes.Count);
        var kind = random.Next(6);
        for (var from = 1; from <= world.Nodes.Count; from++)
        {
            for (var to = 1; to <= world.Nodes.Count; to++)
            {
                var isCut = kind switch
                {
                    0 => from == one || to == one,
                    1 => ((side >> (from - 1)) & 1) != ((side >> (to - 1)) & 1),
                    2 => from == one,
                    3 => to == one,
                    4 => from != one && to != one,
                    _ => random.Next(3) == 0,
                };
                if (isCut && from != to)
                    world.Network.Cut(from, to);
            }
        }

        Later(Span(200, 5000), world.Network.JoinAll);
    }
}
