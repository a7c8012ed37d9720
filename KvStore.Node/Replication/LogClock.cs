using KvStore.Core.Primitives;
using KvStore.Core.Replication;
using KvStore.Core.State;

namespace KvStore.Node.Replication;

/// <summary>
/// The time of a replica group: what its primary said it was, and the monotonic time since. Where nobody can tell a
/// primary the time that its log goes by, it begins another by its wall clock, and the log says so; else a primary
/// slews towards its wall clock: see docs/decisions/0010. Belongs to the replica's loop but for <see cref="ReadMs"/>,
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

    private Anchor? _anchor;
    private long _timeTerm;
    private (Term Term, GroupTime Time, long At)? _heard;
    private Term _leads;

    /// <summary>
    /// Now, and never less than the state's log time; that alone as long as nobody has told the time that the log goes
    /// by. A backup's may be a little late, by what the telling took; it is never ahead of the primary's.
    /// </summary>
    public long ReadMs(long stateMs) => Volatile.Read(ref _anchor) is { } anchor && IsOfLog(anchor)
        ? Math.Max(stateMs, ReadingOf(anchor, time.GetTimestamp()))
        : stateMs;

    /// <summary>Whether something that the state has is to expire by now.</summary>
    public bool IsAnyDue(StateImage image) => image.NextExpiryMs <= ReadMs(image.TimeMs);

    /// <summary>
    /// Before a step: takes what was heard, so that a vote of this very step tells it, and gives what the replica is to
    /// pass on, be it of the time that its own log goes by or not. What a primary of before says tells nothing of now.
    /// </summary>
    /// <param name="replica">Before the step.</param>
    /// <param name="stateMs">The state's log time.</param>
    /// <param name="stamp">The host's own.</param>
    public HostClocks Prepare(Replica replica, long stateMs, long stamp)
    {
        if (_heard is { } heard && (heard.Term > replica.Term
            || (heard.Term == replica.Term && replica.Role != ReplicaRole.Primary)))
            Tell(heard.Term, heard.Time, heard.At);
        _heard = null;
        if (_anchor is not { } anchor)
            return new HostClocks(stamp, default, default);
        var ms = IsOfLog(anchor) ? ReadMs(stateMs) : ReadingOf(anchor, time.GetTimestamp());
        return new HostClocks(stamp, new GroupTime(ms, anchor.BegunIn), anchor.ToldIn);
    }

    /// <summary>Something is here for the replica, which is to be stepped with it.</summary>
    /// <param name="input">What.</param>
    /// <param name="replica">As it was left by the last step.</param>
    public void Arrived(Input input, Replica replica)
    {
        if (input is not Input.Receive { From: var from, Message: var message })
            return;
        if (message is PeerMessage.Heartbeat { Time.IsTold: true } beat)
            Hear(beat.Term, beat.Time);
        else if (message is PeerMessage.AppendRequest { Time.IsTold: true } append)
            Hear(append.Term, append.Time);
        else if (message is PeerMessage.VoteReply { Time.IsTold: true } vote
            && replica.Role is ReplicaRole.PreCandidate or ReplicaRole.Candidate && replica.Voters.Contains(from))
            Suggest(vote.Time, vote.ToldIn, time.GetTimestamp());
    }

    private void Hear(Term term, GroupTime told)
    {
        if (_heard is not { } known || known.Term <= term)    // one of before may come late
            _heard = (term, told, time.GetTimestamp());
    }

    /// <summary>The replica was stepped with what had arrived. Who has left office slews no more.</summary>
    /// <param name="replica">As it is after the step.</param>
    /// <param name="stateMs">The state's log time.</param>
    public void Stepped(Replica replica, long stateMs)
    {
        Follow(replica.Configuration.TimeTerm);
        if (replica.Role == ReplicaRole.Primary)
            Serve(replica.Term, stateMs);
        else if (_anchor is { Rate: not 1 } slewed)
            Turn(slewed, rate: 1, time.GetTimestamp());
    }

    /// <summary>The log goes by the time that was begun in <paramref name="timeTerm"/>.</summary>
    public void Follow(Term timeTerm) => Volatile.Write(ref _timeTerm, timeTerm.Value);

    /// <summary>
    /// The primary of <paramref name="term"/> said what time it was; it was heard at the timestamp
    /// <paramref name="at"/>.
    /// </summary>
    public void Tell(Term term, GroupTime told, long at)
    {
        double ms = told.Ms;
        if (_anchor is { } known && known.ToldIn == term && known.BegunIn == told.BegunIn)
        {
            var passed = time.GetElapsedTime(known.At, at).TotalMilliseconds;
            ms = Math.Max(ms, known.Ms + (passed * (1 - (1.0 / LargestDrift))));
        }

        Volatile.Write(ref _anchor, new Anchor(term, told.BegunIn, ms, at));
    }

    /// <summary>
    /// A voter said what time it was, as the primary of the term <paramref name="toldIn"/> told it. To who stands for
    /// election that counts if it is the time that its log goes by: what was told last, since clocks go apart from then
    /// on, and of one term the latest reading.
    /// </summary>
    public void Suggest(GroupTime told, Term toldIn, long at)
    {
        if (told.BegunIn.Value == _timeTerm
            && (_anchor is not { } known
                || known.BegunIn < told.BegunIn    // one begun later, of which the log has not heard yet, is kept
                || (known.BegunIn == told.BegunIn && (known.ToldIn < toldIn
                    || (known.ToldIn == toldIn && ReadingOf(known, at) < told.Ms)))))
            Volatile.Write(ref _anchor, new Anchor(toldIn, told.BegunIn, told.Ms, at));
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
            Begin(_leads = term, stateMs, at);
        else if (_anchor is { } anchor && ReadingOf(anchor, at) < stateMs)
            Volatile.Write(ref _anchor, anchor with { Ms = stateMs, At = at });
        else
            Slew(_anchor!, at);
    }

    private void Begin(Term term, long stateMs, long at)
    {
        var now = _anchor is { } known && IsOfLog(known)
            ? ReadingOf(known, at)
            : time.GetUtcNow().ToUnixTimeMilliseconds();
        Volatile.Write(ref _anchor, new Anchor(term, new Term(_timeTerm), Math.Max(now, stateMs), at));
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

    /// <summary>From now on it goes at another rate.</summary>
    private void Turn(Anchor anchor, double rate, long at) =>
        Volatile.Write(ref _anchor, anchor with { Ms = ExactlyAt(anchor, at), At = at, Rate = rate });

    private bool IsOfLog(Anchor anchor) => anchor.BegunIn.Value == Volatile.Read(ref _timeTerm);

    private long ReadingOf(Anchor anchor, long at) => (long)ExactlyAt(anchor, at);

    private double ExactlyAt(Anchor anchor, long at) =>
        anchor.Ms + (time.GetElapsedTime(anchor.At, at).TotalMilliseconds * anchor.Rate);

    /// <summary>
    /// At a timestamp it was so many milliseconds since 1970, and goes on at a rate: by the time that was begun in one
    /// term, as the primary of another told it.
    /// </summary>
    private sealed record Anchor(Term ToldIn, Term BegunIn, double Ms, long At, double Rate = 1);
}
