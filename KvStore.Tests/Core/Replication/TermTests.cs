using KvStore.Core.Primitives;
using KvStore.Core.Replication;
using static KvStore.Tests.Core.Replication.ReplicaDriver;

namespace KvStore.Tests.Core.Replication;

/// <summary>Raft, section 5.1: terms are a logical clock; figure 2: rules for all servers.</summary>
public sealed class TermTests
{
    [Fact]    // 5.2: "When servers start up, they begin as followers."
    public void A_replica_starts_as_backup_of_nobody()
    {
        ReplicaDriver driver = new();

        Assert.Equal(ReplicaRole.Backup, driver.Core.Role);
        Assert.Equal(NodeId.None, driver.Core.Primary);
        Assert.Equal(Term.Zero, driver.Core.Term);
    }

    [Fact]    // Figure 2: currentTerm and log[] are persistent state, commitIndex is volatile.
    public void A_restarted_replica_knows_its_term_and_log_but_not_what_is_committed()
    {
        ReplicaDriver driver = new(recovered: WithLog(1, 1, 3));

        Assert.Equal(new Term(3), driver.Core.Term);
        Assert.Equal(new LogIndex(3), driver.Core.LastIndex);
        Assert.Equal(new LogIndex(3), driver.Core.FlushedIndex);
        Assert.Equal(LogIndex.Zero, driver.Core.CommitIndex);
    }

    public static TheoryData<string> AnyMessages =>
        ["append", "heartbeat", "vote", "append reply", "heartbeat reply", "vote reply"];

    [Theory, MemberData(nameof(AnyMessages))]    // 5.1: "it updates its current term to the larger value"
    public void A_later_term_is_taken_over_and_made_durable(string kind)
    {
        ReplicaDriver driver = new();

        var effects = driver.Receive(2, MessageOf(kind, 5));

        Assert.Equal(new Term(5), driver.Core.Term);
        Assert.Equal(new Term(5), Assert.Single(effects.Persist).HardState!.Value.Term);
    }

    [Theory]    // 5.1: "If a candidate or leader discovers that its term is out of date ..."
    [MemberData(nameof(AnyMessages))]
    public void A_primary_that_meets_a_later_term_steps_down(string kind)
    {
        var driver = ReplicaDriver.Primary();
        driver.Tick(ElectionTicks - 1);

        driver.Receive(2, MessageOf(kind, 5) is PeerMessage.VoteRequest vote
            ? vote with { IsTransfer = true }
            : MessageOf(kind, 5));

        Assert.Equal(ReplicaRole.Backup, driver.Core.Role);
        Assert.Equal(new Term(5), driver.Core.Term);
    }

    [Theory, MemberData(nameof(AnyMessages))]    // 5.1, likewise for a candidate
    public void A_candidate_that_meets_a_later_term_steps_down(string kind)
    {
        ReplicaDriver driver = new();
        driver.BecomeCandidate();

        driver.Receive(2, MessageOf(kind, 5));

        Assert.Equal(ReplicaRole.Backup, driver.Core.Role);
    }

    [Theory, InlineData("append"), InlineData("heartbeat"), InlineData("vote")]    // 5.1: "it rejects the request"
    public void A_request_of_an_earlier_term_changes_nothing_and_learns_our_term(string kind)
    {
        ReplicaDriver driver = new(recovered: WithLog(1, 5));

        var effects = driver.Receive(2, MessageOf(kind, 4));

        Assert.Equal(new Term(5), driver.Core.Term);
        Assert.Equal(new LogIndex(2), driver.Core.LastIndex);
        Assert.Empty(effects.Persist);
        Assert.Equal(NodeId.None, driver.Core.Primary);
        var reply = Assert.Single(effects.Send).Message;
        Assert.Equal(new Term(5), reply.Term);
        Assert.False(
            reply is PeerMessage.AppendReply { IsAccepted: true } or PeerMessage.VoteReply { IsGranted: true });
    }

    [Fact]    // 5.1: a stale answer is no answer
    public void Answers_of_an_earlier_term_are_thrown_away()
    {
        var driver = ReplicaDriver.Primary(recovered: WithLog(1, 2));
        driver.Receive(2, Accepted(new Term(2), 3));
        driver.Receive(3, Accepted(new Term(1), 3));

        Assert.Equal(LogIndex.Zero, driver.Core.CommitIndex);
        Assert.Equal(LogIndex.Zero, driver.Core.MatchOf(new NodeId(2)));
    }

    /// <summary>
    /// Thesis 4.1: "a server must accept AppendEntries requests from a leader that is not part of its
    /// latest configuration". The log may not tell of that primary yet; whether it is a member of the
    /// cluster at all, the host has checked.
    /// </summary>
    [Fact]
    public void A_primary_that_the_log_does_not_know_is_followed()
    {
        ReplicaDriver driver = new();

        driver.Receive(9, HeartbeatOf(5));

        Assert.Equal((5, 9), (driver.Core.Term.Value, driver.Core.Primary.Value));
    }

    [Fact]    // Law 14: what claims to come from itself does not
    public void A_replica_does_not_hear_itself()
    {
        ReplicaDriver driver = new();

        Assert.Empty(driver.Receive(1, HeartbeatOf(5)).Persist);
        Assert.Equal(Term.Zero, driver.Core.Term);
    }

    [Fact]
    public void A_reply_that_reveals_a_later_term_waits_until_that_term_is_durable()
    {
        ReplicaDriver driver = new();

        var before = driver.Receive(2, HeartbeatOf(5));
        var after = driver.Flush();

        Assert.Empty(before.Send);
        Assert.Single(after.Sent<PeerMessage.HeartbeatReply>());
    }

    private static PeerMessage MessageOf(string kind, int term) => kind switch
    {
        "append" => AppendOf(term, 0, 0, 0, Entry(1, term)),
        "heartbeat" => HeartbeatOf(term),
        "vote" => VoteRequestOf(term, 9, term),
        "append reply" => Accepted(new Term(term), 0),
        "heartbeat reply" => new PeerMessage.HeartbeatReply(new Term(term), 1),
        _ => new PeerMessage.VoteReply(new Term(term), IsGranted: false, IsPreVote: false),
    };
}
