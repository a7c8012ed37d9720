using KvStore.Core.Primitives;
using KvStore.Core.Replication;
using KvStore.Node.Replication;
using static KvStore.Tests.Core.State.Commands;
using static KvStore.Tests.Node.Replication.ReplicaHarness;

namespace KvStore.Tests.Node.Replication;

public sealed class PartitionReplicaTests
{
    /// <summary>Else the log of a node could never let go of what a group without writes once had in it.</summary>
    [Fact]
    public void An_election_alone_is_worth_a_capture()
    {
        var primary = ReplicaHarness.Primary();

        Assert.Equal(0, primary.Replica.Image.Count);
        Assert.True(primary.Replica.LogBytes > 0);
    }

    [Fact]
    public void A_read_waits_for_a_majority_to_confirm_and_sees_all_that_was_answered_before()
    {
        var primary = ReplicaHarness.Primary();
        primary.Write(Put("k", "v"));
        primary.Flush();
        primary.Acknowledge(2);
        primary.Sent.Clear();
        var read = primary.Read();
        Assert.False(read.IsDone);
        var beat = primary.Sent.Select(envelope => envelope.Message).OfType<PeerMessage.Heartbeat>().First();

        primary.Receive(3, new PeerMessage.HeartbeatReply(primary.Term, beat.Round - 1));
        Assert.False(read.IsDone);
        primary.Receive(3, new PeerMessage.HeartbeatReply(primary.Term, beat.Round));

        var ready = Outcome<ReadOutcome.Ready>(read);
        Assert.True(ready.IsPrimary);
        Assert.Equal(TimeSpan.Zero, ready.Staleness);
        Assert.NotNull(ready.Image.Find("k"u8));
    }

    [Fact]
    public void A_waiting_read_is_refused_when_a_later_primary_is_heard()
    {
        var primary = ReplicaHarness.Primary();
        var read = primary.Read();
        primary.Receive(2, new PeerMessage.Heartbeat(primary.Term.Next(), LogIndex.Zero, Round: 1, LogIndex.Zero));

        Assert.Equal(new NodeId(2), Outcome<ReadOutcome.NotPrimary>(read).Hint);
    }

    [Fact]
    public void A_primary_that_nobody_answers_any_more_refuses_its_reads()
    {
        var primary = ReplicaHarness.Primary();
        var read = primary.Read();
        primary.Tick(25);

        Assert.NotEqual(ReplicaRole.Primary, primary.Replica.Role);
        Outcome<ReadOutcome.NotPrimary>(read);
        Assert.Equal(NodeId.None, primary.Replica.Hint.Primary);
    }

    [Fact]
    public void A_lost_voter_goes_and_its_successor_becomes_a_voter_although_it_needs_time_to_catch_up()
    {
        var primary = ReplicaHarness.Elected();
        primary.Flush();
        primary.Acknowledge(2);
        primary.Replica.Follow(keepers: [new(1), new(2), new(4)], lost: [new(3)]);
        List<string> seen = [];
        for (var tick = 0; tick < 100 && seen.LastOrDefault() != "1 2 4"; tick++)
        {
            primary.Tick();
            primary.Flush();
            primary.Acknowledge(2);
            if (tick > 20)
                primary.Acknowledge(4);
            if ($"{primary.Replica.Replica.Configuration}" is var now && now != seen.LastOrDefault())
                seen.Add(now);
        }

        Assert.Equal(["1 2", "1 2 + 4", "1 2 4"], seen);
    }

    [Fact]
    public void A_primary_knows_what_its_backups_lack_and_a_backup_knows_nothing_of_it()
    {
        var primary = ReplicaHarness.Primary();
        primary.Write(Put("k", "1"));
        primary.Write(Put("k", "2"));
        primary.Acknowledge(2);
        primary.Tick();
        Assert.Equal([(new NodeId(2), 0L), (new NodeId(3), 3L)], primary.Replica.Lags);
        var before = primary.Replica.Lags;
        primary.Tick();
        Assert.Equal(before, primary.Replica.Lags);    // the very same array: an idle primary allocates none
        primary.Follow(2, primary.LastIndex.Value, commit: 0);
        primary.Tick();
        Assert.Empty(primary.Replica.Lags);
    }

    [Fact]
    public void What_is_applied_while_a_capture_is_saved_counts_towards_the_next()
    {
        var primary = ReplicaHarness.Primary(voters: 1);
        primary.Write(Put("k", new string('v', 1000)));
        primary.Flush();
        var captured = primary.Replica.LogBytes;
        Assert.True(captured > 1000);
        var capture = primary.Replica.Capture();
        primary.Write(Put("k", new string('v', 500)));
        primary.Flush();
        primary.Replica.Saved(capture.Index, captured, keptBytes: 1 << 20);

        Assert.InRange(primary.Replica.LogBytes, 500, 700);
        Assert.Equal((new LogIndex(2), primary.Term), (capture.Index, capture.Term));
        Assert.Equal(1000, capture.State.Find("k"u8)!.Value.Length);
    }

    [Theory]
    [InlineData(1 << 20, 0)]
    [InlineData(5_000, 7)]    // of ten values and the first entry, four values
    [InlineData(0, 11)]
    public void Behind_a_capture_the_log_keeps_few_bytes_of_large_values(long keptBytes, long start)
    {
        var primary = ReplicaHarness.Primary(voters: 1);
        for (var number = 0; number < 10; number++)
        {
            primary.Write(Put("k", new string('v', 1000)));
            primary.Flush();
        }

        var capture = primary.Replica.Capture();
        primary.Replica.Saved(capture.Index, primary.Replica.LogBytes, keptBytes);
        primary.Replica.Step();

        Assert.Equal(start, primary.Replica.Replica.LogStart.Value);
    }

    [Fact]
    public async Task Who_waits_for_an_entry_is_woken_when_it_is_applied_and_not_before()
    {
        var primary = ReplicaHarness.Primary();
        primary.Write(Put("k", "1"));
        var index = primary.LastIndex;
        var waiting = primary.Replica.AppliedAsync(index, CancellationToken.None);
        primary.Write(Put("k", "2"));
        primary.Flush();
        Assert.False(waiting.IsCompleted);
        primary.Acknowledge(2, index);

        await waiting;
        Assert.Equal(index, primary.Replica.Image.Index);
        Assert.True(primary.Replica.AppliedAsync(index, CancellationToken.None).IsCompletedSuccessfully);
    }

    [Fact]
    public async Task Who_gives_up_waiting_for_an_entry_leaves_nothing_behind()
    {
        var primary = ReplicaHarness.Primary();
        using CancellationTokenSource patience = new();
        var waiting = primary.Replica.AppliedAsync(new LogIndex(99), patience.Token);
        await patience.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
    }

    [Fact]
    public void The_hint_changes_with_the_primary_and_is_announced_once()
    {
        ReplicaHarness backup = new();
        backup.Replica.Add(
            new Input.Receive(new NodeId(2), new PeerMessage.Heartbeat(new Term(4), default, Round: 1, default)));
        backup.Replica.Step();
        Assert.True(backup.Replica.Finish());
        backup.Replica.Add(
            new Input.Receive(new NodeId(2), new PeerMessage.Heartbeat(new Term(4), default, Round: 2, default)));
        backup.Replica.Step();
        Assert.False(backup.Replica.Finish());
    }
}
