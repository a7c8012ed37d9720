using System.Runtime.InteropServices;
using KvStore.Core.Primitives;
using KvStore.Core.Replication;
using KvStore.Core.State;

namespace KvStore.Node.Replication;

/// <summary>
/// The time of a replica group: what its primary said it was, and the monotonic time since, of each <see cref="Era"/>
/// apart; a primary's goes on with a rate that brings it nearer to its wall clock. See docs/decisions/0010. Belongs to
/// the replica's loop but for <see cref="ReadMs"/>, which is readable from anywhere. All times are in milliseconds
/// since 1970.
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
    private Era _era;
    private Era _committed;
    private long _preparedAt;
    private Term _leads;

    /// <summary>
    /// Now, and never less than the state's log time; that alone as long as nobody has told it of the era that the log
    /// goes by. A backup's may be a little late, by what the telling took; it is ahead of the primary's by no more than
    /// clocks go apart between two tellings.
    /// </summary>
    public long ReadMs(long stateMs) => Volatile.Read(ref _shown) is { } anchor
        ? Math.Max(stateMs, ReadingOf(anchor, time.GetTimestamp()))
        : stateMs;

    /// <summary>
    /// Before a step: what the replica is to pass on, of its log's era and of others. As it was told: log time may be
    /// ahead of that, but it is not known since when.
    /// </summary>
    /// <param name="replica">Before the step.</param>
    /// <param name="image">What it has applied.</param>
    /// <param name="stamp">The host's own.</param>
    public HostClocks Prepare(Replica replica, StateImage image, long stamp)
    {
        _preparedAt = time.GetTimestamp();
        var told = new ClockReading[_anchors.Count];
        for (var index = 0; index < told.Length; index++)
        {
            var anchor = _anchors[index];
            told[index] = new ClockReading(anchor.Era, ReadingOf(anchor, _preparedAt), anchor.ToldIn);
        }

        return new HostClocks(stamp, BeginMs(replica, image))
        {
            Told = ImmutableCollectionsMarshal.AsImmutableArray(told),
        };
    }

    /// <summary>
    /// Where an era begins that is begun now: all that stands in the log is committed with its beginning, so the era is
    /// not behind that. Nobody begins one but who stands for election.
    /// </summary>
    private long BeginMs(Replica replica, StateImage image)
    {
        var ms = Math.Max(image.TimeMs, time.GetUtcNow().ToUnixTimeMilliseconds());
        if (replica.Role != ReplicaRole.Candidate)
            return ms;
        var applied = LogIndex.Max(image.Index, replica.LogStart);
        for (var index = applied.Next(); index <= replica.LastIndex; index = index.Next())
        {
            if (replica.EntryAt(index) is { Kind: EntryKind.Command, Payload: var command })
                ms = Math.Max(ms, CommandFormat.TimeMsOf(command.Span));
        }

        return ms;
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
        var isOfNow = message.Term > replica.Term
            || (message.Term == replica.Term && replica.Role != ReplicaRole.Primary);
        if (isOfNow && message.ToldByPrimary() is { IsTold: true } told)
            Tell(told, time.GetTimestamp());
        else if (message is PeerMessage.VoteReply { Reading: { IsTold: true } reading }
            && reading.Era == replica.Configuration.Era && reading.ToldIn <= replica.Term
            && replica.Role is ReplicaRole.PreCandidate or ReplicaRole.Candidate
            && replica.Voters.Contains(from))
            Suggest(reading, time.GetTimestamp());
    }

    /// <summary>The replica was stepped with what had arrived. Who has left office slews no more.</summary>
    /// <param name="replica">As it is after the step.</param>
    /// <param name="stateMs">The state's log time.</param>
    public void Stepped(Replica replica, long stateMs)
    {
        Follow(replica.Configuration.Era, replica.ConfigurationAt(replica.CommitIndex).Era);
        if (Find(_era) is null && replica.Clocks.Of(_era) is { IsTold: true } begun)
            Set(new Anchor(begun.Era, begun.ToldIn, begun.Ms, _preparedAt));
        if (replica.Role == ReplicaRole.Primary)
            Serve(replica.Term, stateMs);
        else
            GoAtOwnRate();
    }

    /// <summary>
    /// The log goes by one era, and what of it is known to be committed by another. No log that may yet win an election
    /// goes by one that was begun before that.
    /// </summary>
    public void Follow(Era era, Era committed)
    {
        if (era == _era && committed == _committed)
            return;
        (_era, _committed) = (era, committed);
        _anchors.RemoveAll(anchor => anchor.Era < committed);
        Volatile.Write(ref _shown, Find(era));
    }

    /// <summary>A primary said what time it was; it was heard at the timestamp <paramref name="at"/>.</summary>
    public void Tell(ClockReading told, long at)
    {
        double ms = told.Ms;
        if (Find(told.Era) is { } known)
        {
            if (known.ToldIn > told.ToldIn)
                return;    // one of before may come late
            var passed = time.GetElapsedTime(known.At, at).TotalMilliseconds;
            if (known.ToldIn == told.ToldIn)
                ms = Math.Max(ms, known.Ms + (passed * (1 - (1.0 / LargestDrift))));
        }

        Set(new Anchor(told.Era, told.ToldIn, ms, at));
    }

    /// <summary>
    /// A voter said what time it was, as a primary of before told it. To who stands for election that counts which was
    /// told in the latest term, since clocks go apart from then on, and of one term the latest reading.
    /// </summary>
    public void Suggest(ClockReading told, long at)
    {
        if (Find(told.Era) is not { } known
            || known.ToldIn < told.ToldIn
            || (known.ToldIn == told.ToldIn && ReadingOf(known, at) < told.Ms))
            Set(new Anchor(told.Era, told.ToldIn, told.Ms, at));
    }

    /// <summary>
    /// The replica is primary of <paramref name="term"/>: until it is no longer, its clock goes on from where it came
    /// into office. One that was restarted applies some of its log only then: if that is ahead of its clock, the clock
    /// goes on from there. If it stood still until it is as late, the backups' clocks, which do not, would get ahead.
    /// </summary>
    public void Serve(Term term, long stateMs)
    {
        var at = time.GetTimestamp();
        Invariant.Holds(_shown is not null);    // who was told nothing has begun an era in this step
        var anchor = _shown!;
        if (_leads != term)
        {
            _leads = term;
            Set(anchor with { ToldIn = term, Ms = Math.Max(stateMs, ExactlyAt(anchor, at)), At = at });
        }
        else if (ReadingOf(anchor, at) < stateMs)
        {
            Set(anchor with { Ms = stateMs, At = at });
        }
        else
        {
            Slew(anchor, at);
        }
    }

    private Anchor? Find(Era era) => IndexOf(era) is var index and >= 0 ? _anchors[index] : null;

    private void Set(Anchor anchor)
    {
        if (IndexOf(anchor.Era) is var index and >= 0)
            _anchors[index] = anchor;
        else
            _anchors.Add(anchor);
        if (anchor.Era == _era)
            Volatile.Write(ref _shown, anchor);
    }

    private int IndexOf(Era era)
    {
        for (var index = 0; index < _anchors.Count; index++)
        {
            if (_anchors[index].Era == era)
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
    /// At a timestamp it was so many milliseconds since 1970 in an era, as the primary of a term told it; it goes on at
    /// a rate.
    /// </summary>
    private sealed record Anchor(Era Era, Term ToldIn, double Ms, long At, double Rate = 1);
}
