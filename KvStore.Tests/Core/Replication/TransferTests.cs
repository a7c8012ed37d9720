using KvStore.Core.Primitives;
using KvStore.Core.Replication;
using static KvStore.Tests.Core.Replication.ReplicaDriver;

namespace KvStore.Tests.Core.Replication;

/// <summary>Ongaro's thesis, 3.10: leadership transfer.</summary>
public sealed class TransferTests
{
    [Fact]    // 3.10, step 3: "The prior leader sends a TimeoutNow request to the target server"
    public void A_backup_that_is_caught_up_is_asked_at_once()
    {
        var driver = CommittedPrimary();

        var effects = driver.Step(new Input.Transfer(new NodeId(2)));

        Assert.Equal(
            new PeerMessage.TransferNow(new Term(1)), Assert.Single(effects.SentTo<PeerMessage.TransferNow>(2)));
    }

    [Fact]    // 3.10, step 2: "brings the target server's log up to date with its own"
    public void A_backup_that_lags_is_brought_up_to_date_first()
    {
        var driver = CommittedPrimary();
        driver.Propose();
        driver.Flush();

        var asked = driver.Step(new Input.Transfer(new NodeId(2)));
        var caughtUp = driver.Acknowledge(2);

        Assert.Empty(asked.Sent<PeerMessage.TransferNow>());
        Assert.Single(caughtUp.SentTo<PeerMessage.TransferNow>(2));
    }

    [Fact]    // 3.10, step 1: "The prior leader stops accepting new client requests"
    public void Proposals_are_refused_during_a_transfer()
    {
        var driver = CommittedPrimary();
        driver.Step(new Input.Transfer(new NodeId(2)));

        var effects = driver.Propose();

        Assert.Equal(RefusalReason.NotPrimary, Assert.Single(effects.Refused).Reason);
        Assert.Empty(effects.Persist);
    }

    // 3.10: "If leadership transfer does not complete after about an election timeout, the
    // prior leader aborts the transfer"
    [Fact]
    public void A_transfer_is_given_up_after_an_election_timeout()
    {
        var driver = CommittedPrimary();
        driver.Step(new Input.Transfer(new NodeId(2)));
        for (var i = 0; i <= ElectionTicks; i++)
        {
            driver.Receive(2, new PeerMessage.HeartbeatReply(new Term(1), 1));
            driver.Tick();
        }

        Assert.Equal(ReplicaRole.Primary, driver.Core.Role);
        Assert.Single(driver.Propose().Accepted);
    }

    [Fact]    // 3.10: the target "starts a new election immediately"; 9.6: no pre-vote, the primary itself asked
    public void The_target_holds_an_election_at_once()
    {
        ReplicaDriver driver = new(recovered: WithLog(1));
        driver.Receive(2, HeartbeatOf(1));

        var effects = driver.Receive(2, new PeerMessage.TransferNow(new Term(1)));
        Assert.Equal(ReplicaRole.Candidate, driver.Core.Role);
        Assert.Empty(effects.Send);

        Assert.All(driver.Flush().Sent<PeerMessage.VoteRequest>(), request =>
            Assert.Equal(VoteRequestOf(2, 1, 1, isPreVote: false, isTransfer: true), request));
    }

    [Fact]    // 3.10: "the target's election is not disruptive": having heard from the primary is no objection
    public void A_backup_votes_for_the_target_although_it_hears_its_primary()
    {
        ReplicaDriver driver = new(recovered: WithLog(1));
        driver.Receive(2, HeartbeatOf(1));

        driver.Receive(3, VoteRequestOf(2, 1, 1, isTransfer: true));

        Assert.True(Assert.Single(driver.Flush().Sent<PeerMessage.VoteReply>()).IsGranted);
    }

    [Fact]
    public void A_late_request_to_take_over_is_ignored()
    {
        ReplicaDriver driver = new(recovered: WithLog(5));

        driver.Receive(2, new PeerMessage.TransferNow(new Term(4)));

        Assert.Equal(ReplicaRole.Backup, driver.Core.Role);
        Assert.Equal(new Term(5), driver.Core.Term);
    }

    [Theory, InlineData(2), InlineData(0)]    // 3.10; to nobody: the most caught-up one
    public void Leadership_moves_and_nothing_is_lost(int target)
    {
        ReplicaGroup group = new(3);
        group.Elect(1);
        group.Propose(1, "before");

        group.Step(1, new Input.Transfer(new NodeId(target)));
        group.Tick(HeartbeatTicks);

        var successor = group.Primary;
        Assert.True(target == 0 ? successor != 1 : successor == target);
        Assert.Equal(new Term(2), group[1].Term);
        group.Propose(successor, "after");
        group.Tick(2 * HeartbeatTicks);
        Assert.All([1, 2, 3], id => Assert.Equal(4, group.AppliedBy(id).Count));
    }

    [Fact]
    public void The_preferred_member_becomes_primary_once_it_is_caught_up()
    {
        ReplicaGroup group = new(3, preferred: 3);
        group.CutOff(3);
        group.Elect(1);
        group.Propose(1, "while it was away");
        group.Tick(3 * ElectionTicks);
        Assert.Equal(1, group.Primary);

        group.Rejoin(3);
        group.Tick(4 * ElectionTicks);

        Assert.Equal(3, group.Primary);
        Assert.Equal(group[3].CommitIndex, group[1].CommitIndex);
    }

    [Fact]
    public void Leadership_stays_with_the_preferred_member()
    {
        ReplicaGroup group = new(3, preferred: 1);
        group.Elect(1);

        group.Tick(10 * ElectionTicks);

        Assert.Equal(1, group.Primary);
        Assert.Equal(new Term(1), group[1].Term);
    }

    [Fact]
    public void A_transfer_to_a_stranger_or_to_itself_is_ignored()
    {
        var driver = CommittedPrimary();
        driver.Step(new Input.Transfer(new NodeId(9)));
        driver.Step(new Input.Transfer(new NodeId(1)));

        Assert.Single(driver.Propose().Accepted);
    }
}
