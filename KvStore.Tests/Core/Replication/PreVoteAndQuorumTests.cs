using KvStore.Core.Primitives;
using KvStore.Core.Replication;
using static KvStore.Tests.Core.Replication.ReplicaDriver;

namespace KvStore.Tests.Core.Replication;

/// <summary>
/// Ongaro's thesis, 9.6 (pre-vote) and 6.2 (a primary without a majority steps down); Raft,
/// section 6 (disruptive servers).
/// </summary>
public sealed class PreVoteAndQuorumTests
{
    // 9.6: "a candidate only increments its term if it first learns from a majority of the
    // cluster that they would be willing"
    [Fact]
    public void Asking_for_pre_votes_raises_no_term_and_touches_no_disk()
    {
        ReplicaDriver driver = new(recovered: WithLog(3, 3));
        driver.Tick(ElectionTicks - 1);

        var effects = driver.Tick(ElectionTicks);

        Assert.Equal(ReplicaRole.PreCandidate, driver.Core.Role);
        Assert.Equal(new Term(3), driver.Core.Term);
        Assert.Empty(effects.Persist);
        Assert.Equal([2, 3], effects.Send.Select(envelope => envelope.Peer.Value));
        Assert.All(
            effects.Sent<PeerMessage.VoteRequest>(),
            request => Assert.Equal(VoteRequestOf(4, 2, 3, isPreVote: true), request));
    }

    [Fact]    // 9.6
    public void A_majority_of_pre_votes_begins_the_election()
    {
        ReplicaDriver driver = new(voters: 5);
        driver.TickUntil(ReplicaRole.PreCandidate);

        driver.Receive(2, new PeerMessage.VoteReply(new Term(1), IsGranted: true, IsPreVote: true));
        Assert.Equal(ReplicaRole.PreCandidate, driver.Core.Role);
        driver.Receive(3, new PeerMessage.VoteReply(new Term(1), IsGranted: true, IsPreVote: true));

        Assert.Equal(ReplicaRole.Candidate, driver.Core.Role);
        Assert.Equal(new Term(1), driver.Core.Term);
    }

    [Fact]
    public void A_pre_vote_is_no_vote()
    {
        ReplicaDriver driver = new();
        driver.BecomeCandidate();

        driver.Receive(2, new PeerMessage.VoteReply(new Term(2), IsGranted: true, IsPreVote: true));
        driver.Receive(3, new PeerMessage.VoteReply(new Term(1), IsGranted: true, IsPreVote: true));

        Assert.Equal(ReplicaRole.Candidate, driver.Core.Role);
    }

    [Fact]    // 9.6: granting promises nothing
    public void A_granted_pre_vote_binds_nobody()
    {
        ReplicaDriver driver = new(recovered: WithLog(3));

        var first = driver.Receive(2, VoteRequestOf(4, 1, 3, isPreVote: true));
        var second = driver.Receive(3, VoteRequestOf(4, 1, 3, isPreVote: true));

        Assert.Equal(
            new PeerMessage.VoteReply(new Term(4), IsGranted: true, IsPreVote: true),
            Assert.Single(first.Send).Message);
        Assert.Equal(
            new PeerMessage.VoteReply(new Term(4), IsGranted: true, IsPreVote: true),
            Assert.Single(second.Send).Message);
        Assert.Equal(new Term(3), driver.Core.Term);
        Assert.Empty(first.Persist);
    }

    [Theory]    // section 6: "within the minimum election timeout of hearing from a current leader"
    [InlineData(true), InlineData(false)]
    public void A_backup_that_hears_its_primary_supports_no_election(bool isPreVote)
    {
        ReplicaDriver driver = new(recovered: WithLog(3));
        driver.Receive(2, HeartbeatOf(3));
        driver.Tick(ElectionTicks - 1);

        var effects = driver.Receive(3, VoteRequestOf(9, 9, 9, isPreVote));

        Assert.Equal(new Term(3), driver.Core.Term);
        Assert.Empty(effects.Persist);
        Assert.DoesNotContain(effects.Sent<PeerMessage.VoteReply>(), reply => reply.IsGranted);
    }

    [Fact]    // section 6, the other side
    public void A_backup_that_heard_nothing_for_an_election_timeout_supports_one()
    {
        ReplicaDriver driver = new(recovered: WithLog(3));
        driver.Receive(2, HeartbeatOf(3));
        driver.Tick(ElectionTicks);

        var effects = driver.Receive(3, VoteRequestOf(4, 9, 9, isPreVote: true));

        Assert.True(Assert.Single(effects.Sent<PeerMessage.VoteReply>()).IsGranted);
    }

    [Fact]    // section 6: the primary itself is not unseated by a vote request
    public void A_primary_with_a_majority_ignores_requests_for_votes()
    {
        var driver = CommittedPrimary();

        driver.Receive(3, VoteRequestOf(9, 9, 9));

        Assert.Equal(ReplicaRole.Primary, driver.Core.Role);
        Assert.Equal(new Term(1), driver.Core.Term);
    }

    [Fact]    // 9.6: the purpose of it all
    public void A_member_that_was_cut_off_comes_back_without_disturbing_anybody()
    {
        ReplicaGroup group = new(3);
        group.Elect(1);
        var term = group[1].Term;
        group.CutOff(3);
        group.Tick(20 * ElectionTicks);
        Assert.Equal(term, group[3].Term);

        group.Rejoin(3);
        group.Tick(4 * ElectionTicks);

        Assert.Equal(1, group.Primary);
        Assert.All([1, 2, 3], id => Assert.Equal(term, group[id].Term));
        Assert.Equal(new NodeId(1), group[3].Primary);
    }

    // 6.2: "a leader steps down if an election timeout elapses without a successful round of heartbeats to a majority"
    [Fact]
    public void A_primary_that_a_majority_no_longer_answers_steps_down()
    {
        var driver = CommittedPrimary(voters: 5);
        for (var i = 0; i < 2 * ElectionTicks; i++)
        {
            driver.Receive(2, new PeerMessage.HeartbeatReply(driver.Core.Term, 1));
            driver.Tick();
        }

        Assert.NotEqual(ReplicaRole.Primary, driver.Core.Role);
        Assert.Equal(new Term(1), driver.Core.Term);
        Assert.Equal(NodeId.None, driver.Core.Primary);
    }

    [Fact]    // 6.2, the other side
    public void A_primary_that_a_majority_answers_stays()
    {
        var driver = CommittedPrimary(voters: 5);
        for (var i = 0; i < 10 * ElectionTicks; i++)
        {
            driver.Receive(2, new PeerMessage.HeartbeatReply(driver.Core.Term, 1));
            driver.Receive(4, new PeerMessage.HeartbeatReply(driver.Core.Term, 1));
            driver.Tick();
        }

        Assert.Equal(ReplicaRole.Primary, driver.Core.Role);
    }

    [Fact]    // 9.6 and 6.2 together must not lock a group up: a stale candidate's higher term reaches the primary
    public void A_primary_learns_of_a_later_term_from_the_backup_that_went_ahead()
    {
        ReplicaGroup group = new(
            [WithLog(1), WithLog(1), WithLog() with { HardState = new HardState(new Term(7), new NodeId(3)) }]);
        group.Elect(1);
        group.Tick(10 * ElectionTicks);

        Assert.True(group[group.Primary].Term > new Term(7));
        Assert.All([1, 2, 3], id => Assert.Equal(group[group.Primary].LastIndex, group[id].CommitIndex));
    }

    [Fact]    // 5.2: a new primary after the old one is gone
    public void A_group_that_loses_its_primary_finds_another_and_the_old_one_comes_back_as_backup()
    {
        ReplicaGroup group = new(3);
        group.Elect(1);
        group.CutOff(1);
        group.Tick(10 * ElectionTicks);
        var successor = group.Primary;
        Assert.NotEqual(ReplicaRole.Primary, group[1].Role);

        group.Propose(successor, "after");
        group.Rejoin(1);
        group.Tick(2 * ElectionTicks);

        Assert.Equal(successor, group.Primary);
        Assert.Equal(group[successor].CommitIndex, group[1].CommitIndex);
    }
}
