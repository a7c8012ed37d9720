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

    /// <summary>What changes of primary lose, while one that was told is away: some tellings and an outage.</summary>
    private const long MostLostMs = 3000;

    private readonly Dictionary<(LogIndex Index, Term Term), long> _stamped = [];
    private readonly HashSet<(Era Era, NodeId Node)> _told = [];
    private readonly SortedSet<Term> _goneOn = [];
    private LogIndex _applied;
    private Era _era;
    private Reading? _earliest;

    /// <summary>What the log showed at a moment of true time.</summary>
    private readonly record struct Reading(long LogMs, long At);

    /// <summary>
    /// Somebody became primary who was told nothing of the era that its log goes by. That is only so where it was told
    /// to no majority of processes that still run, but for those that are in a later term already; then its wall clock
    /// says what time it is, unless the log knows of a later one.
    /// </summary>
    public void Begins(SimulatedReplica replica, long wallMs)
    {
        var voters = replica.ConfigurationBefore.Voters;
        var told = voters.Count(voter => world.Node(voter).IsUp
            && world.Node(voter).Replicas[group.Value] is var other
            && other.Core.Term <= replica.Core.Term
            && other.WasTold(replica.ConfigurationBefore.Era));
        Law.Holds(
            2 * told <= voters.Length,
            $"n{replica.Node} g{group}: begins an era, though {told} of {voters.Length} know "
            + $"{replica.ConfigurationBefore.Era}");
        Law.Holds(
            replica.NowMs == Math.Max(wallMs, LogMsOf(replica)),
            $"n{replica.Node} g{group}: begins at {replica.NowMs}, its wall clock shows {wallMs}");
    }

    /// <summary>
    /// Somebody became primary in <paramref name="term"/> who was told the time in an earlier term than its log ends
    /// with. What changes of primary have lost since then, it has not: it may be ahead of them by that.
    /// </summary>
    public void GoesOn(Term term, Term toldIn, Term lastTerm)
    {
        if (toldIn < lastTerm)
            _goneOn.Add(term);
    }

    /// <summary>Some process was told the time of an era, or began it.</summary>
    public void Told(Era era, NodeId node) => _told.Add((era, node));

    /// <summary>
    /// A primary answers a write: a majority has been told the time that its life is measured by, or it would go on by
    /// another wall clock if that primary alone were lost now.
    /// </summary>
    public void Answered(GroupConfiguration configuration, SimulatedReplica replica)
    {
        var told = configuration.Voters.Count(voter => _told.Contains((configuration.Era, voter)));
        Law.Holds(
            2 * told > configuration.Voters.Length,
            $"n{replica.Node} g{group}: answers by era {configuration.Era}, which {told} of "
            + $"{configuration.Voters.Length} were ever told");
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
            && GroupConfigurationFormat.Decode(entry.Payload.Span).Era is var begun && begun != _era)
        {
            (_era, _earliest) = (begun, null);    // it goes on from a wall clock
            _goneOn.RemoveWhere(term => term <= entry.Term);
        }

        if (entry.Kind != EntryKind.Command || !world.Swarm.HasLives)
            return;    // elsewhere also who is not in office gives commands a time, and nothing lives by it
        Law.Holds(
            after.TimeMs >= before.TimeMs,
            $"g{group}: at {entry.Index} log time falls from {before.TimeMs} to {after.TimeMs}");
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
    /// long ago. Who was told longer ago than others may be ahead of them by what those have lost since.
    /// </summary>
    private void GoesNoFaster(LogEntry entry, long logMs)
    {
        _stamped.Remove((entry.Index, entry.Term), out var at);
        Reading now = new(logMs, at);
        if (_goneOn.Count > 0 && _goneOn.Min <= entry.Term && _earliest is { } before)
        {
            _goneOn.RemoveWhere(term => term <= entry.Term);
            HoldsAt(entry, logMs, LimitAt(before, world.Queue.Now) + MostLostMs);
            _earliest = now;
        }

        _earliest ??= now;
        HoldsAt(entry, logMs, LimitAt(_earliest.Value, world.Queue.Now));
        if (at >= _earliest.Value.At && logMs < LimitAt(_earliest.Value, at))
            _earliest = now;
    }

    /// <summary>The latest time in its log, applied or not.</summary>
    private static long LogMsOf(SimulatedReplica replica)
    {
        var ms = replica.Image.TimeMs;
        for (var index = replica.AppliedIndex.Next(); index <= replica.LastIndexBefore; index = index.Next())
        {
            if (replica.Core.EntryAt(index) is { Kind: EntryKind.Command } entry)
                ms = Math.Max(ms, CommandFormat.Decode(entry.Payload).TimeMs);
        }

        return ms;
    }

    private void HoldsAt(LogEntry entry, long logMs, long limit) =>
        Law.Holds(logMs <= limit, $"g{group}: at {entry.Index} it is {logMs}, which cannot be before {limit}");

    private long LimitAt(Reading reading, long now)
    {
        var drift = world.Swarm.ClockDrift + Slew;
        return reading.LogMs + 1
            + (long)(((now - reading.At) * (1 + drift) + 2 * drift * world.Queue.Now) / Swarm.Millisecond);
    }
}
