using System.Collections.Immutable;
using KvStore.Core.Primitives;
using KvStore.Core.Replication;
using KvStore.Core.State;
using static KvStore.Tests.Core.Replication.ReplicaDriver;

namespace KvStore.Tests.Core.Replication;

/// <summary>Ongaro's thesis, chapter 4: cluster membership changes, one server at a time.</summary>
public sealed class ConfigurationTests
{
    [Fact]    // 4.1: "each server starts using it as soon as it is appended to its log"
    public void A_configuration_is_in_force_once_appended_and_committed_by_its_own_majority()
    {
        var driver = WithLearner(4);

        driver.Step(new Input.Reconfigure(Of([1, 2, 3, 4])));
        driver.Flush();

        Assert.True(Of([1, 2, 3, 4]).HasSameMembers(driver.Core.Configuration));
        Assert.Empty(driver.Acknowledge(2).Commit);    // two of three would do, two of four do not
        Assert.Single(driver.Acknowledge(4).Commit);
    }

    [Fact]
    public void A_change_of_members_keeps_the_era()
    {
        var driver = CommittedPrimary();
        Assert.Equal(Era.BegunIn(driver.Core.Term), driver.Core.Configuration.Era);
        driver.Step(new Input.Reconfigure(Of([1, 2, 3], 4)));
        Assert.Equal(Of([1, 2, 3], 4).WithEra(Era.BegunIn(driver.Core.Term)), driver.Core.Configuration);
    }

    [Fact]    // 4.2.1: "a server that is not yet a voting member" receives entries and does not count
    public void A_learner_is_fed_and_does_not_count()
    {
        var driver = CommittedPrimary();
        var effects = driver.Step(new Input.Reconfigure(Of([1, 2, 3], 4)));
        Assert.NotEmpty(effects.SentTo<PeerMessage.AppendRequest>(4));
        driver.Flush();

        Assert.Empty(driver.Acknowledge(4).Commit);
        Assert.Equal(1, driver.Core.CopiesOf(driver.Core.LastIndex));
        Assert.Single(driver.Acknowledge(3).Commit);
    }

    [Fact]    // 4.2.1, for reads: a learner's echo confirms nobody's leadership
    public void A_learner_confirms_no_read()
    {
        var driver = WithLearner(4);
        var round = driver.Read().SentTo<PeerMessage.Heartbeat>(4)[0].Round;

        Assert.Empty(driver.Receive(4, new PeerMessage.HeartbeatReply(driver.Core.Term, round)).Reads);
        Assert.Single(driver.Receive(2, new PeerMessage.HeartbeatReply(driver.Core.Term, round)).Reads);
    }

    [Fact]    // 4.2.2: a removed or not yet added server must not start elections
    public void Who_is_no_voter_holds_no_election()
    {
        ReplicaDriver outside = new(options: OptionsOf(9, 3));
        ReplicaDriver learner = new(recovered: WithConfiguration(Of([2, 3], 1)));

        Assert.Empty(outside.Tick(10 * ElectionTicks).Send);
        Assert.Empty(learner.Tick(10 * ElectionTicks).Send);
        Assert.Empty(learner.Receive(2, new PeerMessage.TransferNow(learner.Core.Term)).Persist);
    }

    [Fact]    // 4.2.1 with 4.1: one that was made a voter may not know it yet, and its vote may be needed
    public void Who_is_asked_for_a_vote_gives_it_whatever_it_believes_to_be()
    {
        ReplicaDriver learner = new(recovered: WithConfiguration(Of([2, 3], 1)));

        learner.Receive(2, VoteRequestOf(term: 2, lastIndex: 5, lastTerm: 1));

        Assert.True(Assert.Single(learner.Flush().SentTo<PeerMessage.VoteReply>(2)).IsGranted);
    }

    [Fact]    // 4.2.1: a candidate counts voters of its own configuration alone
    public void A_learners_vote_is_not_counted()
    {
        ReplicaDriver candidate = new(recovered: WithConfiguration(Of([1, 2, 3], 4)));
        candidate.BecomeCandidate();

        candidate.Receive(4, new PeerMessage.VoteReply(candidate.Core.Term, IsGranted: true, IsPreVote: false));
        Assert.Equal(ReplicaRole.Candidate, candidate.Core.Role);
        candidate.Receive(3, new PeerMessage.VoteReply(candidate.Core.Term, IsGranted: true, IsPreVote: false));
        Assert.Equal(ReplicaRole.Primary, candidate.Core.Role);
    }

    [Fact]    // 4.1: "a new configuration change may be started only once the previous one has been committed"
    public void One_change_at_a_time()
    {
        var driver = CommittedPrimary();
        driver.Step(new Input.Reconfigure(Of([1, 2, 3], 4)));

        Assert.False(driver.Core.MayReconfigure);
        Assert.Empty(driver.Step(new Input.Reconfigure(Of([1, 2]))).Persist);
        driver.Flush();
        driver.Acknowledge(2);
        Assert.Single(driver.Step(new Input.Reconfigure(Of([1, 2], 4))).Persist);
    }

    [Fact]    // the bug of 2015 in 4.1: not before an entry of its own term is committed
    public void No_change_before_the_first_commit_of_the_term()
    {
        var driver = Primary();

        Assert.False(driver.Core.MayReconfigure);
        Assert.Empty(driver.Step(new Input.Reconfigure(Of([1, 2, 3], 4))).Persist);
        driver.Acknowledge(2);
        Assert.True(driver.Core.MayReconfigure);
    }

    [Theory]    // 4.1: "only one server can be added or removed from the cluster at a time"
    [InlineData(new[] { 1, 2 }, new int[0], true)]
    [InlineData(new[] { 1 }, new[] { 4 }, false)]
    [InlineData(new[] { 2, 3 }, new[] { 4 }, false)]    // the primary itself: it hands over first
    [InlineData(new[] { 1, 2, 3, 4 }, new int[0], true)]
    [InlineData(new[] { 1, 2, 4 }, new int[0], false)]
    [InlineData(new[] { 1, 2, 3, 5 }, new[] { 4 }, false)]    // not a learner before
    [InlineData(new[] { 1, 2, 3 }, new[] { 4, 5, 6 }, true)]
    [InlineData(new[] { 1, 2, 3 }, new[] { 4 }, false)]    // nothing would change
    public void Only_single_steps_are_taken(int[] voters, int[] learners, bool isTaken)
    {
        var driver = WithLearner(4);
        driver.Acknowledge(4);

        var effects = driver.Step(new Input.Reconfigure(Of(voters, learners)));

        Assert.Equal(isTaken ? 1 : 0, effects.Persist.Count);
    }

    [Fact]    // 4.2.1: caught up first, or the group would wait for it
    public void A_learner_that_lags_is_made_no_voter()
    {
        var driver = WithLearner(4, isCaughtUp: false);

        Assert.False(driver.Core.IsCaughtUp(new NodeId(4)));
        Assert.Empty(driver.Step(new Input.Reconfigure(Of([1, 2, 3, 4]))).Persist);
        driver.Acknowledge(4);
        Assert.Single(driver.Step(new Input.Reconfigure(Of([1, 2, 3, 4]))).Persist);
    }

    [Fact]    // 4.1: "it must be prepared to fall back to the previous configuration in its log"
    public void A_truncated_configuration_gives_way_to_the_one_before()
    {
        ReplicaDriver backup = new();
        backup.Append(2, term: 1, previous: 0, previousTerm: 0, commit: 0, Entry(1, 1), Change(2, 1, Of([1, 2, 3], 4)));
        Assert.Equal(Of([1, 2, 3], 4), backup.Core.Configuration);

        backup.Append(3, term: 2, previous: 1, previousTerm: 1, commit: 0, Entry(2, 2));

        Assert.Equal(Of([1, 2, 3]), backup.Core.Configuration);
    }

    [Fact]
    public void A_configuration_survives_a_restart_compaction_and_a_snapshot()
    {
        var (first, second) = (Of([1, 2, 3], 4), Of([1, 2, 3, 4]));
        ReplicaDriver replica = new(recovered: new RecoveredReplica(
            new HardState(new Term(1), NodeId.None),
            LogIndex.Zero,
            Term.Zero,
            [Entry(1, 1), Change(2, 1, first), Change(3, 1, second)]));
        Assert.Equal(second, replica.Core.Configuration);
        Assert.Equal(
            (Of([1, 2, 3]), first, second),
            (At(replica, 1), At(replica, 2), At(replica, 3)));

        replica.Receive(2, HeartbeatOf(term: 1, commit: 3));
        replica.Step(new Input.Compact(new LogIndex(2)));
        Assert.Equal((first, second), (At(replica, 2), replica.Core.Configuration));

        Snapshot ahead = new(new LogIndex(9), new Term(1), Of([2, 3, 5]), StateImage.Empty);
        replica.Receive(2, new PeerMessage.InstallSnapshot(new Term(1), ahead));
        Assert.Equal((Of([2, 3, 5]), false), (replica.Core.Configuration, replica.Core.IsVoter));
    }

    [Fact]    // 4.2.2: the removed one is told no more, and what it says is not counted
    public void Who_is_removed_is_no_longer_fed_nor_heard()
    {
        var driver = CommittedPrimary();
        driver.Step(new Input.Reconfigure(Of([1, 2])));
        driver.Flush();

        Assert.Empty(driver.Acknowledge(3).Commit);
        Assert.Single(driver.Acknowledge(2).Commit);
        Assert.Empty(driver.Propose().SentTo<PeerMessage.AppendRequest>(3));
    }

    [Fact]
    public void A_group_moves_by_learning_joining_and_only_then_leaving()
    {
        var driver = CommittedPrimary();
        ImmutableArray<NodeId> wanted = [new(1), new(4), new(5)];
        List<string> steps = [];
        while (ConfigurationPlan.Next(driver.Core, wanted, lost: []) is { } step)
        {
            steps.Add(Assert.IsType<Input.Reconfigure>(step).Next.ToString());
            driver.Step(step);
            driver.Flush();
            foreach (var member in driver.Core.Configuration.Members.Where(member => member.Value != 1))
                driver.Acknowledge(member.Value);
        }

        Assert.Equal(["1 2 3 + 4 5", "1 2 3 4 + 5", "1 2 3 4 5", "1 3 4 5", "1 4 5"], steps);
    }

    [Fact]
    public void Who_is_lost_for_ever_goes_before_another_comes_so_that_the_newcomer_may_be_lost_too()
    {
        var driver = CommittedPrimary();
        ImmutableArray<NodeId> wanted = [new(1), new(2), new(4)];
        List<string> steps = [];
        while (ConfigurationPlan.Next(driver.Core, wanted, lost: [new(3)]) is { } step)
        {
            steps.Add(Assert.IsType<Input.Reconfigure>(step).Next.ToString());
            driver.Step(step);
            driver.Flush();
            foreach (var member in driver.Core.Configuration.Members.Where(member => member.Value is 2 or 4))
                driver.Acknowledge(member.Value);
        }

        Assert.Equal(["1 2", "1 2 + 4", "1 2 4"], steps);
    }

    [Fact]    // 3.10 with 4.2.2: a primary that is to leave hands over first
    public void A_primary_that_is_not_wanted_hands_over_to_one_that_is()
    {
        var driver = CommittedPrimary();

        var step = ConfigurationPlan.Next(driver.Core, [new NodeId(2), new NodeId(3)], lost: []);

        Assert.Equal(new Input.Transfer(new NodeId(2)), step);
    }

    [Fact]
    public void A_learner_that_is_not_wanted_any_more_is_let_go()
    {
        var driver = WithLearner(4);

        var step = ConfigurationPlan.Next(driver.Core, [new NodeId(1), new NodeId(2), new NodeId(3)], lost: []);

        Assert.Equal(Of([1, 2, 3]), Assert.IsType<Input.Reconfigure>(step).Next);
    }

    [Fact]
    public void Its_bytes_come_back_and_nothing_else_passes_for_them()
    {
        var bytes = GroupConfigurationFormat.Encode(Of([3, 1, 70_000], 2));
        Assert.Equal(Of([3, 1, 70_000], 2), GroupConfigurationFormat.Decode(bytes));
        for (var length = 0; length < bytes.Length; length++)
            Assert.Throws<InvalidDataException>(() => GroupConfigurationFormat.Decode(bytes.AsSpan(0, length)));
        Assert.Equal(new Era(9), GroupConfigurationFormat.Decode(
            GroupConfigurationFormat.Encode(Of([3, 1]).WithEra(new Era(9)))).Era);
        Assert.Equal(Of([1]), GroupConfigurationFormat.Decode([1, 1, 0, 1, 0, 0, 0]));    // of before there were eras
        Assert.Throws<InvalidDataException>(() => GroupConfigurationFormat.Decode([3, 1, 0, 1, 0, 0, 0]));
        Assert.Throws<InvalidDataException>(() => GroupConfigurationFormat.Decode([2, 1, 0, 1, 0, 0, 0]));
        Assert.Throws<InvalidDataException>(() => GroupConfigurationFormat.Decode([1, 0, 1, 1, 0, 0, 0]));
        Assert.Throws<InvalidDataException>(() => GroupConfigurationFormat.Decode([1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 0]));
        Assert.Throws<InvalidDataException>(() => GroupConfigurationFormat.Decode([1, 1, 0, 0, 0, 0, 0]));
        Assert.Throws<InvalidDataException>(() => GroupConfigurationFormat.Decode([1, 255, 255]));
    }

    private static GroupConfiguration Of(int[] voters, params int[] learners) =>
        new([.. voters.Select(id => new NodeId(id))], [.. learners.Select(id => new NodeId(id))]);

    private static GroupConfiguration At(ReplicaDriver replica, long index) =>
        replica.Core.ConfigurationAt(new LogIndex(index));

    private static LogEntry Change(long index, int term, GroupConfiguration configuration) =>
        new(
            new LogIndex(index),
            new Term(term),
            EntryKind.Configuration,
            GroupConfigurationFormat.Encode(configuration));

    private static RecoveredReplica WithConfiguration(GroupConfiguration configuration) => new(
        new HardState(new Term(1), NodeId.None), LogIndex.Zero, Term.Zero, [Change(1, 1, configuration)]);

    /// <summary>A primary of three voters and a learner, all of it committed.</summary>
    private static ReplicaDriver WithLearner(int learner, bool isCaughtUp = true)
    {
        var driver = CommittedPrimary(options: OptionsOf(1, 3) with { CaughtUpEntries = 0 });
        driver.Step(new Input.Reconfigure(Of([1, 2, 3], learner)));
        driver.Flush();
        driver.Acknowledge(2);
        if (isCaughtUp)
            driver.Acknowledge(learner);
        return driver;
    }
}
