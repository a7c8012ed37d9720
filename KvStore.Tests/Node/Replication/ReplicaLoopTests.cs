using KvStore.Core.Primitives;
using KvStore.Core.Replication;
using KvStore.Core.State;
using KvStore.Node.Replication;
using static KvStore.Tests.Core.State.Commands;

namespace KvStore.Tests.Node.Replication;

/// <summary>
/// A loop over two groups of one, which lead when told to, and two of three, which are alike; the log flushes when
/// told.
/// </summary>
public sealed class ReplicaLoopTests : IAsyncDisposable
{
    private readonly FakeOutlets _outlets = new();
    private readonly List<PartitionReplica> _changed = [];
    private readonly PartitionReplica[] _replicas =
        [NewReplica(0, voters: 1), NewReplica(1, voters: 1), NewReplica(2, voters: 3), NewReplica(3, voters: 3)];

    private readonly ReplicaLoop _loop;
    private readonly Task _running;
    private bool _mayFail;

    public ReplicaLoopTests()
    {
        _loop = new ReplicaLoop(_replicas, _outlets, _changed.Add);
        _running = Task.Run(_loop.RunAsync);
    }

    public async ValueTask DisposeAsync()
    {
        _loop.Stop();
        var end = _running.WaitAsync(TimeSpan.FromSeconds(30));
        await (_mayFail ? end.ContinueWith(_ => { }, TaskScheduler.Default) : end);
    }

    [Fact]
    public async Task A_caller_is_answered_after_the_flush_and_not_before()
    {
        await LeadAsync(_replicas[0]);
        var write = Post(_replicas[0], "k");
        var batch = await _outlets.NextAppendAsync();
        await PassAsync();
        Assert.False(write.IsDone);
        batch.OnFlushed();

        Assert.IsType<WriteOutcome.Committed>(await Within(write.Done));
        Assert.NotNull(_replicas[0].Image.Find("k"u8));
    }

    [Fact]
    public async Task What_came_while_the_loop_was_busy_is_one_batch_for_the_log()
    {
        await LeadAsync(_replicas[0]);
        await LeadAsync(_replicas[1]);
        PendingWrite[] writes;
        using (var busy = await BusyAsync())
            writes = [Post(_replicas[0], "a"), Post(_replicas[1], "b"), Post(_replicas[0], "c")];
        var batch = await _outlets.NextAppendAsync();

        Assert.Equal(new[] { 0, 1 }, batch.Items.Select(item => item.Partition.Value));
        Assert.Equal(new[] { 2, 1 }, batch.Items.Select(item => item.Entries.Length));
        batch.OnFlushed();
        foreach (var write in writes)
            Assert.IsType<WriteOutcome.Committed>(await Within(write.Done));
    }

    /// <summary>Else a pause would look to every replica like a silence of its primary.</summary>
    [Fact]
    public async Task A_loop_that_was_paused_gets_one_tick()
    {
        using (await BusyAsync())
        {
            for (var missed = 0; missed < 500; missed++)
                _loop.PostTick();
        }

        await PassAsync();
        Assert.All(_replicas, replica => Assert.Equal(ReplicaRole.Backup, replica.Role));
        Assert.False(_outlets.HasSent);
    }

    [Fact]
    public async Task Messages_to_one_peer_leave_together()
    {
        await TickUntilAsync(() => _outlets.HasSent);
        Assert.Equal(new[] { 2, 3 }, (await _outlets.NextSentAsync()).Select(envelope => envelope.Partition.Value));
    }

    [Fact]
    public async Task A_full_inbox_refuses_calls_but_takes_reports_and_recovers()
    {
        await LeadAsync(_replicas[0]);
        var command = Put("k", "v");
        using (await BusyAsync())
        {
            var taken = 0;
            while (_loop.TryPost(_replicas[0], new PendingRead()))
                taken++;
            Assert.InRange(taken, ReplicaLoop.InboxLimit - 10, ReplicaLoop.InboxLimit);
            Assert.False(
                _loop.TryPost(_replicas[0], new PendingWrite(CommandFormat.Encode(command), command, Ack.Quorum)));
            Assert.True(_loop.Post(_replicas[0], new Input.Tick()));
        }

        await PassAsync();
        var write = Post(_replicas[0], "k");
        (await _outlets.NextAppendAsync()).OnFlushed();
        Assert.IsType<WriteOutcome.Committed>(await Within(write.Done));
    }

    [Fact]
    public async Task An_inbox_full_of_bytes_refuses_calls_and_entries_and_recovers()
    {
        await LeadAsync(_replicas[0]);
        var large = new byte[16 << 20];
        var entries = new PeerMessage.AppendRequest(
            Term.Zero, LogIndex.Zero, Term.Zero, [new(new(1), new(1), EntryKind.Command, large)], LogIndex.Zero);
        using (await BusyAsync())
        {
            var taken = 0;
            while (_loop.TryPost(_replicas[0], new Input.Receive(new NodeId(2), entries)))
                taken++;
            Assert.Equal(ReplicaLoop.InboxBytesLimit / large.Length, taken);
            Assert.Equal(ReplicaLoop.InboxBytesLimit, _loop.WaitingBytes);
            Assert.True(_loop.TryPost(_replicas[0], new PendingRead()));
            var command = Put("k", "v");
            Assert.False(
                _loop.TryPost(_replicas[0], new PendingWrite(CommandFormat.Encode(command), command, Ack.Quorum)));
            Assert.False(_loop.TryPost([(_replicas[0], new Input.Receive(new NodeId(2), entries))]));
        }

        await PassAsync();
        Assert.Equal(0, _loop.WaitingBytes);
        var write = Post(_replicas[0], "k");
        (await _outlets.NextAppendAsync()).OnFlushed();
        Assert.IsType<WriteOutcome.Committed>(await Within(write.Done));
    }

    [Fact]
    public async Task A_stopped_loop_answers_everybody_and_takes_no_more()
    {
        await LeadAsync(_replicas[0]);
        var appended = Post(_replicas[0], "k");
        await _outlets.NextAppendAsync();
        PendingWrite inInbox;
        using (await BusyAsync())
        {
            inInbox = Post(_replicas[0], "l");
            _loop.Stop();
            Assert.False(_loop.TryPost(_replicas[0], new PendingRead()));
        }

        await Within(_running);
        Assert.IsType<WriteOutcome.Indeterminate>(await Within(appended.Done));
        Assert.IsType<WriteOutcome.Indeterminate>(await Within(inInbox.Done));
    }

    [Fact]
    public async Task A_broken_invariant_ends_the_loop_and_answers_nobody()
    {
        _mayFail = true;
        await LeadAsync(_replicas[0]);
        var write = Post(_replicas[0], "k");
        await _outlets.NextAppendAsync();
        _loop.Post(_replicas[1], new Input.Persisted(77));    // what was never handed to the log cannot be flushed

        await Assert.ThrowsAsync<InvariantBrokenException>(() => Within(_running));
        Assert.False(write.IsDone);
    }

    [Fact]
    public async Task A_new_primary_is_announced()
    {
        await LeadAsync(_replicas[0]);
        Assert.Contains(_replicas[0], _changed);
    }

    /// <summary>Transfers to one peer wait for each other; what was captured before would be old by then.</summary>
    [Fact]
    public async Task A_state_for_a_backup_is_captured_when_its_turn_comes_and_by_the_primary_of_that_term_alone()
    {
        var replica = _replicas[3];
        await LeadThreeAsync(replica);
        var capture = await LagAsync(replica);
        var write = Post(replica, "k");
        await CommitAsync(replica);
        Assert.IsType<WriteOutcome.Committed>(await Within(write.Done));
        var captured = await Within(capture());
        Assert.Equal((replica.Replica.LastIndex, replica.Replica.Term), (captured!.Index, captured.Term));
        Assert.NotNull(captured.State.Find("k"u8));

        var (last, term) = (replica.Replica.LastIndex, replica.Replica.Term);
        await HearAsync(replica, 2, new PeerMessage.AppendRequest(term.Next(), last, term, [], last));
        Assert.Equal(ReplicaRole.Backup, replica.Role);
        Assert.Null(await Within(capture()));
    }

    [Fact]
    public async Task A_stopped_loop_captures_nothing()
    {
        var replica = _replicas[3];
        await LeadThreeAsync(replica);
        var capture = await LagAsync(replica);
        _loop.Stop();
        await Within(_running);

        Assert.Null(await Within(capture()));
    }

    private static PartitionReplica NewReplica(int partition, int voters)
    {
        var options = new ReplicaOptions
        {
            Partition = new PartitionId(partition),
            Self = new NodeId(1),
            Voters = [.. Enumerable.Range(1, voters).Select(id => new NodeId(id))],
            ElectionTicks = voters == 1 ? 3 : 10,
        };
        return new(options.Partition, new Replica(options, RecoveredReplica.Empty, new Random(1)),
            new KeyValueState(StateImage.Empty), LogIndex.Zero, TimeProvider.System);
    }

    private static Task<T> Within<T>(Task<T> task) => task.WaitAsync(TimeSpan.FromSeconds(30));

    private static Task Within(Task task) => task.WaitAsync(TimeSpan.FromSeconds(30));

    private PendingWrite Post(PartitionReplica replica, string key)
    {
        var command = Put(key, "v");
        PendingWrite write = new(CommandFormat.Encode(command), command, Ack.Quorum);
        Assert.True(_loop.TryPost(replica, write));
        return write;
    }

    /// <summary>Ticks a group of one until it asks for its own vote, once, and flushes vote and first entry.</summary>
    private async Task LeadAsync(PartitionReplica replica)
    {
        for (var tick = 0; tick < 5; tick++)
            _loop.Post(replica, new Input.Tick());
        while (replica.Hint.Primary != new NodeId(1) || replica.Replica.CommitIndex == LogIndex.Zero)
        {
            (await _outlets.NextAppendAsync()).OnFlushed();
            await PassAsync();
        }
    }

    /// <summary>Makes a replica of three primary, by the votes and the copies of the second.</summary>
    private async Task LeadThreeAsync(PartitionReplica replica)
    {
        while (replica.Role == ReplicaRole.Backup)
        {
            _loop.Post(replica, new Input.Tick());
            await PassAsync();
        }

        await HearAsync(replica, 2, new PeerMessage.VoteReply(
            replica.Replica.Term.Next(), IsGranted: true, IsPreVote: true));
        _outlets.FlushAll();
        await HearAsync(replica, 2, new PeerMessage.VoteReply(
            replica.Replica.Term, IsGranted: true, IsPreVote: false));
        Assert.Equal(ReplicaRole.Primary, replica.Role);
        await CommitAsync(replica);
    }

    /// <summary>The third is there, and lacks what the log does not have any more: its state is asked for.</summary>
    private async Task<Func<Task<Snapshot?>>> LagAsync(PartitionReplica replica)
    {
        _loop.Post(replica, new Input.Compact(replica.Replica.CommitIndex));
        await HearAsync(replica, 3, new PeerMessage.HeartbeatReply(replica.Replica.Term, Round: 0));
        for (var tick = 0; tick < 5; tick++)
            _loop.Post(replica, new Input.Tick());    // to the next heartbeat, at which it is fed again
        var (to, capture) = await _outlets.NextTransferAsync();
        Assert.Equal(new NodeId(3), to);
        return capture;
    }

    private async Task CommitAsync(PartitionReplica replica)
    {
        await PassAsync();
        _outlets.FlushAll();
        await HearAsync(replica, 2, new PeerMessage.AppendReply(
            replica.Replica.Term, IsAccepted: true, replica.Replica.LastIndex, LogIndex.Zero, Term.Zero));
        Assert.Equal(replica.Replica.LastIndex, replica.Replica.CommitIndex);
    }

    private async Task HearAsync(PartitionReplica replica, int from, PeerMessage message)
    {
        _loop.Post(replica, new Input.Receive(new NodeId(from), message));
        await PassAsync();
    }

    private async Task TickUntilAsync(Func<bool> isSo)
    {
        for (var tick = 0; tick < 100 && !isSo(); tick++)
        {
            _loop.PostTick();
            await PassAsync();
        }
    }

    /// <summary>
    /// All that was posted before has been carried out: the answer leaves when that batch is carried out, and what
    /// comes after the answer is of a later batch.
    /// </summary>
    private async Task PassAsync()
    {
        var question = new PeerMessage.VoteRequest(
            new Term(99), LogIndex.Zero, Term.Zero, IsPreVote: true, IsTransfer: false);
        _loop.Post(_replicas[2], new Input.Receive(new NodeId(3), question));
        await _outlets.AnsweredVoteAsync();
        using (await BusyAsync())
        {
        }
    }

    /// <summary>Keeps the loop from anything else until what is returned is disposed.</summary>
    private async Task<IDisposable> BusyAsync()
    {
        TaskCompletionSource begun = new(TaskCreationOptions.RunContinuationsAsynchronously);
        ManualResetEventSlim end = new();
        _loop.Post(_replicas[0], (Action<PartitionReplica>)(_ =>
        {
            begun.SetResult();
            end.Wait(TimeSpan.FromSeconds(30));
        }));
        await Within(begun.Task);
        return new Release(end);
    }

    private sealed class Release(ManualResetEventSlim end) : IDisposable
    {
        public void Dispose() => end.Set();
    }
}
