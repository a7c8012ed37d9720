using KvStore.Core.Primitives;
using KvStore.Core.Replication;
using KvStore.Core.State;
using static KvStore.Tests.Core.Replication.ReplicaDriver;

namespace KvStore.Tests.Core.Replication;

/// <summary>Raft, section 7: log compaction and InstallSnapshot.</summary>
public sealed class SnapshotTests
{
    // 7: "the last included index" and term are kept "to support the AppendEntries consistency check
    // for the first log entry following"
    [Fact]
    public void Compaction_keeps_what_follows_and_remembers_where_it_cut()
    {
        var driver = CommittedPrimary(recovered: WithLog(1, 1, 1));

        driver.Step(new Input.Compact(new LogIndex(3)));

        Assert.Equal(new LogIndex(3), driver.Core.LogStart);
        Assert.Equal(new Term(1), driver.Core.TermAt(new LogIndex(3)));
        Assert.Null(driver.Core.TermAt(new LogIndex(2)));
        Assert.Equal(new LogIndex(4), driver.Core.LastIndex);
        Assert.Equal(new Term(2), driver.Core.TermAt(new LogIndex(4)));
    }

    [Fact]
    public void A_compaction_that_comes_late_changes_nothing()
    {
        var driver = CommittedPrimary(recovered: WithLog(1, 1, 1));
        driver.Step(new Input.Compact(new LogIndex(3)));

        driver.Step(new Input.Compact(new LogIndex(2)));

        Assert.Equal(new LogIndex(3), driver.Core.LogStart);
    }

    [Fact]    // 7, after a restart
    public void A_replica_recovers_behind_its_snapshot()
    {
        var recovered = new RecoveredReplica(
            new HardState(new Term(2), NodeId.None), new LogIndex(5), new Term(1), Entries(6, 2, 2));
        ReplicaDriver driver = new(recovered: recovered);

        Assert.Equal(new LogIndex(7), driver.Core.LastIndex);
        Assert.Equal(new LogIndex(5), driver.Core.CommitIndex);
        Assert.Equal([6, 7], driver.Receive(2, HeartbeatOf(2, commit: 7)).Committed());
    }

    [Fact]    // 7: "when the leader has already discarded the next log entry that it needs to send to a follower"
    public void A_backup_behind_the_log_is_sent_the_state()
    {
        var driver = CompactedPrimary();

        var effects = Refuse(driver, 3);

        Assert.Equal((new NodeId(3), new Term(2)), Assert.Single(effects.SendSnapshot));
        Assert.Empty(effects.SentTo<PeerMessage.AppendRequest>(3));
    }

    [Fact]    // one at a time: while it is on its way nothing else is sent
    public void While_a_snapshot_is_on_its_way_no_other_is_asked_for()
    {
        var driver = CompactedPrimary();
        Refuse(driver, 3);

        var effects = driver.Propose();
        effects.SendSnapshot.AddRange(driver.Tick(2 * HeartbeatTicks).SendSnapshot);

        Assert.Empty(effects.SendSnapshot);
        Assert.Empty(effects.SentTo<PeerMessage.AppendRequest>(3));
    }

    [Fact]
    public void A_snapshot_that_did_not_arrive_is_sent_again()
    {
        var driver = CompactedPrimary();
        Refuse(driver, 3);
        driver.Step(new Input.SnapshotSent(new NodeId(3), new LogIndex(4), HasArrived: false));

        List<(NodeId, Term)> again = [];
        for (var beat = 0; beat < 4; beat++)
        {
            again.AddRange(driver.Receive(3, new PeerMessage.HeartbeatReply(new Term(2), 1)).SendSnapshot);
            again.AddRange(driver.Tick(HeartbeatTicks).SendSnapshot);
        }

        Assert.Single(again);
    }

    [Fact]
    public void After_the_snapshot_the_log_goes_on_from_its_end()
    {
        var driver = CompactedPrimary();
        Refuse(driver, 3);
        driver.Propose();
        driver.Flush();
        driver.Step(new Input.SnapshotSent(new NodeId(3), new LogIndex(4), HasArrived: true));

        var request = Assert.Single(driver.Acknowledge(3, 4).SentTo<PeerMessage.AppendRequest>(3));

        Assert.Equal((4, 2), (request.PreviousIndex.Value, request.PreviousTerm.Value));
        Assert.Equal(5, Assert.Single(request.Entries).Index.Value);
    }

    [Fact]    // 7: "the follower discards its entire log; it is all superseded by the snapshot"
    public void A_snapshot_beyond_the_log_replaces_log_and_state()
    {
        ReplicaDriver driver = new(recovered: WithLog(1, 1));

        var effects = driver.Receive(2, Install(3, 9, 2));

        Assert.Equal(new LogIndex(9), effects.Restore!.Index);
        Assert.Equal(new LogIndex(9), Assert.Single(effects.Persist).Snapshot!.Index);
        Assert.Empty(effects.Persist[0].Entries);
        Assert.Empty(effects.Commit);
        Assert.Equal(new LogIndex(9), driver.Core.LastIndex);
        Assert.Equal(new LogIndex(9), driver.Core.CommitIndex);
        Assert.Equal(new LogIndex(9), driver.Core.LogStart);
    }

    [Fact]    // Law 1, for a snapshot
    public void A_snapshot_is_acknowledged_only_when_flushed()
    {
        ReplicaDriver driver = new(recovered: WithLog(1, 1));

        var before = driver.Receive(2, Install(3, 9, 2));
        var after = driver.Flush();

        Assert.Empty(before.Send);
        Assert.Equal(Accepted(new Term(3), 9), Assert.Single(after.Send).Message);
        Assert.Equal(new LogIndex(9), driver.Core.FlushedIndex);
    }

    [Fact]    // 7: a conflicting log of the same length is superseded too
    public void A_snapshot_that_contradicts_the_log_replaces_it()
    {
        ReplicaDriver driver = new(recovered: WithLog(1, 1, 1, 1));

        var effects = driver.Receive(2, Install(3, 3, 2));

        Assert.NotNull(effects.Restore);
        Assert.Equal(new LogIndex(3), driver.Core.LastIndex);
    }

    // 7: "If instead the follower receives a snapshot that describes a prefix of its log ..., entries
    // following the snapshot are still valid"
    [Fact]
    public void A_snapshot_of_a_prefix_of_the_log_keeps_what_follows()
    {
        ReplicaDriver driver = new(recovered: WithLog(1, 1, 1, 1));

        var effects = driver.Receive(2, Install(1, 3, 1));

        Assert.Equal(new LogIndex(4), driver.Core.LastIndex);
        Assert.Equal(new LogIndex(3), driver.Core.CommitIndex);
        Assert.True(effects.Restore is not null || effects.Committed() is [1, 2, 3]);
    }

    [Fact]    // retransmission or mistake: what is applied is not taken back
    public void A_snapshot_of_what_is_committed_already_is_ignored()
    {
        ReplicaDriver driver = new(recovered: WithLog(1, 1, 1));
        driver.Receive(2, HeartbeatOf(1, commit: 3));

        var effects = driver.Receive(2, Install(1, 2, 1));

        Assert.Null(effects.Restore);
        Assert.Empty(effects.Persist);
        Assert.Equal(new LogIndex(3), driver.Core.LastIndex);
        Assert.Equal(Accepted(new Term(1), 3), Assert.Single(effects.Send).Message);
    }

    [Fact]    // 5.1, for snapshots
    public void A_snapshot_of_an_earlier_term_is_refused()
    {
        ReplicaDriver driver = new(recovered: WithLog(5));

        var effects = driver.Receive(2, Install(4, 9, 4));

        Assert.Null(effects.Restore);
        Assert.Equal(new LogIndex(1), driver.Core.LastIndex);
    }

    [Fact]
    public void After_a_snapshot_appends_follow_it()
    {
        ReplicaDriver driver = new();
        driver.Receive(2, Install(3, 9, 2));
        driver.Flush();

        driver.Append(2, 3, 9, 2, 10, Entry(10, 3));

        Assert.Equal([10L], driver.Flush().Sent<PeerMessage.AppendReply>().Select(reply => reply.Index.Value));
        Assert.Equal(new LogIndex(10), driver.Core.CommitIndex);
    }

    [Fact]
    public void A_member_that_slept_through_a_compaction_catches_up_by_snapshot()
    {
        ReplicaGroup group = new(3);
        group.Elect(1);
        group.CutOff(3);
        for (var i = 0; i < 20; i++)
            group.Propose(1, $"entry {i}");
        group.Step(1, new Input.Compact(group[1].CommitIndex));

        group.Rejoin(3);
        group.Tick(4 * ElectionTicks);
        group.Propose(1, "last");
        group.Tick(HeartbeatTicks);

        Assert.Equal(1, group.Primary);
        Assert.Equal(group[1].LastIndex, group[3].CommitIndex);
        Assert.True(group[3].LogStart > LogIndex.Zero);
    }

    /// <summary>
    /// Primary of term 2 with four committed entries, of which three are compacted away; node 3 has none.
    /// </summary>
    private static ReplicaDriver CompactedPrimary()
    {
        var driver = CommittedPrimary(recovered: WithLog(1, 1, 1));
        driver.Step(new Input.Compact(new LogIndex(3)));
        return driver;
    }

    private static Effects Refuse(ReplicaDriver driver, int from) =>
        driver.Receive(
            from, new PeerMessage.AppendReply(driver.Core.Term, false, new LogIndex(3), LogIndex.Zero, Term.Zero));

    private static PeerMessage.InstallSnapshot Install(int term, long index, int lastTerm) =>
        new(new Term(term), new Snapshot(
            new LogIndex(index),
            new Term(lastTerm),
            new GroupConfiguration(OptionsOf(1, 3).Voters, []),
            StateImage.Empty));
}
