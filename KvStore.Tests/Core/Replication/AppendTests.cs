using KvStore.Core.Primitives;
using KvStore.Core.Replication;
using static KvStore.Tests.Core.Replication.ReplicaDriver;

namespace KvStore.Tests.Core.Replication;

/// <summary>
/// Raft, section 5.3, the backup's side: what it takes, what it truncates, what it acknowledges and when.
/// </summary>
public sealed class AppendTests
{
    [Fact]    // Law 1: fsync before you speak
    public void A_backup_acknowledges_only_what_is_flushed()
    {
        ReplicaDriver driver = new(recovered: WithLog(1));

        var before = driver.Append(2, 1, 1, 1, 0, Entry(2, 1), Entry(3, 1));
        Assert.Empty(before.Send);
        Assert.Equal([2L, 3L], Assert.Single(before.Persist).Entries.Select(entry => entry.Index.Value));
        Assert.Equal(new LogIndex(1), driver.Core.FlushedIndex);

        var after = driver.Flush();
        Assert.Equal(Accepted(new Term(1), 3), Assert.Single(after.Send).Message);
        Assert.Equal(new LogIndex(3), driver.Core.FlushedIndex);
    }

    [Fact]    // Law 1: each flush carries its own acknowledgement
    public void Acknowledgements_follow_their_own_flush()
    {
        ReplicaDriver driver = new(recovered: WithLog(1));
        var first = driver.Append(2, 1, 1, 1, 0, Entry(2, 1)).Persist[0].Number;
        var second = driver.Append(2, 1, 2, 1, 0, Entry(3, 1)).Persist[0].Number;

        var afterFirst = driver.Step(new Input.Persisted(first)).Sent<PeerMessage.AppendReply>();
        var afterSecond = driver.Step(new Input.Persisted(second)).Sent<PeerMessage.AppendReply>();

        Assert.Equal(2, Assert.Single(afterFirst).Index.Value);
        Assert.Equal(3, Assert.Single(afterSecond).Index.Value);
    }

    [Fact]    // 5.5: "Raft RPCs are idempotent"
    public void A_repeated_append_is_acknowledged_and_changes_nothing()
    {
        ReplicaDriver driver = new(recovered: WithLog(1, 1, 1));

        var effects = driver.Append(2, 1, 1, 1, 0, Entry(2, 1), Entry(3, 1));

        Assert.Empty(effects.Persist);
        Assert.Equal(Accepted(new Term(1), 3), Assert.Single(effects.Send).Message);
    }

    [Fact]    // 5.5; Law 1: the first one is still under way to the disk
    public void A_repeated_append_is_not_acknowledged_before_the_first_is_flushed()
    {
        ReplicaDriver driver = new(recovered: WithLog(1));
        driver.Append(2, 1, 1, 1, 0, Entry(2, 1));

        var again = driver.Append(2, 1, 1, 1, 0, Entry(2, 1));

        Assert.Empty(again.Send);
        Assert.Equal(2, driver.Flush().Sent<PeerMessage.AppendReply>().Count);
    }

    // 5.3: "If the follower does not find an entry in its log with the same index and term,
    // then it refuses the new entries"
    [Theory]
    [InlineData(5, 3)]
    [InlineData(4, 3)]
    [InlineData(3, 3)]
    [InlineData(3, 1)]
    public void Entries_that_follow_nothing_here_are_refused(int previous, int previousTerm)
    {
        ReplicaDriver driver = new(recovered: WithLog(1, 2, 2));

        var effects = driver.Append(2, 3, previous, previousTerm, 0, Entry(previous + 1, 3));
        var reply = Assert.Single(
            effects.Sent<PeerMessage.AppendReply>().Concat(driver.Flush().Sent<PeerMessage.AppendReply>()));

        Assert.False(reply.IsAccepted);
        Assert.Equal(previous, reply.Index.Value);
        Assert.Equal(new LogIndex(3), driver.Core.LastIndex);
        Assert.True(reply.HintIndex < new LogIndex(previous) || previous == 3);
    }

    // end of 5.3: "one AppendEntries RPC will be required for each term with conflicting
    // entries, rather than one ... per entry"
    [Fact]
    public void A_refusal_skips_a_whole_conflicting_term()
    {
        ReplicaDriver driver = new(recovered: WithLog(1, 1, 4, 4, 4, 4));

        driver.Append(2, 5, 6, 3, 0, Entry(7, 5));
        var reply = Assert.Single(driver.Flush().Sent<PeerMessage.AppendReply>());

        Assert.Equal((2, 1), (reply.HintIndex.Value, reply.HintTerm.Value));
    }

    [Fact]    // 5.3: "conflicting entries in follower logs will be overwritten with entries from the leader's log"
    public void A_conflicting_tail_is_replaced()
    {
        ReplicaDriver driver = new(recovered: WithLog(1, 2, 2, 2));

        var effects = driver.Append(2, 3, 1, 1, 0, Entry(2, 3));

        Assert.Equal(new LogIndex(2), driver.Core.LastIndex);
        Assert.Equal(new Term(3), driver.Core.TermAt(new LogIndex(2)));
        Assert.Equal(new LogIndex(1), driver.Core.FlushedIndex);
        var persist = Assert.Single(effects.Persist);
        Assert.Equal(2, Assert.Single(persist.Entries).Index.Value);
        Assert.Equal(2, Assert.Single(driver.Flush().Sent<PeerMessage.AppendReply>()).Index.Value);
    }

    [Fact]    // figure 2, AppendEntries 3: only "if an existing entry conflicts with a new one"; Law 5
    public void A_late_shorter_append_truncates_nothing()
    {
        ReplicaDriver driver = new(recovered: WithLog(1, 1, 1, 1));

        var effects = driver.Append(2, 1, 1, 1, 0, Entry(2, 1));

        Assert.Equal(new LogIndex(4), driver.Core.LastIndex);
        Assert.Empty(effects.Persist);
        Assert.Equal(2, Assert.Single(effects.Sent<PeerMessage.AppendReply>()).Index.Value);
    }

    [Fact]    // 5.3: a flush of entries that were replaced meanwhile says nothing about their successors
    public void A_flush_under_way_does_not_vouch_for_what_replaced_it()
    {
        ReplicaDriver driver = new(recovered: WithLog(1));
        var old = driver.Append(2, 1, 1, 1, 0, Entry(2, 1), Entry(3, 1)).Persist[0].Number;
        driver.Append(3, 2, 1, 1, 0, Entry(2, 2), Entry(3, 2));

        var effects = driver.Step(new Input.Persisted(old));

        Assert.Equal(new LogIndex(1), driver.Core.FlushedIndex);
        Assert.DoesNotContain(effects.Sent<PeerMessage.AppendReply>(), reply => reply.Term == new Term(2));
        Assert.Equal(3, Assert.Single(driver.Flush().Sent<PeerMessage.AppendReply>()).Index.Value);
        Assert.Equal(new LogIndex(3), driver.Core.FlushedIndex);
    }

    [Theory]    // figure 2: "set commitIndex = min(leaderCommit, index of last new entry)"
    [InlineData(2, 2)]
    [InlineData(3, 3)]
    [InlineData(9, 3)]
    public void Commit_goes_no_further_than_the_entries_that_are_known_to_agree(int announced, int committed)
    {
        ReplicaDriver driver = new(recovered: WithLog(1, 1, 1, 1));

        var effects = driver.Append(2, 1, 1, 1, announced, Entry(2, 1), Entry(3, 1));

        Assert.Equal(new LogIndex(committed), driver.Core.CommitIndex);
        Assert.Equal(Enumerable.Range(1, committed).Select(index => (long)index), effects.Committed());
    }

    [Fact]    // 5.3: "it applies the entry to its local state machine (in log order)", each once
    public void Committed_entries_are_handed_out_once_and_in_order()
    {
        ReplicaDriver driver = new();
        List<long> handedOut = [];
        handedOut.AddRange(driver.Append(2, 1, 0, 0, 1, Entry(1, 1), Entry(2, 1), Entry(3, 1)).Committed());
        handedOut.AddRange(driver.Append(2, 1, 0, 0, 1, Entry(1, 1), Entry(2, 1), Entry(3, 1)).Committed());
        handedOut.AddRange(driver.Receive(2, HeartbeatOf(1, commit: 3)).Committed());
        handedOut.AddRange(driver.Receive(2, HeartbeatOf(1, commit: 2)).Committed());
        handedOut.AddRange(driver.Flush().Committed());

        Assert.Equal([1, 2, 3], handedOut);
    }

    [Fact]
    public void A_heartbeat_is_answered_with_its_round()
    {
        ReplicaDriver driver = new(recovered: WithLog(1));

        var effects = driver.Receive(2, HeartbeatOf(1, round: 42));

        Assert.Equal(new PeerMessage.HeartbeatReply(new Term(1), 42), Assert.Single(effects.Send).Message);
        Assert.Equal(new NodeId(2), driver.Core.Primary);
    }

    [Fact]    // Law 5: never below the commit index
    public void What_is_committed_is_never_truncated()
    {
        ReplicaDriver driver = new(recovered: WithLog(1, 1));
        driver.Receive(2, HeartbeatOf(1, commit: 2));

        var effects = driver.Append(2, 2, 1, 1, 0, Entry(2, 2));

        Assert.Equal(new Term(1), driver.Core.TermAt(new LogIndex(2)));
        Assert.DoesNotContain(effects.Persist, persist => !persist.Entries.IsEmpty);
    }

    [Fact]
    public void A_backup_takes_no_proposals_and_no_reads()
    {
        ReplicaDriver driver = new();

        Assert.Equal(RefusalReason.NotPrimary, Assert.Single(driver.Propose().Refused).Reason);
        Assert.Equal(RefusalReason.NotPrimary, Assert.Single(driver.Read().Refused).Reason);
        Assert.Equal(LogIndex.Zero, driver.Core.LastIndex);
    }
}
