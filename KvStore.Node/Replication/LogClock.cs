using KvStore.Core.Primitives;
using KvStore.Core.Replication;
using KvStore.Core.State;

namespace KvStore.Node.Replication;

/// <summary>
/// The time of a replica group: what its primary said it was, and the monotonic time since. The wall clock sets it only
/// where nobody can tell a primary the time; else a primary slews towards it: see docs/decisions/0010. Belongs to the
/// replica's loop but for <see cref="ReadMs"/>, which is readable from anywhere. All times are in milliseconds since
/// 1970.
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
    private (Term Term, long Ms, long At)? _heard;
    private Term _leads;
    private Term _logTerm;

    /// <summary>
    /// Now, and never less than the state's log time; that alone as long as nobody has told the group's time. A
    /// backup's may be a little late, by what the telling took; it is never ahead of the primary's.
    /// </summary>
    public long ReadMs(long stateMs) =>
        Volatile.Read(ref _anchor) is { } anchor ? Math.Max(stateMs, ReadingOf(anchor, time.GetTimestamp())) : stateMs;

    /// <summary>Whether something that the state has is to expire by now.</summary>
    public bool IsAnyDue(StateImage image) => image.NextExpiryMs <= ReadMs(image.TimeMs);

    /// <summary>
    /// What the replica passes on: nothing of the time while it knows none that it would lead by itself. So the
    /// messages of the very step in which it becomes primary are right, too.
    /// </summary>
    public HostClocks Told(long stamp, long stateMs) => _anchor is { } anchor && anchor.Term >= _logTerm
        ? new(stamp, ReadMs(stateMs), anchor.Term)
        : new(stamp, 0, Term.Zero);

    /// <summary>Something is here for the replica, which is to be stepped with it.</summary>
    public void Arrived(Input input)
    {
        if (input is not Input.Receive { Message: var message })
            return;
        if (message is PeerMessage.Heartbeat { LogTimeMs: > 0 } beat)
            Hear(beat.Term, beat.LogTimeMs);
        else if (message is PeerMessage.AppendRequest { LogTimeMs: > 0 } append)
            Hear(append.Term, append.LogTimeMs);
        else if (message is PeerMessage.VoteReply { LogTimeMs: > 0 } vote)
            Suggest(vote.LogTimeTerm, vote.LogTimeMs, time.GetTimestamp());
    }

    private void Hear(Term term, long ms)
    {
        if (_heard is not { } known || known.Term <= term)    // one of before may come late
            _heard = (term, ms, time.GetTimestamp());
    }

    /// <summary>
    /// The replica was stepped with what had arrived. What a primary of an earlier term said tells nothing of now. A
    /// primary that was restarted applies some of its log only when it leads: if that is ahead of its clock, the clock
    /// goes on from there. If it stood still until it is as late, the backups' clocks, which do not, would get ahead.
    /// </summary>
    /// <param name="replica">As it is after the step.</param>
    /// <param name="isBelieved">Whether it believed all that it was told.</param>
    /// <param name="stateMs">The state's log time.</param>
    public void Stepped(Replica replica, bool isBelieved, long stateMs)
    {
        if (replica.Role == ReplicaRole.Primary
            && (_leads != replica.Term || ReadingOf(_anchor!, time.GetTimestamp()) < stateMs))
            Lead(_leads = replica.Term, stateMs, _logTerm);
        else if (replica.Role == ReplicaRole.Primary)
            Slew();
        if (isBelieved && replica.Role != ReplicaRole.Primary
            && _heard is { } heard && heard.Term == replica.Term)
            Tell(heard.Term, heard.Ms, heard.At);
        _heard = null;
        _logTerm = replica.LastTerm;
    }

    /// <summary>
    /// The primary of <paramref name="term"/> said that it was <paramref name="ms"/>; it was heard at the timestamp
    /// <paramref name="at"/>.
    /// </summary>
    public void Tell(Term term, long ms, long at)
    {
        if (_anchor is { } known && known.Term == term)
        {
            var passed = (long)time.GetElapsedTime(known.At, at).TotalMilliseconds;
            ms = Math.Max(ms, (long)known.Ms + passed - passed / LargestDrift);
        }

        Volatile.Write(ref _anchor, new Anchor(term, ms, at));
    }

    /// <summary>
    /// A voter said that it was <paramref name="ms"/>, as the primary of <paramref name="term"/> told it. It counts as
    /// long as no primary of that term or a later one was heard: it may be gone.
    /// </summary>
    public void Suggest(Term term, long ms, long at)
    {
        if (_anchor is null
            || _anchor.Term < term
            || (_anchor.IsSuggested && _anchor.Term == term && ReadingOf(_anchor, at) < ms))
            Volatile.Write(ref _anchor, new Anchor(term, ms, at) { IsSuggested = true });
    }

    /// <summary>
    /// This replica has become primary of <paramref name="term"/>: until it is no longer, its clock goes on from here.
    /// Where nobody has told it the time, everybody was down, and the wall clock says for how long. So it does where
    /// what was told is older than the log: a primary between, whom nobody could tell either, began anew, and gave
    /// entries its own time.
    /// </summary>
    /// <param name="term">The term.</param>
    /// <param name="stateMs">The state's log time.</param>
    /// <param name="logTerm">The term of the last entry that is not of this term.</param>
    public void Lead(Term term, long stateMs, Term logTerm)
    {
        var now = _anchor is { } anchor && anchor.Term >= logTerm
            ? ReadingOf(anchor, time.GetTimestamp())
            : time.GetUtcNow().ToUnixTimeMilliseconds();
        Volatile.Write(ref _anchor, new Anchor(term, Math.Max(now, stateMs), time.GetTimestamp()));
    }

    /// <summary>
    /// The primary's clock comes nearer to its wall clock, without a jump. Each change of primary loses what the
    /// telling took, and a machine that sleeps what it slept: this makes up for it.
    /// </summary>
    public void Slew()
    {
        var (anchor, at) = (_anchor!, time.GetTimestamp());
        if (time.GetElapsedTime(anchor.At, at) < SlewPeriod)
            return;
        var now = ExactlyAt(anchor, at);
        var late = (time.GetUtcNow() - DateTimeOffset.UnixEpoch).TotalMilliseconds - now;
        var rate = 1 + Math.Clamp(late / SlewTimeMs, -LargestSlew, LargestSlew);
        Volatile.Write(ref _anchor, new Anchor(anchor.Term, now, at, rate));
    }

    private long ReadingOf(Anchor anchor, long at) => (long)ExactlyAt(anchor, at);

    private double ExactlyAt(Anchor anchor, long at) =>
        anchor.Ms + (time.GetElapsedTime(anchor.At, at).TotalMilliseconds * anchor.Rate);

    /// <summary>At a timestamp it was so many milliseconds since 1970, and goes on at a rate.</summary>
    private sealed record Anchor(Term Term, double Ms, long At, double Rate = 1)
    {
        /// <summary>Whether it was told by a voter.</summary>
        public bool IsSuggested { get; init; }
    }
}
