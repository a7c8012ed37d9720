using KvStore.Core.Primitives;
using KvStore.Core.Replication;
using KvStore.Core.State;
using KvStore.Node.Replication;
using Microsoft.Extensions.Time.Testing;
using static KvStore.Tests.Core.State.Commands;

namespace KvStore.Tests.Node.Replication;

public sealed class LogClockTests
{
    private const long Hour = 3_600_000;
    private const long Day = 24 * Hour;
    private readonly FakeTimeProvider _true = new(new DateTimeOffset(2026, 5, 1, 0, 0, 0, TimeSpan.Zero));
    private readonly MachineTime _time;
    private readonly LogClock _clock;

    public LogClockTests()
    {
        _time = new MachineTime(_true);
        _clock = new LogClock(_time);
    }

    [Theory, InlineData(+1), InlineData(-1)]
    public void A_jump_of_the_wall_clock_does_nothing(int hours)
    {
        Begin(term: 1, stateMs: 0);
        var before = _clock.ReadMs(0);
        _time.Skew += (TimeSpan.FromHours(hours));
        Assert.Equal(before, _clock.ReadMs(0));
        Pass(5000);
        Assert.Equal(before + 5000, _clock.ReadMs(0));
    }

    [Theory, InlineData(+1), InlineData(-1)]
    public void A_failover_continues_the_time_whatever_the_wall_clock_says(int hours)
    {
        Tell(At(10 * Day, toldIn: 3));
        _time.Skew += (TimeSpan.FromHours(hours));
        Pass(700);
        _clock.Serve(new Term(4), stateMs: 10 * Day);
        Pass(300);

        Assert.Equal((10 * Day) + 1000, _clock.ReadMs(10 * Day));
    }

    [Theory, InlineData(+1), InlineData(-1)]
    public void A_primary_nears_its_wall_clock_by_one_part_in_a_thousand(int sign)
    {
        var start = _time.WallMs - (sign * 1300);
        Tell(At(start, toldIn: 3));
        _clock.Serve(new Term(4), stateMs: 0);
        PassServing(new Term(4), seconds: 1001);    // the first of them at its own rate
        Assert.InRange(sign * (_clock.ReadMs(0) - start - 1_001_000), 999, 1001);
        PassServing(new Term(4), seconds: 600);
        Assert.InRange(_clock.ReadMs(0) - _time.WallMs, -1, 1);
    }

    [Theory, InlineData(+1), InlineData(-1)]
    public void A_wall_clock_that_is_set_wrong_moves_a_primary_no_faster(int hours)
    {
        Begin(term: 1, stateMs: 0);
        var before = _clock.ReadMs(0);
        _time.Skew += (TimeSpan.FromHours(hours));
        PassServing(new Term(1), seconds: 31);
        Assert.InRange(_clock.ReadMs(0) - before - 31_000, -31, 31);
    }

    [Fact]
    public void After_a_restart_of_the_whole_group_the_time_that_it_was_down_counts()
    {
        var down = _time.WallMs - (2 * Hour);    // when the last write was stamped
        Assert.Equal(down, _clock.ReadMs(down));    // until somebody leads, no more is known
        Begin(term: 9, stateMs: down);
        Assert.Equal(_time.WallMs, _clock.ReadMs(down));
    }

    [Fact]
    public void Nor_is_log_time_ever_taken_back_by_a_wall_clock_that_is_slow()
    {
        var ahead = _time.WallMs + Hour;
        Begin(term: 9, stateMs: ahead);
        Assert.Equal(ahead, _clock.ReadMs(ahead));
        Pass(10);
        Assert.Equal(ahead + 10, _clock.ReadMs(ahead));
        Assert.Equal(ahead + Hour, _clock.ReadMs(ahead + Hour));
    }

    /// <summary>It was restarted alone, and is elected before it hears from anybody what time it is.</summary>
    [Fact]
    public void A_voter_that_knows_the_time_tells_it_to_a_candidate_that_does_not()
    {
        Suggest(At(4 * Day, toldIn: 1));
        Suggest(At(5 * Day, toldIn: 1));
        Suggest(At(3 * Day, toldIn: 1));
        Pass(10);
        _clock.Serve(new Term(2), stateMs: Day);
        Assert.Equal((5 * Day) + 10, _clock.ReadMs(Day));
    }

    /// <summary>
    /// Somebody began a time in term 7 whom nobody could tell the one before; the log goes by that, and nobody else
    /// knows it.
    /// </summary>
    [Fact]
    public void What_is_told_of_another_era_is_not_shown()
    {
        Tell(At(_time.WallMs + Hour, era: 2, toldIn: 6));
        GoBy(7);
        Suggest(At(_time.WallMs + Hour, era: 2, toldIn: 1));
        Assert.Equal(5, _clock.ReadMs(stateMs: 5));
        Suggest(At(_time.WallMs - Day, era: 7, toldIn: 1));
        Assert.Equal(_time.WallMs - Day, _clock.ReadMs(stateMs: 5));
        Suggest(At(_time.WallMs + Hour, era: 2, toldIn: 1));
        _clock.Serve(new Term(9), stateMs: 0);
        Assert.Equal(_time.WallMs - Day, _clock.ReadMs(0));
    }

    /// <summary>From when they were told on, clocks go apart.</summary>
    [Fact]
    public void Of_what_voters_tell_that_counts_which_they_were_told_last()
    {
        Suggest(At(9 * Day, toldIn: 3));
        Suggest(At(6 * Day, toldIn: 4));
        Suggest(At(7 * Day, toldIn: 4));
        Suggest(At(8 * Day, toldIn: 3));
        _clock.Serve(new Term(5), stateMs: 0);
        Assert.Equal(7 * Day, _clock.ReadMs(0));
    }

    /// <summary>Each is known by itself: which of them counts is the log's to say.</summary>
    [Fact]
    public void Who_is_told_of_another_era_gives_up_none()
    {
        Tell(At(9 * Day, era: 2, toldIn: 6));
        Tell(At(Day, era: 7, toldIn: 7));
        Suggest(At(8 * Day, era: 2, toldIn: 5));
        Suggest(At(2 * Day, era: 7, toldIn: 5));
        GoBy(2);
        Assert.Equal(9 * Day, _clock.ReadMs(0));
        GoBy(7);
        Assert.Equal(Day, _clock.ReadMs(0));
    }

    /// <summary>Whoever is elected from now on has the later beginning in its log.</summary>
    [Fact]
    public void What_was_begun_before_that_which_is_committed_is_forgotten()
    {
        Tell(At(9 * Day, era: 2, toldIn: 6));
        Tell(At(Day, era: 7, toldIn: 7));
        Tell(At(2 * Day, era: 8, toldIn: 8));
        _clock.Follow(new Era(8), committed: new Era(7));
        var clocks = _clock.Prepare(new ReplicaHarness().Replica.Replica, StateImage.Empty, stamp: 0);
        Assert.Equal([7, 8], clocks.Told.Select(told => told.Era.Value));
    }

    /// <summary>A peer that is not what it seems must not have the last word for ever, or fill the memory.</summary>
    [Theory]
    [InlineData(0, long.MaxValue)]
    [InlineData(1, 1)]
    public void A_candidate_takes_no_reading_that_it_did_not_ask_for_or_of_a_term_to_come(int era, long toldIn)
    {
        ReplicaHarness candidate = new();
        while (candidate.Replica.Role == ReplicaRole.Backup)
            candidate.Tick();
        ClockReading told = new(new Era(era), Day, new Term(toldIn));
        candidate.Receive(2, new PeerMessage.VoteReply(candidate.Term, false, IsPreVote: true, told));
        candidate.Tick();
        Assert.Empty(candidate.Replica.Replica.Clocks.Told);
    }

    [Fact]
    public void A_candidate_is_told_of_the_era_that_it_asks_for_whatever_the_voters_log_goes_by()
    {
        ReplicaHarness backup = new();
        backup.Receive(2, new PeerMessage.Heartbeat(
            new Term(6), default, Round: 1, default, 1, 0, At(Day, era: 6, toldIn: 6)));
        backup.Receive(3, new PeerMessage.Heartbeat(
            new Term(7), default, Round: 1, default, 1, 0, At(2 * Day, era: 7, toldIn: 7)));
        foreach (var (era, toldMs) in new[] { (7, 2 * Day), (6, Day), (5, 0) })
        {
            backup.Receive(4, new PeerMessage.VoteRequest(
                new Term(8), new LogIndex(9), new Term(7), false, IsTransfer: true, new Era(era)));
            backup.Flush();
            Assert.Equal(toldMs, Last<PeerMessage.VoteReply>(backup).Reading.Ms);
        }
    }

    /// <summary>It is in office no longer, or it would not be in a term before ours.</summary>
    [Fact]
    public void What_a_primary_of_before_says_tells_a_backup_nothing()
    {
        ReplicaHarness backup = new();
        backup.Receive(2, new PeerMessage.Heartbeat(new Term(6), default, Round: 1, default, 1, 0, At(Day, toldIn: 6)));
        backup.Receive(3, new PeerMessage.Heartbeat(
            new Term(5), default, Round: 1, default, 1, 0, At(2 * Day, toldIn: 5)));
        backup.Receive(3, new PeerMessage.Heartbeat(
            new Term(5), default, Round: 1, default, 1, 0, At(2 * Day, era: 5, toldIn: 5)));
        Assert.Equal(Day, backup.Replica.NowMs);
    }

    /// <summary>Both come in one step to who was away: it must not vote as one who knows nothing.</summary>
    [Theory, InlineData(true), InlineData(false)]
    public void A_vote_tells_what_the_same_step_was_told(bool isVoteFirst)
    {
        ReplicaHarness backup = new();
        Input.Receive beat = new(new NodeId(2), new PeerMessage.Heartbeat(
            new Term(1), default, Round: 1, default, 1, 0, At(Day, toldIn: 1)));
        Input.Receive request = new(new NodeId(3), new PeerMessage.VoteRequest(
            new Term(7), new LogIndex(9), new Term(6), IsPreVote: false, IsTransfer: true));
        backup.Replica.Add(isVoteFirst ? request : beat);
        backup.Replica.Add(isVoteFirst ? beat : request);
        backup.Carry();
        backup.Flush();
        Assert.Equal(At(Day, toldIn: 1), Last<PeerMessage.VoteReply>(backup).Reading);
    }

    /// <summary>What is truncated takes the time along that it began; what was told before is known still.</summary>
    [Fact]
    public void A_time_counts_again_when_the_log_goes_by_it_again()
    {
        Tell(At(Day, era: 2, toldIn: 6));
        GoBy(7);
        GoBy(2);
        Pass(10);
        Assert.Equal(Day + 10, _clock.ReadMs(0));
    }

    /// <summary>Messages come less than a millisecond apart: what each rounds off would stop the clock.</summary>
    [Fact]
    public void Many_messages_that_were_long_on_their_way_lose_a_twentieth_and_no_more()
    {
        Tell(At(Day, toldIn: 3));
        for (var message = 0; message < 2000; message++)
        {
            _true.Advance(TimeSpan.FromMicroseconds(500));
            Tell(At(Day, toldIn: 3));
        }

        Assert.InRange(_clock.ReadMs(0), Day + 949, Day + 951);
    }

    [Fact]
    public void Entries_carry_the_time_as_heartbeats_do()
    {
        var primary = ReplicaHarness.Primary();
        primary.Write(Put("k", "v"));
        Assert.Equal(primary.Replica.NowMs, Last<PeerMessage.AppendRequest>(primary).Reading.Ms);

        ReplicaHarness backup = new();
        backup.Receive(2, new PeerMessage.AppendRequest(
            new Term(1), LogIndex.Zero, Term.Zero, [], LogIndex.Zero, At(Day, toldIn: 1)));
        backup.Flush();
        Assert.Equal(Day, backup.Replica.NowMs);
    }

    [Fact]
    public void A_backup_falls_back_to_its_primary_and_catches_up_with_what_it_is_told()
    {
        Tell(At(Day, toldIn: 3));
        Pass(1000);
        Tell(At(Day + 990, toldIn: 3));    // this clock may be the faster one
        Assert.Equal(Day + 990, _clock.ReadMs(0));
        Pass(1000);
        Tell(At(Day + 2500, toldIn: 3));    // or the last word had been on its way
        Assert.Equal(Day + 2500, _clock.ReadMs(0));
    }

    [Fact]
    public void What_a_paused_backup_finds_at_its_door_does_not_turn_its_clock_back()
    {
        Tell(At(Day, toldIn: 3));
        Pass(10_000);
        Tell(At(Day + 100, toldIn: 3));

        Assert.InRange(_clock.ReadMs(0), Day + 9500, Day + 10_000);
    }

    [Fact]
    public void Another_term_has_another_clock()
    {
        Tell(At(2 * Day, toldIn: 3));
        Tell(At(Day, toldIn: 4));
        Assert.Equal(Day, _clock.ReadMs(stateMs: Day - 1));
        Assert.Equal(3 * Day, _clock.ReadMs(stateMs: 3 * Day));
    }

    [Fact]
    public void Heartbeats_and_votes_carry_the_time_and_it_goes_on_in_the_next_primary()
    {
        var primary = ReplicaHarness.Primary();
        primary.Tick(2);
        var told = Last<PeerMessage.Heartbeat>(primary).Reading.Ms;
        Assert.Equal(primary.Replica.NowMs, told);

        ReplicaHarness backup = new();
        backup.Receive(2, new PeerMessage.Heartbeat(new Term(1), default, Round: 1, default, 1, 0, At(Day, toldIn: 1)));
        backup.Time.Advance(TimeSpan.FromSeconds(3));
        backup.Tick(20);    // it has lost patience: before, it would say nothing
        backup.Receive(3, new PeerMessage.VoteRequest(new Term(7), new LogIndex(9), new Term(6), true, false));
        backup.Flush();

        Assert.Equal(Day + 3000, backup.Replica.NowMs);
        var vote = Last<PeerMessage.VoteReply>(backup);
        Assert.Equal(At(Day + 3000, toldIn: 1), vote.Reading);
    }

    [Fact]
    public void A_replica_that_was_told_nothing_tells_nothing()
    {
        ReplicaHarness backup = new();
        backup.Receive(3, new PeerMessage.VoteRequest(new Term(7), new LogIndex(9), new Term(6), true, false));
        Assert.False(Last<PeerMessage.VoteReply>(backup).Reading.IsTold);
        Assert.Equal(0, backup.Replica.NowMs);
    }

    [Fact]
    public void A_primary_lets_nobody_set_its_clock_during_its_term()
    {
        var primary = ReplicaHarness.Primary();
        var now = primary.Replica.NowMs;
        ClockReading wrong = new(primary.Replica.Replica.Configuration.Era, now + Hour, primary.Term);
        primary.Receive(2, new PeerMessage.VoteReply(primary.Term, true, false, wrong));
        primary.Receive(2, new PeerMessage.VoteReply(new Term(0), true, false, wrong));
        primary.Receive(3, new PeerMessage.Heartbeat(new Term(0), default, Round: 1, default, 1, 0, wrong));
        Assert.Equal(now, primary.Replica.NowMs);

        primary.Write(Put("k", "v", now + Hour));
        primary.Flush();
        primary.Acknowledge(2);
        Assert.Equal(now + Hour, primary.Replica.NowMs);    // but not below what the state has seen
    }

    [Fact]
    public void A_new_primary_starts_from_what_its_voters_told_it()
    {
        ReplicaHarness candidate = new();
        while (candidate.Replica.Role == ReplicaRole.Backup)
            candidate.Tick();
        var told = At(Day);
        candidate.Receive(2, new PeerMessage.VoteReply(candidate.Term.Next(), true, IsPreVote: true, told));
        candidate.Flush();
        candidate.Receive(2, new PeerMessage.VoteReply(candidate.Term, true, IsPreVote: false, told));

        Assert.Equal((ReplicaRole.Primary, Day), (candidate.Replica.Role, candidate.Replica.NowMs));
    }

    private static ClockReading At(long ms, int era = 0, int toldIn = 0) =>
        new(new Era(era), ms, new Term(toldIn));

    private static T Last<T>(ReplicaHarness replica)
        where T : PeerMessage => replica.Sent.Select(sent => sent.Message).OfType<T>().Last();

    /// <summary>The log goes by an era that is not known to be committed.</summary>
    private void GoBy(int era) => _clock.Follow(new Era(era), committed: default);

    /// <summary>As a replica that is elected and was told nothing.</summary>
    private void Begin(int term, long stateMs)
    {
        GoBy(term);
        Tell(At(Math.Max(stateMs, _time.WallMs), term, term));
        _clock.Serve(new Term(term), stateMs);
    }

    private void Tell(ClockReading told) => _clock.Tell(told, _time.GetTimestamp());

    private void Suggest(ClockReading told) => _clock.Suggest(told, _time.GetTimestamp());

    private void PassServing(Term term, int seconds)
    {
        for (var second = 0; second < seconds; second++)
        {
            Pass(1000);
            _clock.Serve(term, stateMs: 0);
        }
    }

    private void Pass(int milliseconds) => _true.Advance(TimeSpan.FromMilliseconds(milliseconds));
}
