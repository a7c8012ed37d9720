using KvStore.Core.Primitives;
using KvStore.Core.Replication;
using KvStore.Core.State;
using KvStore.Node.Replication;
using static KvStore.Tests.Core.State.Commands;

namespace KvStore.Tests.Node.Replication;

public sealed class PartitionRouterTests
{
    private static readonly PartitionId Partition = new(3);

    [Fact]
    public async Task A_write_and_a_read_go_through_the_loop_that_owns_the_partition()
    {
        using RouterFixture node = new();
        _ = node.Start();
        foreach (var partition in Enumerable.Range(0, 8).Select(number => new PartitionId(number)))
        {
            await node.LeadAsync(partition);
            var written = await Within(
                node.Router.WriteAsync(partition, Put("k", "v"), Ack.Quorum, CancellationToken.None));
            var read = await Within(node.Router.ReadAsync(partition, CancellationToken.None));

            Assert.Equal(WriteStatus.Created, Assert.IsType<WriteOutcome.Committed>(written).Result.Status);
            Assert.NotNull(Assert.IsType<ReadOutcome.Ready>(read).Image.Find("k"u8));
            Assert.NotNull(node.Router.ReadLocal(partition)!.Image.Find("k"u8));
        }
    }

    [Fact]
    public async Task Who_leads_nothing_refuses_at_once_and_says_who_may()
    {
        using RouterFixture node = new(members: 3);
        _ = node.Start();

        Assert.IsType<WriteOutcome.NotPrimary>(
            await node.Router.WriteAsync(Partition, Put("k", "v"), Ack.Quorum, default));
        Assert.IsType<ReadOutcome.NotPrimary>(await node.Router.ReadAsync(Partition, default));
        node.Router.Receive(Partition, new NodeId(2),
            new PeerMessage.Heartbeat(new Term(4), default, Round: 1, default));
        await Within(node.Router.PrimaryChangedAsync(Partition, NodeId.None, default));
        var refused = await node.Router.WriteAsync(Partition, Put("k", "v"), Ack.Quorum, default);
        Assert.Equal(new NodeId(2), Assert.IsType<WriteOutcome.NotPrimary>(refused).Hint);
        Assert.Equal((new NodeId(2), new Term(4)), node.Router.PrimaryOf(Partition));
    }

    [Fact]
    public async Task A_partition_that_is_not_here_is_looked_for_where_the_ring_puts_it()
    {
        using RouterFixture node = new(members: 3, replicationFactor: 1);
        _ = node.Start();
        var elsewhere = Enumerable.Range(0, 8)
            .Select(number => new PartitionId(number))
            .First(partition => !node.Router.Holds(partition));
        var preferred = node.View.Ring.PreferenceList(elsewhere)[0];

        var refused = await node.Router.WriteAsync(elsewhere, Put("k", "v"), Ack.Quorum, default);
        Assert.Equal(preferred, Assert.IsType<WriteOutcome.NotPrimary>(refused).Hint);
        Assert.Equal(
            preferred, Assert.IsType<ReadOutcome.NotPrimary>(await node.Router.ReadAsync(elsewhere, default)).Hint);
        Assert.Null(node.Router.ReadLocal(elsewhere));
        node.Router.Receive(elsewhere, preferred, new PeerMessage.Heartbeat(new Term(1), default, Round: 1, default));
        node.Router.Receive(new PartitionId(int.MaxValue), preferred, new PeerMessage.TransferNow(new Term(1)));
        Assert.Null(node.Router.ReadLocal(new PartitionId(-1)));
    }

    [Fact]
    public async Task A_primary_on_a_low_disk_stores_nothing_new_and_reads_deletes_and_lets_members_come()
    {
        using RouterFixture node = new();
        _ = node.Start();
        await node.LeadAsync(Partition);
        await node.LeadAsync(node.View.SystemGroup);
        Assert.IsType<WriteOutcome.Committed>(
            await Within(node.Router.WriteAsync(Partition, Put("k", "v"), Ack.Quorum, default)));
        node.SayFree(1000);

        var before = node.Router.Replicas.Single(replica => replica.Partition == Partition).LogBytes;
        Assert.IsType<WriteOutcome.DiskLow>(
            await Within(node.Router.WriteAsync(Partition, Put("k", "w"), Ack.Quorum, default)));
        Assert.Equal(before, node.Router.Replicas.Single(replica => replica.Partition == Partition).LogBytes);
        Assert.IsType<WriteOutcome.Committed>(
            await Within(node.Router.WriteAsync(node.View.SystemGroup, Put("view", "w"), Ack.Quorum, default)));
        var read = Assert.IsType<ReadOutcome.Ready>(await Within(node.Router.ReadAsync(Partition, default)));
        Assert.NotNull(read.Image.Find("k"u8));
        Assert.IsType<WriteOutcome.Committed>(
            await Within(node.Router.WriteAsync(Partition, Delete("k"), Ack.Quorum, default)));
        node.SayFree(null);
        Assert.IsType<WriteOutcome.Committed>(
            await Within(node.Router.WriteAsync(Partition, Put("k", "x"), Ack.Quorum, default)));
    }

    [Fact]
    public async Task A_full_inbox_refuses_writes_and_reads()
    {
        using RouterFixture node = new();
        _ = node.Start();
        await node.LeadAsync(Partition);
        var replica = node.Router.Replicas.Single(replica => replica.Partition == Partition);
        using ManualResetEventSlim end = new();
        TaskCompletionSource begun = new(TaskCreationOptions.RunContinuationsAsynchronously);
        node.Router.Post(replica, (PartitionReplica _) =>
        {
            begun.SetResult();
            end.Wait(TimeSpan.FromSeconds(30));
        });
        await begun.Task;
        for (var waiting = 0; waiting <= ReplicaLoop.InboxLimit; waiting++)
            node.Router.Receive(Partition, new NodeId(2), new PeerMessage.HeartbeatReply(new Term(1), Round: 0));

        Assert.IsType<WriteOutcome.Overloaded>(
            await node.Router.WriteAsync(Partition, Put("k", "v"), Ack.Quorum, default));
        Assert.IsType<ReadOutcome.Overloaded>(await node.Router.ReadAsync(Partition, default));
        end.Set();
        WriteOutcome last = new WriteOutcome.Overloaded();
        while (last is WriteOutcome.Overloaded)
            last = await Within(node.Router.WriteAsync(Partition, Put("k", "v"), Ack.Quorum, default));
        Assert.IsType<WriteOutcome.Committed>(last);
    }

    [Fact]
    public async Task A_deadline_ends_the_wait_of_a_read_and_of_a_write()
    {
        using RouterFixture node = new();
        _ = node.Start();
        await node.LeadAsync(Partition);
        using CancellationTokenSource passed = new();
        await passed.CancelAsync();

        Assert.IsType<WriteOutcome.Indeterminate>(
            await node.Router.WriteAsync(Partition, Put("k", "v"), Ack.Quorum, passed.Token));
        Assert.IsType<ReadOutcome.TimedOut>(await node.Router.ReadAsync(Partition, passed.Token));
    }

    /// <summary>The other loops go on by themselves, and a node with a wrong replica must not.</summary>
    [Fact]
    public async Task A_broken_invariant_in_one_loop_ends_the_whole()
    {
        using RouterFixture node = new(loops: 4);
        var end = node.Start();
        node.Router.Post(node.Router.Replicas.First(), new Input.Persisted(77));

        await Assert.ThrowsAsync<InvariantBrokenException>(() => Within(end));
    }

    [Fact]
    public async Task Who_waits_for_another_primary_is_not_woken_by_another_term_of_the_same()
    {
        using RouterFixture node = new(members: 3);
        _ = node.Start();
        node.Router.Receive(Partition, new NodeId(2),
            new PeerMessage.Heartbeat(new Term(4), default, Round: 1, default));
        await Within(node.Router.PrimaryChangedAsync(Partition, NodeId.None, default));
        var other = node.Router.PrimaryChangedAsync(Partition, new NodeId(2), default);
        node.Router.Receive(Partition, new NodeId(2),
            new PeerMessage.Heartbeat(new Term(5), default, Round: 1, default));
        while (node.Router.PrimaryOf(Partition).Term != new Term(5))
            await Task.Yield();
        Assert.False(other.IsCompleted);
        node.Router.Receive(Partition, new NodeId(3),
            new PeerMessage.Heartbeat(new Term(6), default, Round: 1, default));

        await Within(other);
        Assert.NotEqual(new NodeId(2), node.Router.PrimaryOf(Partition).Primary);
    }

    [Fact]
    public async Task A_stopped_router_answers_who_waits()
    {
        RouterFixture node = new();
        using (node)
        {
            var end = node.Start();
            await node.LeadAsync(Partition);
            node.Router.Stop();
            await Within(end);
            Assert.IsType<WriteOutcome.Overloaded>(
                await Within(node.Router.WriteAsync(Partition, Put("k", "v"), Ack.Quorum, default)));
        }
    }

    private static Task<T> Within<T>(ValueTask<T> task) => task.AsTask().WaitAsync(TimeSpan.FromSeconds(30));

    private static Task Within(Task task) => task.WaitAsync(TimeSpan.FromSeconds(30));
}
