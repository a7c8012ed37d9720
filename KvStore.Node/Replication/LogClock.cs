using System.Collections.Immutable;
using KvStore.Core.Primitives;
using KvStore.Core.Replication;
using KvStore.Core.State;

namespace KvStore.Node.Replication;

/// <summary>
/// The time of a replica group: what its primary said it was, and the monotonic time since. Where nobody can tell a
/// primary the time that its log goes by, it begins another by its wall clock, and the log says so; a primary slews
/// towards its wall clock: see docs/decisions/0010. Belongs to the replica's loop but for <see cref="ReadMs"/>,
/// which is readable from anywhere. All times are in milliseconds since 1970.
/// </summary>
internal sealed class LogClock(TimeProvider time)
{
    /// <summary>
    /// Two monotonic clocks go apart by no more than a part of so many; what is told later than that allows was on its
    /// way.
    /// </summary>
    private const int LargestDrift = 20;

    /// <summary>A primary's clock goes faster or slower by no more than this part.</summary>
    private const double LargestSlew = 0.001;

    /// <summary>How long it takes to make up for a small difference from the wall clock.</summary>
    private const double SlewTimeMs = 10_000;

    private static readonly TimeSpan SlewPeriod = TimeSpan.FromSeconds(1);

    private readonly List<Anchor> _anchors = [];
    private Anchor? _shown;
    private Term _goesBy;
    private Term _committed;
    private (long Ms, long At) _begin;
    private Term _leads;

    /// <summary>
    /// Now, and never less than the state's log time; that alone as long as nobody has told the time that the log goes
    /// by. A backup's may be a little late, by what the telling took; it is never ahead of the primary's.
    /// </summary>
    public long ReadMs(long stateMs) => Volatile.Read(ref _shown) is { } anchor
        ? Math.Max(stateMs, ReadingOf(anchor, time.GetTimestamp()))
        : stateMs;

    /// <summary>Whether something that the state has is to expire by now.</summary>
    public bool IsAnyDue(StateImage image) => image.NextExpiryMs <= ReadMs(image.TimeMs);

    /// <summary>
    /// Before a step: what the replica is to pass on, of its own log's time and of others. As it was told: log time may
    /// be ahead of that, and it is not known since when.
    /// </summary>
    /// <param name="stateMs">The state's log time.</param>
    /// <param name="stamp">The host's own.</param>
    public HostClocks Prepare(long stateMs, long stamp)
    {
        var at = time.GetTimestamp();
        _begin = (Math.Max(stateMs, time.GetUtcNow().ToUnixTimeMilliseconds()), at);
        var told = ImmutableArray.CreateBuilder<ToldTime>(_anchors.Count);
        foreach (var anchor in _anchors)
            told.Add(new ToldTime(new GroupTime(ReadingOf(anchor, at), anchor.BegunIn), anchor.ToldIn));
        return new HostClocks(stamp, _begin.Ms) { Told = told.MoveToImmutable() };
    }

    /// <summary>
    /// Something is here for the replica, which is to be stepped with it: what it tells counts before that, so that a
    /// vote of that very step tells it. What a primary of before says tells nothing of now.
    /// </summary>
    /// <param name="input">What.</param>
    /// <param name="replica">As it was left by the last step.</param>
    public void Arrived(Input input, Replica replica)
    {
        if (input is not Input.Receive { From: var from, Message: var message })
            return;
        var told = message switch
        {
            PeerMessage.Heartbeat beat => beat.Time,
            PeerMessage.AppendRequest append => append.Time,
            _ => default,
        };
        var isOfNow = message.Term > replica.Term
            || (message.Term == replica.Term && replica.Role != ReplicaRole.Primary);
        if (told.IsTold && isOfNow)
            Tell(message.Term, told, time.GetTimestamp());
        else if (message is PeerMessage.VoteReply { Told.Time.IsTold: true } vote
            && replica.Role is ReplicaRole.PreCandidate or ReplicaRole.Candidate && replica.Voters.Contains(from))
            Suggest(vote.Told, time.GetTimestamp());
    }

    /// <summary>The replica was stepped with what had arrived. Who has left office slews no more.</summary>
    /// <param name="replica">As it is after the step.</param>
    /// <param name="stateMs">The state's log time.</param>
    public void Stepped(Replica replica, long stateMs)
    {
        Follow(replica.Configuration.TimeBegunIn, replica.ConfigurationAt(replica.CommitIndex).TimeBegunIn);
        if (replica.Role == ReplicaRole.Primary)
            Serve(replica.Term, stateMs);
        else
            GoAtOwnRate();
    }

    /// <summary>
    /// The log goes by the time that was begun in one term, and is known to be committed up to where it goes by that of
    /// another. No log that may yet win an election goes by one that was begun before that.
    /// </summary>
    public void Follow(Term goesBy, Term committed)
    {
        if (goesBy == _goesBy && committed == _committed)
            return;
        (_goesBy, _committed) = (goesBy, committed);
        _anchors.RemoveAll(anchor => anchor.BegunIn < committed);
        Volatile.Write(ref _shown, Find(goesBy));
    }

    /// <summary>
    /// The primary of <paramref name="term"/> said what time it was; it was heard at the timestamp
    /// <paramref name="at"/>.
    /// </summary>
    public void Tell(Term term, GroupTime told, long at)
    {
        double ms = told.Ms;
        if (Find(told.BegunIn) is { } known)
        {
            if (known.ToldIn > term)
                return;    // one of before may come late
            var passed = time.GetElapsedTime(known.At, at).TotalMilliseconds;
            if (known.ToldIn == term)
                ms = Math.Max(ms, known.Ms + (passed * (1 - (1.0 / LargestDrift))));
        }

        Set(new Anchor(term, told.BegunIn, ms, at));
    }

    /// <summary>
    /// A voter said what time it was, as a primary of before told it. To who stands for election that counts which was
    /// told in the latest term, since clocks go apart from then on, and of one term the latest reading.
    /// </summary>
    public void Suggest(ToldTime told, long at)
    {
        if (Find(told.Time.BegunIn) is not { } known
            || known.ToldIn < told.ToldIn
            || (known.ToldIn == told.ToldIn && ReadingOf(known, at) < told.Time.Ms))
            Set(new Anchor(told.ToldIn, told.Time.BegunIn, told.Time.Ms, at));
    }

    /// <summary>
    /// The replica is primary of <paramref name="term"/>: until it is no longer, its clock goes on from where it came
    /// into office. One that was restarted applies some of its log only then: if that is ahead of its clock, the clock
    /// goes on from there. If it stood still until it is as late, the backups' clocks, which do not, would get ahead.
    /// </summary>
    public void Serve(Term term, long stateMs)
    {
        var at = time.GetTimestamp();
        if (_leads != term)
            TakeOffice(term, at);
        var anchor = _shown!;
        if (ReadingOf(anchor, at) < stateMs)
            Set(anchor with { Ms = stateMs, At = at });
        else
            Slew(anchor, at);
    }

    /// <summary>With the time that its log goes by, or with that which it says it began.</summary>
    private void TakeOffice(Term term, long at)
    {
        _leads = term;
        if (_goesBy == term)
            Set(new Anchor(term, term, _begin.Ms, _begin.At));
        else
            Set(_shown! with { ToldIn = term, Ms = ExactlyAt(_shown!, at), At = at });
    }

    private Anchor? Find(Term begunIn) => IndexOf(begunIn) is var index and >= 0 ? _anchors[index] : null;

    private void Set(Anchor anchor)
    {
        if (IndexOf(anchor.BegunIn) is var index and >= 0)
            _anchors[index] = anchor;
        else
            _anchors.Add(anchor);
        if (anchor.BegunIn == _goesBy)
            Volatile.Write(ref _shown, anchor);
    }

    private int IndexOf(Term begunIn)
    {
        for (var index = 0; index < _anchors.Count; index++)
        {
            if (_anchors[index].BegunIn == begunIn)
                return index;
        }

        return -1;
    }

    /// <summary>
    /// The primary's clock comes nearer to its wall clock, without a jump. Each change of primary loses what the
    /// telling took, and a machine that sleeps what it slept: this makes up for it.
    /// </summary>
    private void Slew(Anchor anchor, long at)
    {
        if (time.GetElapsedTime(anchor.At, at) < SlewPeriod)
            return;
        var late = (time.GetUtcNow() - DateTimeOffset.UnixEpoch).TotalMilliseconds - ExactlyAt(anchor, at);
        Turn(anchor, 1 + Math.Clamp(late / SlewTimeMs, -LargestSlew, LargestSlew), at);
    }

    private void GoAtOwnRate()
    {
        for (var index = 0; index < _anchors.Count; index++)
        {
            if (_anchors[index] is { Rate: not 1 } slewed)
                Turn(slewed, rate: 1, time.GetTimestamp());
        }
    }

    /// <summary>From now on it goes at another rate.</summary>
    private void Turn(Anchor anchor, double rate, long at) =>
        Set(anchor with { Ms = ExactlyAt(anchor, at), At = at, Rate = rate });

    private long ReadingOf(Anchor anchor, long at) => (long)ExactlyAt(anchor, at);

    private double ExactlyAt(Anchor anchor, long at) =>
        anchor.Ms + (time.GetElapsedTime(anchor.At, at).TotalMilliseconds * anchor.Rate);

    /// <summary>
    /// At a timestamp it was so many milliseconds since 1970, and goes on at a rate: by the time that was begun in one
    /// term, as the primary of another told it.
    /// </summary>
    private sealed record Anchor(Term ToldIn, Term BegunIn, double Ms, long At, double Rate = 1);
}
