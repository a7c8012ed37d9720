using KvStore.Contracts;
using KvStore.Core.Primitives;
using KvStore.Core.State;
using KvStore.Node.Buckets;
using KvStore.Node.Replication;
using KvStore.Tests.Node.Api;
using Microsoft.Extensions.Time.Testing;

namespace KvStore.Tests.Node.Buckets;

public sealed class BucketChangesTests
{
    private readonly BucketFixture _node = new();

    [Fact]
    public async Task A_bucket_is_created_changed_and_dropped_and_its_name_given_again_is_another_bucket()
    {
        var created = Done(await _node.PutAsync("cart"));
        var changed = Done(await _node.PutAsync("cart", new BucketSettings { DefaultTtl = "60s" }));
        var dropped = Done(await _node.DropAsync("cart"));
        Assert.Null(await _node.FindAsync("cart"));
        var again = Done(await _node.PutAsync("cart"));

        Assert.Equal(
            [BucketChangeKind.Created, BucketChangeKind.Changed, BucketChangeKind.Dropped, BucketChangeKind.Created],
            new[] { created, changed, dropped, again }.Select(done => done.Kind));
        Assert.Equal((created.Bucket.Id, 2), (changed.Bucket.Id, changed.Bucket.Revision));
        Assert.Equal(60_000, changed.Bucket.DefaultTtlMs);
        Assert.NotEqual(created.Bucket.Id, again.Bucket.Id);
        Assert.Equal(again.Bucket.Id, (await _node.FindAsync("cart"))!.Id);
    }

    [Fact]
    public async Task No_id_is_given_twice_even_when_whoever_took_it_never_used_it()
    {
        _node.Cluster.OnWrite = (_, command) => ValueTask.FromResult<WriteOutcome?>(
            IsOfName(command) ? new WriteOutcome.NotPrimary(NodeId.None) : null);
        using var brief = new CancellationTokenSource(TimeSpan.FromMilliseconds(100));
        Assert.IsType<BucketOutcome.Unreached>(await _node.Changes.MakeAsync(
            new BucketChange.Put(new()) { Name = "lost", RequestId = _node.NewId(), Print = 1 }, brief.Token));
        _node.Cluster.OnWrite = null;
        List<BucketId> ids = [];
        for (var i = 0; i < 3; i++)
            ids.Add(await _node.CreateAsync($"b{i}"));

        Assert.Equal([new(3), new(4), new(5)], ids);
    }

    [Fact]
    public async Task Many_that_create_at_once_get_an_id_each_and_one_of_those_that_want_one_name_creates_it()
    {
        var others = Enumerable.Range(0, 4).Select(_ => new BucketFixture(_node.FakeCluster)).ToList();
        var outcomes = await Task.WhenAll(others.SelectMany((node, number) => new[]
        {
            node.PutAsync("same", id: new RequestId(9, (ulong)number, RequestIdKind.Named)),
            node.PutAsync($"own{number}", id: new RequestId(8, (ulong)number, RequestIdKind.Named)),
        }));

        var done = outcomes.Select(Done).ToList();
        Assert.Single(done, change => change is { Bucket.Name: "same", Kind: BucketChangeKind.Created });
        Assert.Equal(5, done.Select(change => change.Bucket.Id).Distinct().Count());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_change_of_unknown_outcome_is_made_once(bool isApplied)
    {
        var isFirst = true;
        _node.Cluster.OnWrite = (_, command) =>
        {
            if (!IsOfName(command) || !isFirst)
                return ValueTask.FromResult<WriteOutcome?>(null);
            isFirst = false;
            if (isApplied)
                _node.Cluster.Apply(command);
            return ValueTask.FromResult<WriteOutcome?>(new WriteOutcome.Indeterminate());
        };

        var done = Done(await _node.PutAsync("cart"));

        Assert.Equal((BucketChangeKind.Created, 1, false), (done.Kind, done.Bucket.Revision, done.IsReplay));
        Assert.Equal(1, (await _node.FindAsync("cart"))!.Revision);
    }

    [Fact]
    public async Task The_same_request_again_is_answered_alike_and_another_one_with_its_id_is_refused()
    {
        var id = _node.NewId();
        var first = Done(await _node.PutAsync("cart", id: id));
        var drop = _node.NewId();
        Done(await _node.DropAsync("cart", drop));
        await _node.CreateAsync("cart");

        var replay = Done(await _node.DropAsync("cart", drop));
        Assert.True(replay.IsReplay);
        Assert.NotNull(await _node.FindAsync("cart"));
        Assert.IsType<BucketOutcome.RequestIdReused>(await _node.PutAsync("cart", id: drop));
        var create = Done(await _node.PutAsync("cart", id: id));
        Assert.Equal((true, first.Bucket.Id), (create.IsReplay, create.Bucket.Id));
    }

    [Fact]
    public async Task Conditions_are_those_of_the_bucket_and_its_tag_comes_never_again()
    {
        var first = Done(await _node.PutAsync("cart")).Bucket;
        var tag = EtagFormat.Format(first.EtagIn(FakeCluster.View.ClusterId));
        Assert.True(EtagCondition.TryParse(tag, out var match, out _));
        BucketChange Change(bool createOnly = false) => new BucketChange.Put(new())
        {
            Name = "cart",
            RequestId = _node.NewId(),
            Print = 3,
            IfMatch = createOnly ? null : match,
            IsCreateOnly = createOnly,
        };

        Assert.IsType<BucketOutcome.Mismatch>(await _node.MakeAsync(Change(createOnly: true)));
        Done(await _node.MakeAsync(Change()));
        Assert.IsType<BucketOutcome.Mismatch>(await _node.MakeAsync(Change()));
        Done(await _node.DropAsync("cart"));
        Assert.Null(Assert.IsType<BucketOutcome.Mismatch>(await _node.MakeAsync(Change())).Current);
        await _node.CreateAsync("cart");
        Assert.IsType<BucketOutcome.Mismatch>(await _node.MakeAsync(Change()));
    }

    [Fact]
    public async Task A_drop_is_done_when_every_partition_is_closed_and_not_before()
    {
        var id = await _node.CreateAsync("cart");
        var held = new TaskCompletionSource<WriteOutcome?>();
        _node.Cluster.OnWrite = (partition, command) => command is Command.CloseBucket && partition.Value == 7
            ? new ValueTask<WriteOutcome?>(held.Task)
            : ValueTask.FromResult<WriteOutcome?>(null);
        var drop = _node.DropAsync("cart");
        while (_node.Cluster.Closings.Count() < FakeCluster.View.Ring.PartitionCount)
            await Task.Yield();
        var reads = _node.Cluster.Reads;
        var lookup = _node.Directory.FindAnewAsync("cart", TestContext.Current.CancellationToken).AsTask();
        while (_node.Cluster.Reads == reads)
            await Task.Yield();

        Assert.False(drop.IsCompleted);
        Assert.False(lookup.IsCompleted);    // nobody is told yet that it is not there
        held.SetResult(null);
        Done(await drop);
        Assert.IsType<BucketLookup.Absent>(await lookup);
        Assert.True(_node.FakeCluster.Image.IsClosed(id));
        Assert.Null(await _node.FindAsync("cart"));
    }

    [Fact]
    public async Task A_change_is_answered_when_every_node_that_is_connected_knows_it_and_so_is_a_retry()
    {
        var renewed = new TaskCompletionSource();
        _node.Peers.Connected = [new(2), new(3)];
        _node.Peers.OnRenew = (peer, _) => peer.Value == 3 ? renewed.Task : Task.CompletedTask;
        var id = _node.NewId();
        var put = _node.PutAsync("cart", new BucketSettings { MaxValueBytes = 5 }, id);
        while (_node.Peers.Asked.Count < 2)
            await Task.Yield();
        var retry = _node.PutAsync("cart", new BucketSettings { MaxValueBytes = 5 }, id);
        while (_node.Peers.Asked.Count < 4)
            await Task.Yield();
        await _node.Directory.ReadAsync(TestContext.Current.CancellationToken);    // a read that is after theirs

        Assert.False(put.IsCompleted);
        Assert.False(retry.IsCompleted);
        renewed.SetResult();
        Assert.False(Done(await put).IsReplay);
        Assert.True(Done(await retry).IsReplay);
    }

    [Fact]
    public async Task A_node_that_is_connected_and_does_not_answer_delays_a_change_and_does_not_prevent_it()
    {
        FakeTimeProvider time = new();
        BucketFixture node = new(time: time);
        node.Peers.Connected = [new(2)];
        node.Peers.OnRenew = async (_, patience) => await Task.Delay(Timeout.InfiniteTimeSpan, patience)
            .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        var put = node.PutAsync("cart");
        while (node.Peers.Asked.Count == 0)
            await Task.Yield();
        time.Advance(TimeSpan.FromSeconds(2));
        Done(await put);
    }

    [Fact]
    public async Task A_drop_whose_deadline_passes_is_unknown_and_the_name_is_given_again_only_after_it()
    {
        await _node.CreateAsync("cart");
        _node.Cluster.OnWrite = (_, command) => ValueTask.FromResult<WriteOutcome?>(
            command is Command.CloseBucket ? new WriteOutcome.NotPrimary(NodeId.None) : null);
        Assert.IsType<BucketOutcome.Unknown>(await _node.DropAsync("cart"));
        Assert.IsType<BucketOutcome.Unreached>(await _node.PutAsync("cart"));
        Assert.IsType<BucketLookup.Unreached>(
            await _node.Directory.FindAsync("cart", TestContext.Current.CancellationToken));
        _node.Cluster.OnWrite = null;

        Assert.Equal(new BucketId(3), await _node.CreateAsync("cart"));
        Assert.True(_node.FakeCluster.Image.IsClosed(new BucketId(2)));
    }

    [Fact]
    public async Task The_default_bucket_has_settings_and_cannot_be_dropped()
    {
        Assert.Equal(BucketId.Default, (await _node.FindAsync("default"))!.Id);
        Assert.IsType<BucketOutcome.NotAllowed>(await _node.DropAsync("default"));
        var changed = Done(await _node.PutAsync("default", new BucketSettings { MaxValueBytes = 5 }));

        Assert.Equal(
            (BucketId.Default, 2, BucketChangeKind.Changed),
            (changed.Bucket.Id, changed.Bucket.Revision, changed.Kind));
        Assert.Equal(5, (await _node.FindAsync("default"))!.Settings.MaxValueBytes);
    }

    [Fact]
    public async Task A_name_forgets_no_request_of_a_client_to_remember_another()
    {
        for (var i = 0; i < BucketDecision.MaxRequests; i++)
            Done(await _node.PutAsync("cart"));

        Assert.IsType<BucketOutcome.Overloaded>(await _node.PutAsync("cart"));
    }

    private static bool IsOfName(Command command) =>
        command is Command.Change { Operation: Operation.Put put } && BucketFormat.NameOf(put.Key.Span) is not null;

    private static BucketOutcome.Done Done(BucketOutcome outcome) => Assert.IsType<BucketOutcome.Done>(outcome);
}
