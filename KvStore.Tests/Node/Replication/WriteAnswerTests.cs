using KvStore.Core.Primitives;
using KvStore.Core.Replication;
using KvStore.Core.State;
using KvStore.Node.Replication;
using static KvStore.Tests.Core.State.Commands;
using static KvStore.Tests.Node.Replication.ReplicaHarness;

namespace KvStore.Tests.Node.Replication;

/// <summary>When a write is answered, and how: never before what the answer says is so.</summary>
public sealed class WriteAnswerTests
{
    [Fact]
    public void A_write_is_answered_when_a_majority_has_flushed_it_and_it_is_applied()
    {
        var primary = ReplicaHarness.Primary();
        var write = primary.Write(Put("k", "v"));
        Assert.False(write.IsDone);
        primary.Flush();
        Assert.False(write.IsDone);
        Assert.Null(primary.Find("k"));

        primary.Acknowledge(3);

        var done = Outcome<WriteOutcome.Committed>(write);
        Assert.Equal((WriteStatus.Created, 2, 3), (done.Result.Status, done.Copies, done.Voters));
        Assert.Equal(new KeyVersion(primary.Term, primary.LastIndex), done.Result.Version);
        Assert.Equal("v", primary.Find("k"));
    }

    [Fact]
    public void A_majority_of_backups_is_enough_and_the_primary_does_not_count_itself()
    {
        var primary = ReplicaHarness.Primary();
        var write = primary.Write(Put("k", "v"));
        primary.Acknowledge(2);
        Assert.False(write.IsDone);
        primary.Acknowledge(3);

        Assert.Equal(2, Outcome<WriteOutcome.Committed>(write).Copies);
    }

    [Fact]
    public void Alone_in_its_group_a_primary_answers_after_its_flush()
    {
        var primary = ReplicaHarness.Primary(voters: 1);
        var write = primary.Write(Put("k", "v"));
        Assert.False(write.IsDone);
        primary.Flush();

        Assert.Equal(
            (1, 1), (Outcome<WriteOutcome.Committed>(write).Copies, Outcome<WriteOutcome.Committed>(write).Voters));
    }

    [Fact]
    public void With_one_a_put_is_answered_at_the_primarys_own_flush_and_not_before()
    {
        var primary = ReplicaHarness.Primary();
        var write = primary.Write(Put("k", "v", id: HopId(1)), Ack.One);
        primary.Tick();
        Assert.False(write.IsDone);
        primary.Flush();

        var flushed = Outcome<WriteOutcome.Flushed>(write);
        Assert.Equal(
            (new KeyVersion(primary.Term, primary.LastIndex), 1, 3), (flushed.Version, flushed.Copies, flushed.Voters));
        Assert.Null(primary.Find("k"));
    }

    [Fact]
    public void With_one_an_answer_that_depends_on_the_state_waits_for_it()
    {
        var primary = ReplicaHarness.Primary();
        PendingWrite[] writes =
        [
            primary.Write(Delete("k"), Ack.One),
            primary.Write(Put("k", "v", condition: new Condition.Absent()), Ack.One),
        ];
        primary.Flush();
        Assert.All(writes, write => Assert.False(write.IsDone));
        primary.Acknowledge(2);

        Assert.Equal(WriteStatus.NotFound, Outcome<WriteOutcome.Committed>(writes[0]).Result.Status);
        Assert.Equal(WriteStatus.Created, Outcome<WriteOutcome.Committed>(writes[1]).Result.Status);
    }

    /// <summary>Its own flush says nothing of what the same request came to before.</summary>
    [Fact]
    public void With_one_a_request_that_may_be_a_retry_waits_for_the_first_answer()
    {
        var primary = ReplicaHarness.Primary();
        var first = primary.Write(Put("k", "v", id: HopId(1)), Ack.One);
        var inFlight = primary.Write(Put("k", "v", id: HopId(1)), Ack.One);
        primary.Flush();
        Outcome<WriteOutcome.Flushed>(first);
        Assert.False(inFlight.IsDone);
        primary.Acknowledge(2);
        Assert.True(Outcome<WriteOutcome.Committed>(inFlight).Result.IsReplay);

        var late = primary.Write(Put("k", "v", id: HopId(1)), Ack.One);
        primary.Flush();
        Assert.False(late.IsDone);
        primary.Acknowledge(2);
        Assert.True(Outcome<WriteOutcome.Committed>(late).Result.IsReplay);
    }

    /// <summary>What stands before it in the log decides whether it is refused when it is applied.</summary>
    [Fact]
    public void With_one_an_id_that_carries_its_time_waits_until_it_is_applied()
    {
        var primary = ReplicaHarness.Primary();
        var write = primary.Write(Put("k", "v", timeMs: 1, id: TimedId(1)), Ack.One);
        var ahead = primary.Write(Put("k", "w", timeMs: 1, id: TimedId(100_000)), Ack.One);
        primary.Flush();
        Assert.False(write.IsDone);
        Assert.False(ahead.IsDone);
        primary.Acknowledge(2);

        Assert.Equal(WriteStatus.Created, Outcome<WriteOutcome.Committed>(write).Result.Status);
        Assert.Equal(WriteStatus.RequestIdAhead, Outcome<WriteOutcome.Committed>(ahead).Result.Status);
    }

    /// <summary>Its put would come to nothing when it is applied behind a transaction that holds the key.</summary>
    [Fact]
    public void With_one_a_put_waits_while_a_transaction_may_hold_its_key()
    {
        var primary = ReplicaHarness.Primary();
        primary.Write(PrepareOf("held"), Ack.One);
        var inFlight = primary.Write(Put("held", "v"), Ack.One);
        var beside = primary.Write(Put("free", "v"), Ack.One);
        primary.Flush();
        Assert.False(inFlight.IsDone);
        Assert.False(beside.IsDone);
        primary.Acknowledge(2);
        Assert.Equal(WriteStatus.Locked, Outcome<WriteOutcome.Committed>(inFlight).Result.Status);
        Outcome<WriteOutcome.Committed>(beside);

        var held = primary.Write(Put("held", "v"), Ack.One);
        var free = primary.Write(Put("free", "v"), Ack.One);
        primary.Flush();
        Assert.False(held.IsDone);
        Outcome<WriteOutcome.Flushed>(free);
    }

    /// <summary>Before that it does not know what an earlier primary left in its log.</summary>
    [Fact]
    public void With_one_a_new_primary_waits_until_it_has_committed_in_its_term()
    {
        var primary = ReplicaHarness.Elected();
        var write = primary.Write(Put("k", "v"), Ack.One);
        primary.Flush();
        Assert.False(write.IsDone);
        primary.Acknowledge(2);

        Outcome<WriteOutcome.Committed>(write);
    }

    [Fact]
    public void With_all_every_voter_must_have_flushed()
    {
        var primary = ReplicaHarness.Primary();
        var write = primary.Write(Put("k", "v"), Ack.All);
        primary.Flush();
        primary.Acknowledge(2);
        Assert.Equal("v", primary.Find("k"));
        Assert.False(write.IsDone);
        primary.Acknowledge(3);

        Assert.Equal(
            (3, 3), (Outcome<WriteOutcome.Committed>(write).Copies, Outcome<WriteOutcome.Committed>(write).Voters));
    }

    [Fact]
    public async Task With_all_the_deadline_says_how_many_there_were()
    {
        var primary = ReplicaHarness.Primary();
        using var deadline = new CancellationTokenSource();
        var write = primary.Write(Put("k", "v"), Ack.All);
        using var armed = write.Arm(deadline.Token);
        primary.Flush();
        primary.Acknowledge(2);
        await deadline.CancelAsync();

        var few = Outcome<WriteOutcome.TooFewCopies>(write);
        Assert.Equal((WriteStatus.Created, 2, 3), (few.Result.Status, few.Copies, few.Voters));
    }

    /// <summary>The backups report to another from then on: waiting longer would be waiting for nothing.</summary>
    [Fact]
    public void With_all_who_waits_for_copies_is_answered_when_the_primary_steps_down()
    {
        var primary = ReplicaHarness.Primary();
        var write = primary.Write(Put("k", "v"), Ack.All);
        primary.Flush();
        primary.Acknowledge(2);
        primary.Follow(2, primary.LastIndex.Value, commit: 0);

        Assert.Equal(2, Outcome<WriteOutcome.TooFewCopies>(write).Copies);
    }

    [Fact]
    public void With_all_who_waits_for_copies_is_answered_when_the_node_stops()
    {
        var primary = ReplicaHarness.Primary();
        var write = primary.Write(Put("k", "v"), Ack.All);
        primary.Flush();
        primary.Acknowledge(2);
        primary.Replica.Abandon();

        Assert.Equal(2, Outcome<WriteOutcome.TooFewCopies>(write).Copies);
    }

    [Fact]
    public void A_write_that_another_primarys_entry_replaced_is_not_known_to_have_failed()
    {
        var primary = ReplicaHarness.Primary();
        var write = primary.Write(Put("k", "v"));
        primary.Flush();
        primary.Follow(3, previousIndex: 1, commit: 0);
        Assert.False(write.IsDone);
        primary.Receive(3, new PeerMessage.Heartbeat(primary.Term, primary.LastIndex, Round: 1, LogIndex.Zero));

        Outcome<WriteOutcome.Indeterminate>(write);
        Assert.Null(primary.Find("k"));
    }

    [Fact]
    public void A_write_that_the_next_primary_commits_is_answered_by_the_old_one_too()
    {
        var primary = ReplicaHarness.Primary();
        var write = primary.Write(Put("k", "v"));
        var at = primary.LastIndex;
        primary.Flush();
        primary.Follow(3, at.Value, commit: at.Value);

        Assert.Equal(at, Outcome<WriteOutcome.Committed>(write).Result.Version.Index);
    }

    [Fact]
    public void A_write_that_a_snapshot_swallowed_is_unknown()
    {
        var primary = ReplicaHarness.Primary();
        var write = primary.Write(Put("k", "v"));
        primary.Flush();
        primary.Receive(3, new PeerMessage.InstallSnapshot(
            primary.Term.Next(),
            new Snapshot(
                new LogIndex(9), primary.Term.Next(), primary.Replica.Replica.Configuration, StateImage.Empty)));

        Outcome<WriteOutcome.Indeterminate>(write);
    }

    [Fact]
    public void A_later_write_at_the_same_place_does_not_answer_for_the_first()
    {
        var primary = ReplicaHarness.Primary();
        var first = primary.Write(Put("k", "first"));
        var second = primary.Write(Put("k", "second"));
        primary.Flush();
        primary.Follow(3, previousIndex: 1, commit: 0);    // takes the place of the first alone
        var other = new LogEntry(
            new LogIndex(3), primary.Term, EntryKind.Command, CommandFormat.Encode(Put("k", "other")));
        primary.Receive(3, new PeerMessage.AppendRequest(
            primary.Term, new LogIndex(2), primary.Term, [other], Commit: new LogIndex(3)));

        Outcome<WriteOutcome.Indeterminate>(first);
        Outcome<WriteOutcome.Indeterminate>(second);
        Assert.Equal("other", primary.Find("k"));
    }

    [Fact]
    public void A_stopping_node_says_unknown_of_what_was_appended()
    {
        var primary = ReplicaHarness.Primary();
        var write = primary.Write(Put("k", "v"));
        var read = primary.Read();
        primary.Replica.Abandon();

        Outcome<WriteOutcome.Indeterminate>(write);
        Outcome<ReadOutcome.NotPrimary>(read);
    }

    [Fact]
    public async Task A_deadline_after_proposing_says_unknown_and_the_write_goes_on()
    {
        var primary = ReplicaHarness.Primary();
        using var deadline = new CancellationTokenSource();
        var write = primary.Write(Put("k", "v"));
        using var armed = write.Arm(deadline.Token);
        await deadline.CancelAsync();
        Outcome<WriteOutcome.Indeterminate>(write);

        primary.Flush();
        primary.Acknowledge(2);
        Assert.Equal("v", primary.Find("k"));
        Outcome<WriteOutcome.Indeterminate>(write);
    }

    [Fact]
    public async Task What_nobody_waits_for_any_more_is_not_begun()
    {
        var primary = ReplicaHarness.Primary();
        var last = primary.LastIndex;
        using var deadline = new CancellationTokenSource();
        await deadline.CancelAsync();
        var command = Put("k", "v");
        PendingWrite write = new(CommandFormat.Encode(command), command, Ack.Quorum);
        using var armed = write.Arm(deadline.Token);
        primary.Replica.Add(write);
        primary.Carry();

        Assert.Equal(last, primary.LastIndex);
        Outcome<WriteOutcome.Indeterminate>(write);
    }

    [Fact]
    public void Who_is_not_primary_appends_nothing_and_says_who_is()
    {
        ReplicaHarness backup = new();
        backup.Receive(2, new PeerMessage.Heartbeat(new Term(4), LogIndex.Zero, Round: 1, LogIndex.Zero));
        var write = backup.Write(Put("k", "v"));

        Assert.Equal(new NodeId(2), Outcome<WriteOutcome.NotPrimary>(write).Hint);
        Assert.Equal(LogIndex.Zero, backup.LastIndex);
        Assert.Equal(new KnownPrimary(new NodeId(2), new Term(4)), backup.Replica.Hint);
    }

    [Fact]
    public void Too_much_that_is_not_committed_refuses_more_and_appends_nothing()
    {
        var primary = ReplicaHarness.Primary(maxUncommittedBytes: 100);
        var taken = primary.Write(Put("k", new string('v', 90)));
        var last = primary.LastIndex;
        var refused = primary.Write(Put("k", new string('w', 90)));

        Outcome<WriteOutcome.Overloaded>(refused);
        Assert.Equal(last, primary.LastIndex);
        primary.Flush();
        primary.Acknowledge(2);
        Outcome<WriteOutcome.Committed>(taken);
    }

    [Fact]
    public void Two_racers_for_one_version_have_one_winner()
    {
        var primary = ReplicaHarness.Primary();
        var first = primary.Write(Put("k", "1", condition: new Condition.Absent()));
        var second = primary.Write(Put("k", "2", condition: new Condition.Absent()));
        primary.Flush();
        primary.Acknowledge(2);

        Assert.Equal(WriteStatus.Created, Outcome<WriteOutcome.Committed>(first).Result.Status);
        Assert.Equal(WriteStatus.VersionMismatch, Outcome<WriteOutcome.Committed>(second).Result.Status);
        Assert.Equal("1", primary.Find("k"));
    }

    private static Command.Prepare PrepareOf(string key) => new()
    {
        TimeMs = 0,
        RequestId = HopId(9),
        Client = ClientId(9),
        Fingerprint = 1,
        Participants = [new PartitionId(1), new PartitionId(5)],
        Part = new Command.Transaction { TimeMs = 0, Bucket = BucketId.Default, Then = [PutOf(key, "t")] },
    };
}
