using KvStore.Core.Primitives;
using KvStore.Core.Replication;
using static KvStore.Tests.Core.Replication.ReplicaDriver;

namespace KvStore.Tests.Core.Replication;

/// <summary>Ongaro's thesis, 6.4: linearizable reads without writing to the log.</summary>
public sealed class ReadIndexTests
{
    [Fact]    // 6.4, step 3: "issues a new round of heartbeats and waits for their acknowledgments from a majority"
    public void A_read_waits_for_a_majority_to_confirm_the_primary()
    {
        var driver = CommittedPrimary(voters: 5);

        var asked = driver.Read();
        var round = Assert.Single(asked.SentTo<PeerMessage.Heartbeat>(2)).Round;
        Assert.Empty(asked.Reads);
        Assert.Empty(driver.Receive(2, new PeerMessage.HeartbeatReply(new Term(1), round)).Reads);
        Assert.Empty(driver.Receive(2, new PeerMessage.HeartbeatReply(new Term(1), round)).Reads);

        var ready = Assert.Single(driver.Receive(3, new PeerMessage.HeartbeatReply(new Term(1), round)).Reads);

        Assert.Equal(new LogIndex(1), ready.Index);
    }

    [Fact]    // Law 9: the proof must be begun after the read arrived
    public void A_round_begun_before_the_read_proves_nothing()
    {
        var driver = CommittedPrimary();
        var earlier = driver.Tick(HeartbeatTicks).SentTo<PeerMessage.Heartbeat>(2)[^1].Round;
        var asked = Assert.Single(driver.Read().SentTo<PeerMessage.Heartbeat>(2)).Round;

        Assert.Empty(driver.Receive(2, new PeerMessage.HeartbeatReply(new Term(1), earlier)).Reads);
        Assert.Single(driver.Receive(2, new PeerMessage.HeartbeatReply(new Term(1), asked)).Reads);
    }

    [Fact]    // Law 9: an acknowledged append proves nothing about a read that came after it was sent
    public void An_acknowledged_append_confirms_no_read()
    {
        var driver = CommittedPrimary();
        driver.Propose();
        driver.Flush();
        driver.Read();

        Assert.Empty(driver.Acknowledge(2).Reads);
    }

    [Fact]    // 6.4, step 2: "the leader saves its current commit index in a local variable readIndex"
    public void A_read_sees_what_was_committed_when_it_arrived_at_least()
    {
        var driver = CommittedPrimary();
        driver.Propose();
        driver.Flush();
        driver.Acknowledge(2);
        var round = driver.Read().SentTo<PeerMessage.Heartbeat>(2)[0].Round;

        var ready = Assert.Single(driver.Receive(2, new PeerMessage.HeartbeatReply(new Term(1), round)).Reads);

        Assert.Equal(new LogIndex(2), ready.Index);
    }

    // 6.4, step 1, and Law 8: "If the leader has not yet marked an entry from its current term
    // committed, it waits until it has done so"
    [Fact]
    public void A_read_waits_for_the_first_commit_of_the_term()
    {
        var driver = ReplicaDriver.Primary(recovered: WithLog(1, 1));
        var early = driver.Read();
        foreach (var beat in early.SentTo<PeerMessage.Heartbeat>(2))
            Assert.Empty(driver.Receive(2, new PeerMessage.HeartbeatReply(new Term(2), beat.Round)).Reads);

        var committed = driver.Acknowledge(2);
        Assert.Equal([1, 2, 3], committed.Committed());
        Assert.Empty(committed.Reads);

        var round = Assert.Single(committed.SentTo<PeerMessage.Heartbeat>(2)).Round;
        var ready = Assert.Single(driver.Receive(2, new PeerMessage.HeartbeatReply(new Term(2), round)).Reads);
        Assert.Equal(new LogIndex(3), ready.Index);
    }

    [Fact]    // 6.4: "it can use a single round of heartbeats for any number of read-only queries"
    public void One_round_confirms_all_reads_that_came_before_it()
    {
        var driver = CommittedPrimary();
        var effects = driver.Step(
            new Input.Read(new Ticket(11)), new Input.Read(new Ticket(12)), new Input.Read(new Ticket(13)));
        var round = Assert.Single(effects.SentTo<PeerMessage.Heartbeat>(2)).Round;

        var ready = driver.Receive(2, new PeerMessage.HeartbeatReply(new Term(1), round)).Reads;

        Assert.Equal([11, 12, 13], ready.Select(read => read.Ticket.Value));
    }

    [Fact]
    public void A_later_round_confirms_earlier_reads_too()
    {
        var driver = CommittedPrimary();
        driver.Read();
        var round = driver.Read().SentTo<PeerMessage.Heartbeat>(2)[0].Round;

        Assert.Equal(2, driver.Receive(2, new PeerMessage.HeartbeatReply(new Term(1), round)).Reads.Count);
    }

    [Fact]    // Law 10: "on loss of leadership all waiting reads are failed before any later proof is looked at"
    public void Waiting_reads_are_refused_when_leadership_is_lost()
    {
        var driver = CommittedPrimary();
        var round = driver.Read().SentTo<PeerMessage.Heartbeat>(2)[0].Round;

        var effects = driver.Step(
            new Input.Receive(new NodeId(3), HeartbeatOf(2)),
            new Input.Receive(new NodeId(2), new PeerMessage.HeartbeatReply(new Term(1), round)));

        Assert.Empty(effects.Reads);
        Assert.Equal(RefusalReason.NotPrimary, Assert.Single(effects.Refused).Reason);
    }

    [Fact]    // Law 8 and 10, for reads that waited for the first commit
    public void Reads_that_wait_for_the_first_commit_are_refused_too()
    {
        var driver = ReplicaDriver.Primary();
        driver.Read();

        Assert.Single(driver.Receive(3, HeartbeatOf(2)).Refused);
    }

    [Fact]    // Law 10: a proof of an earlier leadership is no proof, even with the same round
    public void A_confirmation_of_an_earlier_term_confirms_nothing()
    {
        var driver = CommittedPrimary();
        driver.Receive(3, HeartbeatOf(2));
        driver.Flush();
        driver.BecomeCandidate();
        driver.Receive(2, new PeerMessage.VoteReply(new Term(3), IsGranted: true, IsPreVote: false));
        driver.Flush();
        driver.Acknowledge(2);
        Assert.Equal(ReplicaRole.Primary, driver.Core.Role);
        var round = driver.Read().SentTo<PeerMessage.Heartbeat>(2)[0].Round;

        Assert.Empty(driver.Receive(2, new PeerMessage.HeartbeatReply(new Term(1), round)).Reads);
        Assert.Single(driver.Receive(2, new PeerMessage.HeartbeatReply(new Term(3), round)).Reads);
    }

    [Fact]    // 6.2: no majority, no answer, and not for ever
    public void A_read_that_nobody_confirms_is_refused_in_the_end()
    {
        var driver = CommittedPrimary();
        driver.Read();

        Assert.Single(driver.Tick(2 * ElectionTicks).Refused);
    }

    [Fact]
    public void A_group_of_one_needs_nobodys_confirmation()
    {
        ReplicaDriver driver = new(voters: 1);
        driver.TickUntil(ReplicaRole.Candidate);
        driver.Flush();
        driver.Flush();

        Assert.Equal(new LogIndex(1), Assert.Single(driver.Read().Reads).Index);
    }

    [Fact]    // 6.4: nothing is written
    public void A_read_touches_no_disk()
    {
        var driver = CommittedPrimary();

        Assert.Empty(driver.Read().Persist);
    }
}
