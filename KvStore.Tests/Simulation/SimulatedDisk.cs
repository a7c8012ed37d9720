using KvStore.Core.Primitives;
using KvStore.Core.Replication;

namespace KvStore.Tests.Simulation;

/// <summary>
/// One node's stable storage: one log for all groups, in which a flush takes all that is waiting, and snapshots beside
/// it. A crash keeps some prefix of what was not flushed yet, each record whole or not at all.
/// </summary>
internal sealed class SimulatedDisk(EventQueue queue, Random random, Swarm swarm, Trace trace, NodeId node)
{
    private readonly DurableReplica[] _replicas =
        [.. Enumerable.Range(0, swarm.GroupCount).Select(_ => new DurableReplica())];

    private readonly List<Persist> _waiting = [];
    private int _crashes;
    private bool _isFlushing;

    /// <summary>How many times slower than usual.</summary>
    public int Slowness { get; set; } = 1;

    public DurableReplica this[PartitionId group] => _replicas[group.Value];

    /// <summary>Told the last number of a group that a flush made durable.</summary>
    public required Action<PartitionId, long> Flushed { get; init; }

    public void Append(Persist persist)
    {
        _waiting.Add(persist);
        if (!_isFlushing)
            StartFlush();
    }

    public void Save(PartitionId group, Snapshot snapshot, Action done)
    {
        var crashes = _crashes;
        queue.Schedule(10 * Duration(), () =>
        {
            if (crashes != _crashes)
                return;
            this[group].Save(snapshot);
            done();
        });
    }

    /// <summary>The power fails: of what was not flushed, a prefix is there by luck.</summary>
    public void Crash()
    {
        _crashes++;
        _isFlushing = false;
        var lucky = random.Next(_waiting.Count + 1);
        for (var i = 0; i < lucky; i++)
            this[_waiting[i].Partition].Apply(_waiting[i]);
        _waiting.Clear();
        trace.Add(TraceEvent.Crash, node.Value, 0, lucky, 0);
    }

    private void StartFlush()
    {
        _isFlushing = true;
        var crashes = _crashes;
        var count = _waiting.Count;
        queue.Schedule(Duration(), () =>
        {
            if (crashes == _crashes)
                EndFlush(count);
        });
    }

    private void EndFlush(int count)
    {
        var batch = _waiting.GetRange(0, count);
        _waiting.RemoveRange(0, count);
        foreach (var persist in batch)
            this[persist.Partition].Apply(persist);
        _isFlushing = false;
        if (_waiting.Count > 0)
            StartFlush();
        trace.Add(TraceEvent.Flush, node.Value, 0, count, 0);
        foreach (var group in batch.GroupBy(persist => persist.Partition))
            Flushed(group.Key, group.Last().Number);
    }

    private long Duration() => Slowness * random.NextInt64(50, swarm.MaxFlush);
}
