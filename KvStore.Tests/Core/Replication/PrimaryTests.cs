using System.Text;
using KvStore.Core.Primitives;
using KvStore.Core.Replication;
using static KvStore.Tests.Core.Replication.ReplicaDriver;

namespace KvStore.Tests.Core.Replication;

/// <summary>Raft, sections 5.3 and 5.4.2, the primary's side: what it sends, and what it calls committed.</summary>
public sealed class PrimaryTests
{
    [Fact]    // section 8: "each leader commits a blank no-op entry into the log at the start of its term"
    public void The_first_entry_of_a_primary_is_empty()
    {
        ReplicaDriver driver = new(recovered: WithLog(1, 1));
        driver.BecomeCandidate();
        driver.Core.Clocks = Shows(ms: 1, era: 0);

        var effects = driver.Receive(2, new PeerMessage.VoteReply(new Term(2), IsGranted: true, IsPreVote: false));

        var entry = Assert.Single(Assert.Single(effects.Persist).Entries);
        Assert.Equal((3, 2, EntryKind.Empty), (entry.Index.Value, entry.Term.Value, entry.Kind));
    }

    /// <summary>As who is told of another era than its log goes by.</summary>
    [Theory, InlineData(0, 0), InlineData(1, 1)]
    public void A_primary_that_was_told_no_time_says_in_its_first_entry_that_it_begins_an_era(long ms, int era)
    {
        ReplicaDriver driver = new(recovered: WithLog(1, 1));
        driver.BecomeCandidate();
        driver.Core.Clocks = Shows(ms, era);
        driver.Receive(2, new PeerMessage.VoteReply(new Term(2), IsGranted: true, IsPreVote: false));

        Assert.Equal(new Era(2), driver.Core.Configuration.Era);
        Assert.Equal([1, 2, 3], driver.Core.Voters.Select(voter => voter.Value));
        Assert.Equal(new Era(0), driver.Core.ConfigurationAt(new LogIndex(2)).Era);
    }

    [Fact]
    public void An_era_that_a_primary_begins_is_told_with_the_entry_that_says_so()
    {
        ReplicaDriver driver = new(recovered: WithLog(1, 1));
        driver.BecomeCandidate();
        driver.Core.Clocks = Shows(ms: 5, era: 1);
        var first = driver.Receive(2, new PeerMessage.VoteReply(new Term(2), IsGranted: true, IsPreVote: false));
        ClockReading begun = new(new Era(2), Ms: 77, ToldIn: new Term(2));
        Assert.NotEmpty(first.Sent<PeerMessage.Heartbeat>());
        Assert.All(first.Sent<PeerMessage.Heartbeat>(), beat => Assert.Equal(begun, beat.Reading));
        Assert.All(
            first.Sent<PeerMessage.AppendRequest>().Where(append => !append.Entries.IsEmpty),
            append => Assert.Equal(begun, append.Reading));
    }

    /// <summary>What a host's clocks show that was told of one era, and would begin another at 77.</summary>
    private static HostClocks Shows(long ms, int era) => new(Stamp: 0, BeginMs: 77)
    {
        Told = [new ClockReading(new Era(era), ms, Term.Zero)],
    };

    // 5.3: "appends the command to its log as a new entry, then issues AppendEntries RPCs in parallel";
    // thesis 10.2.1: flush in parallel
    [Fact]
    public void A_proposal_is_appended_sent_and_flushed_in_parallel()
    {
        var driver = CommittedPrimary();
        driver.Acknowledge(3);

        var effects = driver.Propose("hello");

        Assert.Equal((2, 1), (Assert.Single(effects.Accepted).Index.Value, effects.Accepted[0].Term.Value));
        Assert.Equal(2, Assert.Single(Assert.Single(effects.Persist).Entries).Index.Value);
        Assert.Equal([2, 3], effects.Send.Select(envelope => envelope.Peer.Value));
        Assert.All(
            effects.Sent<PeerMessage.AppendRequest>(),
            request => Assert.Equal("hello", Text(Assert.Single(request.Entries))));
        Assert.Empty(effects.Commit);
    }

    [Fact]    // 5.3: "the term number and index of the preceding entry" come along
    public void An_append_names_the_entry_before_it_and_what_is_committed()
    {
        var driver = CommittedPrimary(recovered: WithLog(1, 1));

        var request = Assert.Single(driver.Propose().SentTo<PeerMessage.AppendRequest>(2));

        Assert.Equal((3, 2, 3), (request.PreviousIndex.Value, request.PreviousTerm.Value, request.Commit.Value));
    }

    [Fact]    // Law 1, for the primary itself
    public void A_primary_counts_itself_only_when_flushed()
    {
        var driver = CommittedPrimary(voters: 3);
        driver.Propose();

        Assert.Empty(driver.Acknowledge(2).Commit);
        Assert.Equal(1, driver.Core.CopiesOf(new LogIndex(2)));

        Assert.Equal([2], driver.Flush().Committed());
        Assert.Equal(2, driver.Core.CopiesOf(new LogIndex(2)));
    }

    [Fact]    // 5.3: "replicated it on a majority of the servers"; the primary's own copy is not needed
    public void A_majority_of_backups_commits_while_the_primary_still_flushes()
    {
        var driver = CommittedPrimary(voters: 3);
        driver.Propose();

        driver.Acknowledge(2);

        Assert.Equal([2], driver.Acknowledge(3).Committed());
    }

    [Theory, InlineData(3, 1), InlineData(4, 2), InlineData(5, 2), InlineData(7, 3)]
    public void An_entry_is_committed_by_a_majority_and_not_before(int voters, int others)
    {
        var driver = CommittedPrimary(voters);
        driver.Propose();
        driver.Flush();
        for (var backup = 2; backup < others + 1; backup++)
            Assert.Empty(driver.Acknowledge(backup).Commit);

        Assert.Equal([2], driver.Acknowledge(others + 1).Committed());
    }

    [Fact]    // 5.3: one acknowledgement, repeated, is one copy
    public void A_repeated_acknowledgement_is_one_copy()
    {
        var driver = CommittedPrimary(voters: 5);
        driver.Propose();
        driver.Flush();
        driver.Acknowledge(2);
        driver.Acknowledge(2);

        Assert.Equal(new LogIndex(1), driver.Core.CommitIndex);
    }

    [Fact]    // 5.4.2, figure 8: "Raft never commits log entries from previous terms by counting replicas"
    public void Entries_of_earlier_terms_commit_only_through_one_of_the_own_term()
    {
        var driver = ReplicaDriver.Primary(recovered: WithLog(1, 2, 2));
        var ownFirst = driver.Core.LastIndex;

        Assert.Empty(driver.Acknowledge(2, 3).Commit);
        Assert.Empty(driver.Acknowledge(3, 3).Commit);

        Assert.Equal([1, 2, 3, 4], driver.Acknowledge(2, ownFirst.Value).Committed());
    }

    [Fact]    // 5.3: "commits all preceding entries in the leader's log"
    public void One_acknowledgement_commits_all_before_it()
    {
        var driver = CommittedPrimary();
        driver.Propose("a");
        driver.Propose("b");
        driver.Propose("c");
        driver.Flush();

        Assert.Equal([2, 3], driver.Acknowledge(2, 3).Committed());
    }

    [Fact]    // 5.2: heartbeats "to all followers in order to maintain their authority"
    public void Heartbeats_go_to_all_at_their_interval()
    {
        var driver = CommittedPrimary();
        driver.Acknowledge(3);

        var effects = driver.Tick(HeartbeatTicks);

        Assert.Equal(
            [2, 3],
            effects.Send.Where(sent => sent.Message is PeerMessage.Heartbeat).Select(sent => sent.Peer.Value));
    }

    [Fact]    // a backup's log may differ from the primary's beyond the match, so the commit index must not reach there
    public void A_heartbeat_never_announces_a_commit_beyond_the_match()
    {
        var driver = CommittedPrimary();
        driver.Propose();
        driver.Flush();
        driver.Acknowledge(2);
        Assert.Equal(new LogIndex(2), driver.Core.CommitIndex);

        var effects = driver.Tick(HeartbeatTicks);

        Assert.All(effects.SentTo<PeerMessage.Heartbeat>(2), beat => Assert.Equal(new LogIndex(2), beat.Commit));
        Assert.All(effects.SentTo<PeerMessage.Heartbeat>(3), beat => Assert.Equal(LogIndex.Zero, beat.Commit));
    }

    [Fact]    // 5.3: "the leader decrements nextIndex and retries the AppendEntries RPC"
    public void A_refused_append_is_retried_from_further_back()
    {
        var driver = ReplicaDriver.Primary(recovered: WithLog(1, 1, 1, 1));

        var effects = driver.Receive(
            2, new PeerMessage.AppendReply(new Term(2), false, new LogIndex(4), new LogIndex(2), new Term(1)));

        var retry = Assert.Single(effects.SentTo<PeerMessage.AppendRequest>(2));
        Assert.Equal((2, 1), (retry.PreviousIndex.Value, retry.PreviousTerm.Value));
        Assert.Equal([3L, 4L, 5L], retry.Entries.Select(entry => entry.Index.Value));
    }

    [Fact]    // 5.3: "the leader retries AppendEntries RPCs indefinitely", also when nobody says that one was lost
    public void A_lost_append_is_sent_again()
    {
        var driver = CommittedPrimary();
        driver.Propose();
        driver.Flush();
        Effects effects = new();
        for (var beat = 0; beat < 3; beat++)
            effects.Send.AddRange(driver.Tick(HeartbeatTicks).Send);

        Assert.Contains(
            effects.SentTo<PeerMessage.AppendRequest>(2),
            request => request.Entries.Any(entry => entry.Index.Value == 2));
    }

    public static TheoryData<int[]> Figure7 =>
    [
        new[] { 1, 1, 1, 4, 4, 5, 5, 6, 6 },
        new[] { 1, 1, 1, 4 },
        new[] { 1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6 },
        new[] { 1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7 },
        new[] { 1, 1, 1, 4, 4, 4, 4 },
        new[] { 1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3 },
    ];

    [Theory, MemberData(nameof(Figure7))]    // 5.3, figure 7 (a) to (f)
    public void Any_log_of_figure_7_comes_to_equal_the_primarys(int[] terms)
    {
        var leader = WithLog(1, 1, 1, 4, 4, 5, 5, 6, 6, 6) with { HardState = new HardState(new Term(7), NodeId.None) };
        ReplicaGroup group = new(
            [leader, WithLog(terms) with { HardState = new HardState(new Term(7), NodeId.None) }, leader]);
        group.CutOff(2);
        group.Elect(1);
        group.Rejoin(2);

        group.Tick(4 * HeartbeatTicks);
        group.Propose(1, "next");
        group.Tick(HeartbeatTicks);

        Assert.Equal(12, group[1].CommitIndex.Value);
        Assert.Equal(group.AppliedBy(1), group.AppliedBy(2));
        Assert.Equal(group[1].LastIndex, group[2].LastIndex);
    }

    [Fact]
    public void Too_much_uncommitted_is_refused_until_some_is_committed()
    {
        var driver = CommittedPrimary(options: OptionsOf(1, 3) with { MaxUncommittedBytes = 10 });
        Assert.Single(driver.Propose(new string('a', 6)).Accepted);

        var refused = driver.Propose(new string('b', 6));
        driver.Flush();
        driver.Acknowledge(2);

        Assert.Equal(RefusalReason.Overloaded, Assert.Single(refused.Refused).Reason);
        Assert.Empty(refused.Persist);
        Assert.Single(driver.Propose(new string('c', 6)).Accepted);
    }

    [Fact]
    public void Too_many_uncommitted_entries_are_refused_until_some_are_committed()
    {
        var driver = CommittedPrimary(options: OptionsOf(1, 3) with { MaxUncommittedEntries = 2 });
        Assert.Single(driver.Propose("a").Accepted);
        Assert.Single(driver.Propose("b").Accepted);

        var refused = driver.Propose("c");
        driver.Flush();
        driver.Acknowledge(2);

        Assert.Equal(RefusalReason.Overloaded, Assert.Single(refused.Refused).Reason);
        Assert.Empty(refused.Persist);
        Assert.Single(driver.Propose("d").Accepted);
    }

    [Fact]
    public void A_message_carries_no_more_than_its_limit_but_at_least_one_entry()
    {
        var driver = CommittedPrimary(options: OptionsOf(1, 3) with { MaxAppendBytes = 10 });
        var payloads = new[] { 4, 4, 4, 30 }.Select((size, at) =>
            (Input)new Input.Propose(new Ticket(100 + at), Encoding.UTF8.GetBytes(new string('x', size))));

        var requests = driver.Step([.. payloads]).SentTo<PeerMessage.AppendRequest>(2);

        Assert.Equal([2, 1, 1], requests.Select(request => request.Entries.Length));
    }

    [Fact]
    public void No_more_than_the_limit_of_messages_is_unanswered()
    {
        var driver = CommittedPrimary(options: OptionsOf(1, 3) with { MaxInFlight = 3 });
        var sent = Enumerable.Range(0, 10).Sum(_ => driver.Propose().SentTo<PeerMessage.AppendRequest>(2).Count);
        Assert.Equal(3, sent);

        Assert.NotEmpty(driver.Acknowledge(2, 2).SentTo<PeerMessage.AppendRequest>(2));
    }

    [Fact]    // A deposed primary's entries are replaced: its callers may be told "unknown", never "failed"
    public void A_deposed_primarys_uncommitted_entries_give_way()
    {
        ReplicaGroup group = new(3);
        group.Elect(1);
        group.CutOff(1);
        group.Propose(1, "lost");
        group.Tick(4 * ElectionTicks);
        group.Propose(group.Primary, "kept");
        group.Rejoin(1);
        group.Tick(2 * ElectionTicks);

        Assert.NotEqual(1, group.Primary);
        Assert.Equal(group.AppliedBy(group.Primary), group.AppliedBy(1));
        Assert.Contains(group.AppliedBy(1), entry => entry.EndsWith("kept", StringComparison.Ordinal));
        Assert.DoesNotContain(group.AppliedBy(1), entry => entry.EndsWith("lost", StringComparison.Ordinal));
    }

    private static string Text(LogEntry entry) => Encoding.UTF8.GetString(entry.Payload.Span);
}
