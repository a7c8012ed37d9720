using KvStore.Core.Primitives;
using KvStore.Core.Replication;
using static KvStore.Tests.Core.Replication.ReplicaDriver;

namespace KvStore.Tests.Core.Replication;

/// <summary>A peer that says what no replica says is not followed, and does not end the one that hears it.</summary>
public sealed class CredibilityTests
{
    [Fact]
    public void An_acknowledgement_of_more_than_the_primary_has_moves_nothing_and_the_next_honest_one_does()
    {
        var driver = Primary();
        var lie = Accepted(driver.Core.Term, driver.Core.LastIndex.Value + 1);

        var effects = driver.Receive(2, lie);
        Assert.Equal(new Envelope(driver.Options.Partition, new NodeId(2), lie), Assert.Single(effects.Disbelieved));
        Assert.Equal(LogIndex.Zero, driver.Core.CommitIndex);
        Assert.Equal(LogIndex.Zero, driver.Core.MatchOf(new NodeId(2)));
        Assert.Empty(driver.Acknowledge(2).Disbelieved);
        Assert.Equal(driver.Core.LastIndex, driver.Core.CommitIndex);
    }

    [Fact]
    public void A_heartbeat_that_commits_more_than_the_backup_has_commits_nothing()
    {
        ReplicaDriver driver = new(recovered: WithLog(1, 1));

        var effects = driver.Receive(2, HeartbeatOf(1, commit: 3));
        Assert.Single(effects.Disbelieved);
        Assert.Empty(effects.Send);
        Assert.Empty(effects.Commit);
        Assert.Equal(LogIndex.Zero, driver.Core.CommitIndex);
        Assert.Equal(NodeId.None, driver.Core.Primary);
        Assert.Equal([1, 2], driver.Receive(2, HeartbeatOf(1, commit: 2)).Committed());
    }

    [Fact]
    public void An_echo_of_a_round_that_has_not_begun_confirms_no_read()
    {
        var driver = CommittedPrimary();
        driver.Receive(2, new PeerMessage.HeartbeatReply(driver.Core.Term, 1000));

        var effects = driver.Read();
        Assert.Empty(effects.Reads);
        var round = effects.Sent<PeerMessage.Heartbeat>()[0].Round;
        Assert.Single(driver.Receive(2, new PeerMessage.HeartbeatReply(driver.Core.Term, round)).Reads);
    }

    [Fact]
    public void Until_a_primary_has_committed_in_its_term_a_state_is_fresh_at_its_first_entry_only()
    {
        var driver = Primary(recovered: WithLog(1, 1));
        Assert.All(driver.Tick(HeartbeatTicks).Sent<PeerMessage.Heartbeat>(), AtFirst);
        var effects = driver.Acknowledge(2);
        Assert.Equal(driver.Core.LastIndex, driver.Core.CommitIndex);
        Assert.All(effects.Sent<PeerMessage.Heartbeat>(), AtFirst);

        void AtFirst(PeerMessage.Heartbeat beat) => Assert.Equal(new LogIndex(3), beat.FreshAt);
    }

    [Fact]
    public void A_backup_that_is_behind_hears_how_far_the_others_are()
    {
        var driver = CommittedPrimary();
        driver.Propose();
        driver.Flush();
        driver.Acknowledge(2);

        var beat = Assert.Single(driver.Tick(HeartbeatTicks).SentTo<PeerMessage.Heartbeat>(3));
        Assert.Equal((LogIndex.Zero, new LogIndex(2)), (beat.Commit, beat.FreshAt));
    }
}
