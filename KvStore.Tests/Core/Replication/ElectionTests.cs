using KvStore.Core.Primitives;
using KvStore.Core.Replication;
using static KvStore.Tests.Core.Replication.ReplicaDriver;

namespace KvStore.Tests.Core.Replication;

/// <summary>Raft, section 5.2 (elections) and 5.4.1 (who may be elected).</summary>
public sealed class ElectionTests
{
    [Fact]    // 5.2: "election timeouts are chosen randomly from a fixed interval"
    public void The_election_timeout_is_random_between_once_and_twice_the_setting()
    {
        HashSet<int> seen = [];
        for (var seed = 0; seed < 500; seed++)
            seen.Add(new ReplicaDriver(seed: seed).TickUntil(ReplicaRole.PreCandidate));

        Assert.Equal(Enumerable.Range(ElectionTicks, ElectionTicks), seen.Order());
    }

    [Fact]    // 5.2: "Each candidate restarts its randomized election timeout at the start of an election"
    public void Each_election_draws_a_new_timeout()
    {
        ReplicaDriver driver = new();
        var waits = Enumerable.Range(0, 30).Select(_ => WaitForNextRequests(driver)).ToHashSet();

        Assert.True(waits.Count > 3);
        Assert.All(waits, wait => Assert.InRange(wait, ElectionTicks, (2 * ElectionTicks) - 1));
    }

    [Theory]    // 5.2: "... without receiving AppendEntries RPC from current leader or granting vote"
    [InlineData(true), InlineData(false)]
    public void Hearing_the_primary_keeps_a_backup_from_an_election(bool byAppend)
    {
        ReplicaDriver driver = new();
        for (var i = 0; i < 10 * ElectionTicks; i++)
        {
            driver.Receive(2, byAppend ? AppendOf(1, 0, 0, 0) : HeartbeatOf(1));
            driver.Tick();
            Assert.Equal(ReplicaRole.Backup, driver.Core.Role);
        }

        Assert.Equal(new NodeId(2), driver.Core.Primary);
    }

    [Fact]    // 5.2, likewise
    public void Granting_a_vote_restarts_the_timeout()
    {
        ReplicaDriver driver = new();
        driver.Tick(ElectionTicks - 1);
        driver.Receive(2, VoteRequestOf(1));

        driver.Tick(ElectionTicks - 1);

        Assert.Equal(ReplicaRole.Backup, driver.Core.Role);
    }

    [Fact]    // Figure 2: a refused vote is no reason to wait
    public void Refusing_a_vote_does_not_restart_the_timeout()
    {
        ReplicaDriver driver = new(recovered: WithLog(1));
        for (var i = 0; i < 2 * ElectionTicks && driver.Core.Role == ReplicaRole.Backup; i++)
        {
            driver.Receive(2, VoteRequestOf(1));
            driver.Tick();
        }

        Assert.Equal(ReplicaRole.PreCandidate, driver.Core.Role);
    }

    // 5.2: "a follower increments its current term and transitions to candidate state. It then votes for itself"
    [Fact]
    public void A_candidate_raises_the_term_and_votes_for_itself()
    {
        ReplicaDriver driver = new();
        driver.TickUntil(ReplicaRole.PreCandidate);

        var effects = driver.Receive(2, new PeerMessage.VoteReply(new Term(1), IsGranted: true, IsPreVote: true));

        Assert.Equal(ReplicaRole.Candidate, driver.Core.Role);
        Assert.Equal(new HardState(new Term(1), new NodeId(1)), Assert.Single(effects.Persist).HardState);
    }

    [Fact]    // Law 2: the vote is durable before anybody is asked to rest on it
    public void A_candidate_asks_only_when_its_own_vote_is_flushed()
    {
        ReplicaDriver driver = new(recovered: WithLog(1, 1));
        driver.TickUntil(ReplicaRole.PreCandidate);

        var before = driver.Receive(2, new PeerMessage.VoteReply(new Term(2), IsGranted: true, IsPreVote: true));
        var after = driver.Flush();

        Assert.Empty(before.Send);
        Assert.Equal([2, 3], after.Send.Select(envelope => envelope.Peer.Value));
        Assert.All(after.Sent<PeerMessage.VoteRequest>(), request => Assert.Equal(VoteRequestOf(2, 2, 1), request));
    }

    [Theory]    // 5.2: "votes from a majority of the servers in the full cluster"
    [InlineData(3, 1), InlineData(5, 2), InlineData(7, 3)]
    public void A_candidate_wins_with_a_majority_and_not_before(int voters, int others)
    {
        ReplicaDriver driver = new(voters);
        driver.BecomeCandidate();
        for (var voter = 2; voter < others + 1; voter++)
            driver.Receive(voter, new PeerMessage.VoteReply(new Term(1), IsGranted: true, IsPreVote: false));
        Assert.Equal(ReplicaRole.Candidate, driver.Core.Role);

        driver.Receive(others + 1, new PeerMessage.VoteReply(new Term(1), IsGranted: true, IsPreVote: false));

        Assert.Equal(ReplicaRole.Primary, driver.Core.Role);
        Assert.Equal(new NodeId(1), driver.Core.Primary);
    }

    [Fact]
    public void A_vote_counts_once_however_often_it_arrives()
    {
        ReplicaDriver driver = new(voters: 5);
        driver.BecomeCandidate();
        for (var i = 0; i < 5; i++)
            driver.Receive(2, new PeerMessage.VoteReply(new Term(1), IsGranted: true, IsPreVote: false));

        Assert.Equal(ReplicaRole.Candidate, driver.Core.Role);
    }

    [Fact]
    public void A_vote_of_an_earlier_election_does_not_count()
    {
        ReplicaDriver driver = new();
        driver.BecomeCandidate();
        driver.TickUntil(ReplicaRole.PreCandidate);
        driver.BecomeCandidate();
        Assert.Equal(new Term(2), driver.Core.Term);

        driver.Receive(2, new PeerMessage.VoteReply(new Term(1), IsGranted: true, IsPreVote: false));

        Assert.Equal(ReplicaRole.Candidate, driver.Core.Role);
    }

    [Fact]    // 5.2: "It then sends heartbeat messages to all of the other servers to establish its authority"
    public void A_new_primary_speaks_to_all_at_once()
    {
        ReplicaDriver driver = new(voters: 5);
        driver.BecomeCandidate();
        driver.Receive(2, new PeerMessage.VoteReply(new Term(1), IsGranted: true, IsPreVote: false));

        var effects = driver.Receive(3, new PeerMessage.VoteReply(new Term(1), IsGranted: true, IsPreVote: false));

        Assert.Equal([2, 3, 4, 5], effects.Send.Select(envelope => envelope.Peer.Value).Distinct().Order());
        Assert.All(effects.Send, envelope => Assert.Equal(new Term(1), envelope.Message.Term));
    }

    [Theory]    // 5.2: "the candidate recognizes the leader as legitimate and returns to follower state"
    [InlineData("append"), InlineData("heartbeat")]
    public void A_candidate_yields_to_a_primary_of_its_own_term(string kind)
    {
        ReplicaDriver driver = new();
        driver.BecomeCandidate();

        driver.Receive(3, kind == "append" ? AppendOf(1, 0, 0, 0) : HeartbeatOf(1));

        Assert.Equal(ReplicaRole.Backup, driver.Core.Role);
        Assert.Equal(new NodeId(3), driver.Core.Primary);
        Assert.Equal(new Term(1), driver.Core.Term);
    }

    [Fact]    // 5.2: "the candidate rejects the RPC and continues in candidate state"
    public void A_candidate_does_not_yield_to_a_primary_of_an_earlier_term()
    {
        ReplicaDriver driver = new(recovered: WithLog(1));
        driver.BecomeCandidate();

        driver.Receive(3, HeartbeatOf(1));

        Assert.Equal(ReplicaRole.Candidate, driver.Core.Role);
    }

    [Fact]    // 5.2: "each candidate will time out and start a new election by incrementing its term"
    public void A_split_vote_ends_in_another_election()
    {
        ReplicaDriver driver = new();
        driver.BecomeCandidate();

        driver.TickUntil(ReplicaRole.PreCandidate);
        driver.BecomeCandidate();

        Assert.Equal(ReplicaRole.Candidate, driver.Core.Role);
        Assert.Equal(new Term(2), driver.Core.Term);
    }

    // 5.2: "Each server will vote for at most one candidate in a given term, on a first-come-first-served basis"
    [Fact]
    public void A_vote_is_given_once_per_term_and_repeated_only_to_the_same_candidate()
    {
        ReplicaDriver driver = new();
        driver.Receive(2, VoteRequestOf(1));
        var first = driver.Flush();

        var toOther = driver.Receive(3, VoteRequestOf(1));
        var again = driver.Receive(2, VoteRequestOf(1));

        Assert.Equal(
            new PeerMessage.VoteReply(new Term(1), IsGranted: true, IsPreVote: false),
            Assert.Single(first.Send).Message);
        Assert.False(Assert.Single(toOther.Sent<PeerMessage.VoteReply>()).IsGranted);
        Assert.True(Assert.Single(again.Sent<PeerMessage.VoteReply>()).IsGranted);
    }

    [Fact]    // Law 2; figure 2: "Updated on stable storage before responding to RPCs"
    public void A_vote_is_flushed_before_it_is_told()
    {
        ReplicaDriver driver = new();

        var before = driver.Receive(2, VoteRequestOf(1));
        var after = driver.Flush();

        Assert.Equal(new HardState(new Term(1), new NodeId(2)), Assert.Single(before.Persist).HardState);
        Assert.Empty(before.Send);
        Assert.True(Assert.Single(after.Sent<PeerMessage.VoteReply>()).IsGranted);
    }

    [Fact]    // Law 2, across a restart
    public void A_restarted_replica_keeps_its_vote()
    {
        ReplicaDriver driver = new(recovered: WithLog() with { HardState = new HardState(new Term(4), new NodeId(2)) });

        var toOther = driver.Receive(3, VoteRequestOf(4, 9, 3));
        var toSame = driver.Receive(2, VoteRequestOf(4, 9, 3));

        Assert.False(Assert.Single(toOther.Sent<PeerMessage.VoteReply>()).IsGranted);
        Assert.True(Assert.Single(toSame.Sent<PeerMessage.VoteReply>()).IsGranted);
    }

    [Theory]    // 5.4.1: the later last term is more up-to-date; of equal terms, the longer log
    [InlineData(2, 1, false)]
    [InlineData(9, 1, false)]
    [InlineData(1, 2, false)]
    [InlineData(2, 2, false)]
    [InlineData(3, 2, true)]
    [InlineData(4, 2, true)]
    [InlineData(1, 3, true)]
    [InlineData(9, 3, true)]
    public void A_vote_goes_only_to_a_log_at_least_as_complete(int lastIndex, int lastTerm, bool isGranted)
    {
        foreach (var isPreVote in new[] { true, false })
        {
            ReplicaDriver driver = new(recovered: WithLog(1, 2, 2));

            var before = driver.Receive(2, VoteRequestOf(5, lastIndex, lastTerm, isPreVote));
            var reply = before.Sent<PeerMessage.VoteReply>()
                .Concat(isPreVote ? [] : driver.Flush().Sent<PeerMessage.VoteReply>());

            Assert.Equal(isGranted, Assert.Single(reply).IsGranted);
        }
    }

    [Fact]    // 5.4.1: completeness is judged by the whole log, flushed or not
    public void An_entry_that_is_not_flushed_yet_already_binds_the_vote()
    {
        ReplicaDriver driver = new();
        driver.Append(2, 1, 0, 0, 0, Entry(1, 1));
        driver.Tick(2 * ElectionTicks);

        driver.Receive(3, VoteRequestOf(5, 0, 0));
        var replies = driver.Flush().Sent<PeerMessage.VoteReply>();

        Assert.False(Assert.Single(replies).IsGranted);
    }

    [Fact]
    public void A_group_of_one_elects_itself_and_commits_when_flushed()
    {
        ReplicaDriver driver = new(voters: 1);
        var ticks = driver.TickUntil(ReplicaRole.Candidate);
        Assert.InRange(ticks, ElectionTicks, 2 * ElectionTicks);

        var elected = driver.Flush();
        Assert.Equal(ReplicaRole.Primary, driver.Core.Role);
        Assert.Empty(elected.Commit);

        Assert.Equal([1], driver.Flush().Committed());
    }

    private static int WaitForNextRequests(ReplicaDriver driver)
    {
        for (var ticks = 1; ; ticks++)
        {
            if (driver.Tick().Sent<PeerMessage.VoteRequest>().Count > 0)
                return ticks;
        }
    }
}
