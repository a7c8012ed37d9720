using KvStore.Core.Primitives;
using KvStore.Core.Replication;
using KvStore.Core.State;
using KvStore.Node.Replication;
using static KvStore.Tests.Core.State.Commands;

namespace KvStore.Tests.Node.Replication;

/// <summary>
/// Law 29 where it is hard: the time of a group goes on as long as anybody who is heard knows it, whatever becomes of
/// messages and processes. The wall clock of the node that is elected is an hour ahead, and a key has half an hour.
/// </summary>
public sealed class GroupTimeTests
{
    private const long Minute = 60_000;

    private readonly HandCarriedGroup _group = new();

    private HandCarriedReplica One => _group.Replicas[0];

    private HandCarriedReplica Two => _group.Replicas[1];

    private HandCarriedReplica Three => _group.Replicas[2];

    public GroupTimeTests()
    {
        _group.Elect(One);
        _group.Settle();
        One.Write(Put("k", "v", ttl: Ttl.After(30 * Minute)) with { TimeMs = One.Replica.NowMs });
        _group.Settle();
        _group.Beat(One, 6);
        Assert.All(_group.Replicas, replica => Assert.Equal("v", replica.Find("k")));
        Two.Time.Skew = TimeSpan.FromHours(+1);
        One.IsCut = true;
    }

    [Fact]
    public void Who_was_restarted_is_told_by_its_voters()
    {
        _group.Elect(Two);
        _group.Settle();
        One.IsCut = false;
        _group.Settle();
        Two.Restart();
        _group.Mail.Clear();
        TimeGoesOnWith(Two);
    }

    /// <summary>
    /// It was elected, and cut off before a word of it arrived: only its own first entry is on its disk when it is
    /// restarted.
    /// </summary>
    [Fact]
    public void An_entry_of_a_term_of_which_nobody_heard_does_not_make_the_voters_time_void()
    {
        _group.Elect(Two, isCutThen: true);
        Two.Flush();
        _group.Settle();
        Assert.Equal(One.LastIndex.Next(), Two.LastIndex);
        Two.Restart();
        (One.IsCut, Two.IsCut) = (false, false);
        _group.Mail.Clear();
        TimeGoesOnWith(Two);
    }

    /// <summary>It missed a term, whose primary went on with the time; its vote elects who was restarted.</summary>
    [Fact]
    public void A_voter_that_was_cut_off_for_a_term_still_knows_the_time()
    {
        _group.Elect(Three);
        _group.Settle();
        _group.Beat(Three, 10);
        Three.IsCut = true;
        _group.Mail.Clear();
        Two.Restart();
        One.IsCut = false;
        One.Tick(25);    // it hears nobody, and is in office no longer
        _group.Mail.Clear();
        TimeGoesOnWith(Two);
    }

    /// <summary>
    /// A candidate is told in one step that it is elected and that there is a later term: its first entry is in its
    /// log, and it never was in office.
    /// </summary>
    [Fact]
    public void A_primary_of_half_a_step_keeps_the_time()
    {
        _group.Stand(Two);
        var votes = _group.Take(to: 2);

        for (var tick = 0; Three.Replica.Role == ReplicaRole.Backup && tick < 100; tick++)
            Three.Tick();
        foreach (var asked in _group.Take(to: 2))
            Two.Receive(asked);
        foreach (var granted in _group.Take(to: 3))
            Three.Receive(granted);
        Assert.Equal(ReplicaRole.Candidate, Three.Replica.Role);
        Three.Flush();
        _group.Take(to: 2);
        Three.Receive(new Mail(new NodeId(2), new NodeId(3), Two.LastRequest!));    // comes twice: a link that broke
        Two.Receive([.. votes, .. _group.Take(to: 2)]);

        Assert.Equal(ReplicaRole.Backup, Two.Replica.Role);
        Two.Flush();
        Assert.Equal(One.LastIndex.Next(), Two.LastIndex);
        _group.Mail.Clear();
        TimeGoesOnWith(Two);
    }

    [Fact]
    public void What_comes_with_an_entry_counts_also_where_the_same_step_ends_in_a_later_term()
    {
        ReplicaHarness backup = new();
        backup.Replica.Add(new Input.Receive(new NodeId(3), new PeerMessage.AppendRequest(
            new Term(2),
            LogIndex.Zero,
            Term.Zero,
            [new LogEntry(new LogIndex(1), new Term(2), EntryKind.Empty, default)],
            LogIndex.Zero,
            At(Minute))));
        backup.Replica.Add(new Input.Receive(
            new NodeId(2), new PeerMessage.AppendReply(new Term(3), false, default, default, default)));
        backup.Carry();
        backup.Flush();
        backup.Receive(2, new PeerMessage.VoteRequest(new Term(4), new LogIndex(9), new Term(3), true, false));

        Assert.Equal(1, backup.LastIndex.Value);
        var vote = backup.Sent.Select(sent => sent.Message).OfType<PeerMessage.VoteReply>().Last();
        Assert.Equal(Minute, vote.Reading.Ms);
    }

    /// <summary>
    /// Two of three were restarted: one of them begins a time, and is gone before that is committed. The third knows
    /// the time of before, and has not given it up for that.
    /// </summary>
    [Fact]
    public void A_time_that_was_begun_and_not_committed_takes_nobody_the_one_before()
    {
        Three.IsCut = true;
        One.IsCut = false;
        One.Restart();
        Two.Restart();
        _group.Mail.Clear();
        _group.Elect(Two);
        Assert.Equal(Era.BegunIn(Two.Term), Two.Replica.Replica.Configuration.Era);
        Three.IsCut = false;
        One.IsCut = true;
        Two.Tick(4);    // its entry is not flushed; its heartbeats come to the third
        foreach (var beat in _group.Take(to: 3).Where(mail => mail.Message is PeerMessage.Heartbeat))
            Three.Receive(beat);
        Three.Flush();
        Two.Restart();
        _group.Mail.Clear();
        TimeGoesOnWith(Two);
    }

    /// <summary>
    /// All were restarted: the first primary begins a time, answers a write, and is lost in that moment. Whoever has
    /// its entries was told its time with them.
    /// </summary>
    [Fact]
    public void A_time_that_was_begun_outlives_the_primary_that_just_answered_by_it()
    {
        One.IsCut = false;
        foreach (var replica in _group.Replicas)
            replica.Restart();
        _group.Mail.Clear();
        _group.Elect(One);
        Assert.Equal(Era.BegunIn(One.Term), One.Replica.Replica.Configuration.Era);
        One.Flush();
        foreach (var sent in _group.Take(to: 3).Where(mail => mail.Message is PeerMessage.AppendRequest))
            Three.Receive(sent);
        Three.Flush();
        foreach (var acknowledged in _group.Take(to: 1))
            One.Receive(acknowledged);
        One.IsCut = true;
        _group.Mail.Clear();
        Three.Time.Skew = TimeSpan.FromHours(+1);
        TimeGoesOnWith(Three);
    }

    /// <summary>
    /// A time was begun by a slow wall clock, and is behind log time until its primary has applied what is committed.
    /// A voter that has applied it knows no better what time it is.
    /// </summary>
    [Fact]
    public void A_vote_tells_what_was_told_and_not_log_time()
    {
        ReplicaHarness backup = new();
        backup.Receive(2, new PeerMessage.AppendRequest(
            new Term(2),
            LogIndex.Zero,
            Term.Zero,
            [new LogEntry(
                new LogIndex(1),
                new Term(2),
                EntryKind.Command,
                CommandFormat.Encode(Put("k", "v") with { TimeMs = 10 * Minute }))],
            LogIndex.Zero,
            At(Minute)));
        backup.Flush();
        backup.Receive(2, new PeerMessage.Heartbeat(
            new Term(2), new LogIndex(1), 1, default, 1, 0, At(Minute)));
        Assert.Equal(10 * Minute, backup.Replica.NowMs);
        backup.Receive(3, new PeerMessage.VoteRequest(new Term(4), new LogIndex(9), new Term(3), false, true));
        backup.Flush();
        var vote = backup.Sent.Select(sent => sent.Message).OfType<PeerMessage.VoteReply>().Last();
        Assert.Equal(Minute, vote.Reading.Ms);
    }

    /// <summary>
    /// The group's time was an hour ahead. All are restarted; who begins an era by a right clock has applied nothing of
    /// its log, with which its beginning is committed.
    /// </summary>
    [Fact]
    public void An_era_begins_with_the_latest_time_in_its_log()
    {
        One.IsCut = false;
        Three.Time.Skew = TimeSpan.FromHours(+1);
        foreach (var replica in _group.Replicas)
            replica.Restart();
        _group.Mail.Clear();
        _group.Elect(Three);
        _group.Settle();
        Three.Write(Put("o", "o") with { TimeMs = Three.Replica.NowMs });
        _group.Settle();
        foreach (var replica in _group.Replicas)
            replica.Restart();
        _group.Mail.Clear();
        _group.Elect(One);
        Assert.Equal(Era.BegunIn(One.Term), One.Replica.Replica.Configuration.Era);
        Assert.Equal(0, One.Replica.Image.TimeMs);
        Assert.InRange(One.Replica.NowMs - _group.TrueMs, 59 * Minute, 61 * Minute);
    }

    /// <summary>It wins and learns of a later term in one step, of which others are told by it all the same.</summary>
    [Fact]
    public void A_primary_of_half_a_step_knows_the_era_that_it_began()
    {
        One.IsCut = false;
        Three.IsCut = true;
        One.Restart();
        Two.Restart();
        _group.Mail.Clear();
        _group.Stand(One);
        foreach (var vote in _group.Take(to: 1))
            One.Replica.Add(new Input.Receive(vote.From, vote.Message));
        for (var tick = 0; tick < 4; tick++)
            One.Replica.Add(new Input.Tick());
        One.Receive(new Mail(new NodeId(2), new NodeId(1), new PeerMessage.AppendReply(
            One.Term.Next(), false, default, default, default)));
        Assert.Equal(ReplicaRole.Backup, One.Replica.Role);
        One.Flush();
        var beats = _group.Take().Select(mail => mail.Message).OfType<PeerMessage.Heartbeat>().ToList();
        One.Tick();
        var told = One.Replica.Replica.Clocks.Of(One.Replica.Replica.Configuration.Era);
        Assert.True(told.IsTold);
        Assert.NotEmpty(beats);
        Assert.All(beats, beat => Assert.Equal(told.Era, beat.Reading.Era));
    }

    /// <summary>
    /// A thread stamped it, and did not get to post it before its replica was deposed and elected again: meanwhile the
    /// era by which it was stamped may be gone.
    /// </summary>
    [Fact]
    public async Task A_write_that_was_stamped_in_an_earlier_office_is_refused()
    {
        var primary = ReplicaHarness.Primary();
        var command = Put("k", "v");
        PendingWrite write = new(CommandFormat.Encode(command), command, Ack.Quorum)
        {
            StampedIn = new Term(primary.Term.Value - 1),
        };
        primary.Replica.Add(write);
        Assert.IsType<WriteOutcome.NotPrimary>(await write.Done);
        Assert.False(primary.Replica.HasInputs);
    }

    private static ClockReading At(long ms) => new(default, ms, ToldIn: new Term(2));

    private void TimeGoesOnWith(HandCarriedReplica primary)
    {
        _group.Elect(primary);
        _group.Settle();
        _group.Beat(primary, 10);
        Assert.Equal("v", primary.Find("k"));
        Assert.InRange(primary.Replica.NowMs - _group.TrueMs, -1000, 1000);
    }
}
