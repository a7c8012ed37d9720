using System.Text;
using KvStore.Core.Primitives;
using KvStore.Core.Replication;
using KvStore.Core.State;

namespace KvStore.Tests.Simulation;

/// <summary>
/// What must be true of the time of one replica group, and of what expires by it. True time is that of the simulation,
/// which no node knows.
/// </summary>
internal sealed class ClockLaws(Simulator world, PartitionId group)
{
    /// <summary>By what part a primary may go faster or slower than its monotonic clock.</summary>
    private const double Slew = 0.001;

    private readonly Dictionary<(LogIndex Index, Term Term), long> _stamped = [];
    private LogIndex _applied;
    private Term _timeTerm;
    private (long LogMs, long At)? _earliest;

    /// <summary>
    /// Somebody became primary who was told nothing of the time that its log goes by. That is only so where it was
    /// told to no majority of processes that still run; then its wall clock says what time it is, unless the log knows
    /// of a later one.
    /// </summary>
    public void Begins(SimulatedReplica replica, long wallMs)
    {
        var voters = replica.ConfigurationBefore.Voters;
        var told = voters.Count(voter => world.Node(voter).IsUp
            && world.Node(voter).Replicas[group.Value].WasTold(replica.ConfigurationBefore.TimeTerm));
        Law.Holds(
            2 * told <= voters.Length,
            $"n{replica.Node} g{group}: begins another time, though {told} of {voters.Length} know the one of "
            + $"{replica.ConfigurationBefore.TimeTerm}");
        Law.Holds(
            replica.NowMs == Math.Max(wallMs, replica.Image.TimeMs),
            $"n{replica.Node} g{group}: begins at {replica.NowMs}, its wall clock shows {wallMs}");
    }

    /// <summary>When a command was given its time that is an entry now.</summary>
    public void Stamped(LogIndex index, Term term, long at) => _stamped[(index, term)] = at;

    /// <summary>
    /// A replica applied an entry. When it is the first to do so, that is the moment in which what expires is gone.
    /// </summary>
    public void Applied(LogEntry entry, StateImage before, StateImage after)
    {
        if (entry.Index <= _applied)
            return;
        _applied = entry.Index;
        if (entry.Kind == EntryKind.Configuration
            && GroupConfigurationFormat.Decode(entry.Payload.Span).TimeTerm is var begun && begun != _timeTerm)
            (_timeTerm, _earliest) = (begun, null);    // it goes on from a wall clock
        if (entry.Kind != EntryKind.Command || !world.Swarm.HasLives)
            return;    // elsewhere also who is not in office gives commands a time, and nothing lives by it
        GoesNoFaster(entry, after.TimeMs);
        Tell(entry.Index, before, after);
    }

    private void Tell(LogIndex index, StateImage before, StateImage after)
    {
        foreach (var (key, stored) in before.From(BucketId.Default, ReadOnlyMemory<byte>.Empty))
        {
            if (stored.IsExpiredAt(after.TimeMs))
                world.Expired(Encoding.UTF8.GetString(key.Span), stored.Version);
        }

        foreach (var (key, stored) in after.From(BucketId.Default, ReadOnlyMemory<byte>.Empty))
        {
            if (stored.Version.Index == index)
                world.Stored(Encoding.UTF8.GetString(key.Span), before.Find(BucketId.Default, key.Span), stored);
        }
    }

    /// <summary>
    /// Log time goes no faster than the fastest of the clocks, slewed, whoever is primary, so that nothing expires
    /// early; but where it began anew, it went on from a wall clock. A fast clock may go on from what a slow one told
    /// long ago.
    /// </summary>
    private void GoesNoFaster(LogEntry entry, long logMs)
    {
        _stamped.Remove((entry.Index, entry.Term), out var at);
        if (_earliest is not { } earliest)
        {
            _earliest = (logMs, at);
            return;
        }

        var limit = LimitAt(world.Queue.Now);
        Law.Holds(logMs <= limit, $"g{group}: at {entry.Index} it is {logMs}, which cannot be before {limit}");
        if (at >= earliest.At && logMs < LimitAt(at))
            _earliest = (logMs, at);

        long LimitAt(long now)
        {
            var drift = world.Swarm.ClockDrift + Slew;
            return earliest.LogMs + 1
                + (long)(((now - earliest.At) * (1 + drift) + 2 * drift * world.Queue.Now) / Swarm.Millisecond);
        }
    }
}
