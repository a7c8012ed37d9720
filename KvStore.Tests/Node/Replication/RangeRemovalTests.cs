using KvStore.Core.Primitives;
using KvStore.Core.State;
using KvStore.Node.Replication;
using KvStore.Tests.Node.Api;

namespace KvStore.Tests.Node.Replication;

public sealed class RangeRemovalTests
{
    private static readonly ScanQuery Temporary = new()
    {
        Start = "tmp/"u8.ToArray(),
        End = "tmp0"u8.ToArray(),
        Limit = 100,
        MaxBytes = 4 << 20,
    };

    private readonly ListCluster _cluster = new();
    private readonly RangeRemoval _removal;

    public RangeRemovalTests()
    {
        var node = _cluster.Nodes[0];
        _removal = new RangeRemoval(node, node.Snapshots, node, TimeProvider.System);
        foreach (var number in Enumerable.Range(0, 5000))
            _cluster.Put($"tmp/{number}");
        _cluster.Put("tmp");
        _cluster.Put("tmp0");
    }

    [Fact]
    public async Task Exactly_the_keys_of_the_range_go_in_batches_that_are_bounded()
    {
        var largest = 0;
        _cluster.BeforeWrite = command =>
        {
            lock (_cluster)
                largest = Math.Max(largest, ((Command.Batch)command).Operations.Length);
        };

        Assert.Equal(new RemovalOutcome.Counted(5000), await _removal.CountAsync(BucketId.Default, Temporary, default));
        Assert.Equal(new RemovalOutcome.Done(5000, 0), await RemoveAsync(5000));
        Assert.Equal(["tmp", "tmp0"], _cluster.Keys(BucketId.Default).Order());
        Assert.Equal(256, largest);
        Assert.All(_cluster.Nodes, node => Assert.Equal(0, node.Pinned.Count));
    }

    [Fact]
    public async Task What_is_written_between_the_count_and_the_removal_stays_and_is_told_of()
    {
        var isDone = false;
        _cluster.BeforeWrite = _ =>
        {
            lock (_cluster)    // partitions are written side by side: none before this is done
            {
                if (isDone)
                    return;
                isDone = true;
                _cluster.Put("tmp/17", "written since");
                _cluster.Put("tmp/new");
                _cluster.Delete("tmp/18");
            }
        };

        Assert.Equal(new RemovalOutcome.Done(4998, 2), await RemoveAsync(5000));
        Assert.Equal(
            ["tmp", "tmp/17", "tmp/new", "tmp0"], _cluster.Keys(BucketId.Default).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Another_count_than_the_caller_expects_removes_nothing()
    {
        Assert.Equal(new RemovalOutcome.Differs(5000), await RemoveAsync(4999));
        Assert.Equal(5002, _cluster.Keys(BucketId.Default).Count());
        Assert.All(_cluster.Nodes, node => Assert.Equal(0, node.Pinned.Count));
    }

    [Fact]
    public async Task A_removal_that_nobody_waits_for_tells_how_far_it_is_and_ends_when_it_is_told_to()
    {
        foreach (var number in Enumerable.Range(5000, 8000))
            _cluster.Put($"tmp/{number}");
        using CancellationTokenSource ends = new();
        var removal = await BeginAsync(13_000);
        _cluster.BeforeWrite = _ =>
        {
            if (removal.Progress.Removed > 0)
                ends.Cancel();
        };

        await Assert.ThrowsAsync<OperationCanceledException>(
            async () => await _removal.RemoveAllAsync(removal, ends.Token));
        Assert.Equal(
            (RangeRemoval.MaxAwaited, 0), (removal.Progress.Removed, removal.Progress.Changed));
        Assert.Equal(3002, _cluster.Keys(BucketId.Default).Count());
        Assert.All(_cluster.Nodes, node => Assert.Equal(0, node.Pinned.Count));

        _cluster.BeforeWrite = _ => { };
        var rest = await BeginAsync(3000);
        Assert.Equal(new RemovalOutcome.Done(3000, 0), await _removal.RemoveAllAsync(rest, default));
        Assert.Equal(2, _cluster.Keys(BucketId.Default).Count());
    }

    [Fact]
    public async Task What_is_refused_as_overload_is_tried_again_where_nobody_waits()
    {
        var refusals = 20;
        _cluster.OnWrite = _ => Interlocked.Decrement(ref refusals) >= 0 ? new WriteOutcome.Overloaded() : null;
        Assert.IsType<WriteOutcome.Overloaded>(Assert.IsType<RemovalOutcome.Broken>(await RemoveAsync(5000)).Why);

        refusals = 20;
        Assert.Equal(
            new RemovalOutcome.Done(5000, 0), await _removal.RemoveAllAsync(await BeginAsync(5000), default));
    }

    [Fact]
    public async Task A_removal_that_was_begun_and_is_not_carried_out_holds_nothing()
    {
        _removal.Abandon(await BeginAsync(5000));
        Assert.All(_cluster.Nodes, node => Assert.Equal(0, node.Pinned.Count));
        Assert.Equal(5002, _cluster.Keys(BucketId.Default).Count());
    }

    [Fact]
    public async Task A_partition_that_does_not_do_its_part_is_told_of()
    {
        _cluster.OnWrite = partition => partition.Value == 5 ? new WriteOutcome.Indeterminate() : null;

        var broken = Assert.IsType<RemovalOutcome.Broken>(await RemoveAsync(5000));
        Assert.IsType<WriteOutcome.Indeterminate>(broken.Why);
        Assert.Equal(5002 - broken.Removed, _cluster.Keys(BucketId.Default).Count());
    }

    private async Task<RemovalOutcome> RemoveAsync(long expected)
    {
        var (begun, refused) = await _removal.BeginAsync(BucketId.Default, Temporary, expected, CancellationToken.None);
        return refused ?? await _removal.RemoveAsync(begun!, CancellationToken.None);
    }

    private async Task<Removal> BeginAsync(long expected) => (await _removal.BeginAsync(
        BucketId.Default, Temporary, expected, CancellationToken.None)).Begun!;
}
