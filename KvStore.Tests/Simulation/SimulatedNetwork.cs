using KvStore.Core.Primitives;

namespace KvStore.Tests.Simulation;

/// <summary>
/// Directed links between nodes, and between clients (who share the number zero) and nodes. Each message is delayed by
/// a random time of its own, so messages overtake each other; it may be lost or, between nodes, delivered twice; a link
/// may be cut.
/// </summary>
internal sealed class SimulatedNetwork(EventQueue queue, Random random, Swarm swarm, Trace trace, int maxNodes)
{
    private const int BulkFactor = 10;
    private const int LongFactor = 50;
    private readonly bool[,] _isCut = new bool[maxNodes + 1, maxNodes + 1];
    private bool _isHealed;

    public long MessageCount { get; private set; }

    public void Cut(int from, int to)
    {
        _isCut[from, to] = true;
        trace.Add(TraceEvent.Cut, from, 0, to, 0);
    }

    public void JoinAll()
    {
        Array.Clear(_isCut);
        trace.Add(TraceEvent.Join, 0, 0, 0, 0);
    }

    /// <summary>From now on every message arrives, once and soon.</summary>
    public void Heal()
    {
        _isHealed = true;
        JoinAll();
    }

    public void Send(NodeId from, NodeId to, Action deliver)
    {
        MessageCount++;
        if (IsLost(from, to))
        {
            trace.Add(TraceEvent.Lose, from.Value, 0, to.Value, 0);
            return;
        }

        queue.Schedule(Delay(), deliver);
        var isBetweenNodes = from != NodeId.None && to != NodeId.None;
        if (isBetweenNodes && !_isHealed && random.NextDouble() < swarm.Duplication)
            queue.Schedule(Delay() + Delay(), deliver);
    }

    /// <summary>Slower than a message, never twice; the sender learns whether it arrived.</summary>
    public void SendBulk(NodeId from, NodeId to, Func<bool> deliver, Action<bool> report)
    {
        MessageCount++;
        var isLost = IsLost(from, to);
        queue.Schedule(BulkFactor * Delay(), () =>
        {
            var hasArrived = !isLost && deliver();
            queue.Schedule(Delay(), () => report(hasArrived));
        });
    }

    private bool IsLost(NodeId from, NodeId to) =>
        _isCut[from.Value, to.Value] || (!_isHealed && random.NextDouble() < swarm.Loss);

    private long Delay()
    {
        var delay = random.NextInt64(50, swarm.MaxDelay);
        return !_isHealed && random.NextDouble() < swarm.LongDelays ? LongFactor * delay : delay;
    }
}
