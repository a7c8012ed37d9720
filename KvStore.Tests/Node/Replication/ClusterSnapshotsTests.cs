using System.Collections.Immutable;
using System.Text;
using CsCheck;
using KvStore.Core.Primitives;
using KvStore.Core.State;
using KvStore.Node.Replication;
using KvStore.Tests.Node.Api;

namespace KvStore.Tests.Node.Replication;

/// <summary>Lists over sixteen partitions of three nodes, against a sorted list of the same keys.</summary>
public sealed class ClusterSnapshotsTests
{
    private static readonly ScanQuery All = new() { Limit = 100, MaxBytes = 4 << 20 };

    private static readonly Gen<string> Keys =
        Gen.OneOf(Gen.Const("a"), Gen.Const("b"), Gen.Const("/"), Gen.Const("ä"), Gen.Const("\uFFFD")).Array[1, 5]
            .Select(string.Concat);

    private static readonly Gen<string> Bounds = Gen.OneOf(Gen.Const(""), Keys);

    private readonly ListCluster _cluster = new();

    [Fact]
    public void Pages_from_any_node_give_what_a_sorted_list_gives_in_both_orders_with_and_without_a_delimiter() =>
        Gen.Select(Keys.Array[0, 120], Bounds, Bounds, Bounds, Gen.Select(Gen.Bool, Gen.Bool, Gen.Int[1, 9]))
            .Sample((keys, prefix, start, end, how) =>
            {
                var (isDescending, isGrouped, limit) = how;
                var cluster = new ListCluster();
                foreach (var key in keys)
                    cluster.Put(key);
                var call = new KvStore.Node.Api.KeysCall
                {
                    Bucket = "default",
                    RawTarget = "",
                    Prefix = Encoding.UTF8.GetBytes(prefix),
                    Start = Encoding.UTF8.GetBytes(start),
                    End = Encoding.UTF8.GetBytes(end),
                    Delimiter = isGrouped ? "/"u8.ToArray() : default,
                    IsDescending = isDescending,
                };

                var (listed, count) = ReadAll(cluster, call.ToQuery(limit));

                var within = keys.Distinct().Where(key => key.StartsWith(prefix, StringComparison.Ordinal)
                    && Compare(key, start) >= 0 && (end.Length == 0 || Compare(key, end) < 0)).ToList();
                var expected = within.Select(key => isGrouped ? GroupOf(key, prefix) : key).Distinct().ToList();
                expected.Sort(Compare);
                if (isDescending)
                    expected.Reverse();
                Assert.Equal(expected, listed);
                Assert.Equal(within.Count, count);
                Assert.All(cluster.Nodes, node => Assert.Equal(0, node.Pinned.Count));
            }, iter: 150, threads: 1);

    [Fact]
    public async Task What_is_written_after_the_first_page_is_on_no_page()
    {
        foreach (var number in Enumerable.Range(0, 50))
            _cluster.Put($"k{number:d2}", "old");
        var page = await OpenAsync(All with { Limit = 10, Values = ScanValues.Full });
        foreach (var number in Enumerable.Range(0, 50))
        {
            _cluster.Put($"k{number:d2}", "new");
            _cluster.Put($"k{number:d2}x", "new");
        }

        _cluster.Delete("k49");
        var items = page.Items.ToList();
        while (page.Next is { } next)
        {
            page = await NextAsync(page.Snapshot, next);
            items.AddRange(page.Items);
        }

        Assert.Equal(Enumerable.Range(0, 50).Select(number => $"k{number:d2}"), items.Select(NameOf));
        Assert.All(items, item => Assert.True(item.Value.Span.SequenceEqual("old"u8)));
    }

    [Fact]
    public async Task A_page_ends_before_it_has_too_many_bytes_but_never_without_an_item()
    {
        foreach (var number in Enumerable.Range(0, 30))
            _cluster.Put($"k{number:d2}", new string('v', number == 7 ? 3_000_000 : 100_000));
        var query = All with { MaxBytes = 1_000_000, Values = ScanValues.Full };
        var page = await OpenAsync(query);
        var pages = new List<PageOutcome.Page> { page };
        for (; page.Next is { } next; pages.Add(page))
            page = await NextAsync(page.Snapshot, next);

        Assert.Equal(30, pages.Sum(one => one.Items.Length));
        Assert.All(pages, one => Assert.True(one.Items.Length == 1 || one.Items.Sum(item => item.Bytes) <= 1_000_000));
        Assert.Contains(pages, one => one.Items is [{ Size: 3_000_000 }]);
        Assert.InRange(pages.Count, 5, 30);
    }

    [Fact]
    public async Task When_a_node_has_lost_what_it_pinned_the_snapshot_is_gone_and_no_page_lacks_keys()
    {
        foreach (var number in Enumerable.Range(0, 50))
            _cluster.Put($"k{number}");
        var page = await OpenAsync(All with { Limit = 5 });
        _cluster.Nodes[2].Pinned.Settle(page.Snapshot, PinFate.Released);

        Assert.IsType<PageOutcome.Gone>(
            await _cluster.Nodes[0].Snapshots.NextAsync(page.Snapshot, page.Next!, CancellationToken.None));
        Assert.IsType<PageOutcome.Gone>(
            await _cluster.Nodes[1].Snapshots.NextAsync(page.Snapshot + 1, page.Next!, CancellationToken.None));
    }

    [Fact]
    public async Task A_node_that_cannot_be_asked_counts_as_lost_after_a_moment()
    {
        foreach (var number in Enumerable.Range(0, 50))
            _cluster.Put($"k{number}");
        var page = await OpenAsync(All with { Limit = 5 });
        _cluster.Nodes[0].Peers.Members[new NodeId(3)] = null;

        var next = _cluster.Nodes[0].Snapshots.NextAsync(page.Snapshot, page.Next!, CancellationToken.None).AsTask();
        while (!next.IsCompleted)
        {
            _cluster.Time.Advance(TimeSpan.FromMilliseconds(100));
            await Task.Yield();
        }

        Assert.IsType<PageOutcome.Gone>(await next);
    }

    [Fact]
    public async Task What_is_due_to_expire_is_on_no_page_and_its_expiry_is_a_command()
    {
        _cluster.Put("stays");
        _cluster.Put("goes", ttl: Ttl.After(50));
        var writes = _cluster.Writes;
        Assert.Equal(2, (await OpenAsync(All)).Items.Length);
        Assert.Equal(writes, _cluster.Writes);
        _cluster.Time.Advance(TimeSpan.FromMilliseconds(50));

        Assert.Equal(["stays"], (await OpenAsync(All)).Items.Select(NameOf));
        Assert.Equal(writes + 1, _cluster.Writes);
    }

    [Fact]
    public async Task One_that_is_renewed_is_kept_while_it_is_read_but_no_longer_than_two_hours()
    {
        foreach (var number in Enumerable.Range(0, 50))
            _cluster.Put($"k{number}");
        var page = await OpenAsync(All with { Limit = 5 }, isRenewed: true);
        for (var minutes = 9; minutes < 2 * 60; minutes += 9)
        {
            _cluster.Time.Advance(TimeSpan.FromMinutes(9));
            await NextAsync(page.Snapshot, page.Next!);
        }

        _cluster.Time.Advance(TimeSpan.FromMinutes(9));
        Assert.IsType<PageOutcome.Gone>(
            await _cluster.Nodes[0].Snapshots.NextAsync(page.Snapshot, page.Next!, CancellationToken.None));
        Assert.Equal(0, _cluster.Nodes[0].Pinned.Count);    // without anybody asking
    }

    [Fact]
    public async Task One_that_is_not_renewed_is_gone_ten_minutes_after_its_first_page_however_often_it_was_read()
    {
        foreach (var number in Enumerable.Range(0, 50))
            _cluster.Put($"k{number}");
        var page = await OpenAsync(All with { Limit = 5 });
        _cluster.Time.Advance(TimeSpan.FromMinutes(9));
        await NextAsync(page.Snapshot, page.Next!);
        _cluster.Time.Advance(TimeSpan.FromMinutes(1));
        Assert.IsType<PageOutcome.Gone>(
            await _cluster.Nodes[0].Snapshots.NextAsync(page.Snapshot, page.Next!, CancellationToken.None));
        Assert.All(_cluster.Nodes, node => Assert.Equal(0, node.Pinned.Count));
    }

    [Fact]
    public async Task More_snapshots_than_a_node_keeps_are_refused_until_one_is_idle_for_a_minute()
    {
        foreach (var number in Enumerable.Range(0, 50))
            _cluster.Put($"k{number}");
        var query = All with { Limit = 5 };
        var first = await OpenAsync(query);
        for (var kept = 1; kept < PinnedSnapshots.MaxKept; kept++)
            await OpenAsync(query);

        Assert.IsType<PageOutcome.TooMany>(await TryOpenAsync(query));
        Assert.Single((await OpenAsync(All with { Start = "k9"u8.ToArray() })).Items, item => NameOf(item) == "k9");
        _cluster.Time.Advance(TimeSpan.FromSeconds(50));
        await NextAsync(first.Snapshot, first.Next!);
        _cluster.Time.Advance(TimeSpan.FromSeconds(10));
        await OpenAsync(query);
        await NextAsync(first.Snapshot, first.Next!);
        Assert.Equal(PinnedSnapshots.MaxKept, _cluster.Nodes[0].Pinned.Count);
    }

    [Fact]
    public async Task One_that_was_read_to_its_end_gives_its_last_page_again_for_a_minute_and_makes_room_at_once()
    {
        foreach (var number in Enumerable.Range(0, 8))
            _cluster.Put($"k{number}");
        var first = await OpenAsync(All with { Limit = 5 });
        for (var kept = 1; kept < PinnedSnapshots.MaxKept; kept++)
            await OpenAsync(All with { Limit = 5 });

        for (var times = 0; times < 3; times++)
        {
            Assert.Equal(["k5", "k6", "k7"], (await LastAsync()).Select(NameOf));
            _cluster.Time.Advance(PinnedSnapshots.IdleTime * 0.7);
        }

        await OpenAsync(All with { Limit = 5 });
        Assert.IsType<PageOutcome.Gone>(
            await _cluster.Nodes[0].Snapshots.NextAsync(first.Snapshot, first.Next!, PinFate.Read, default));

        async Task<ImmutableArray<ScanItem>> LastAsync() => Assert.IsType<PageOutcome.Page>(
            await _cluster.Nodes[0].Snapshots.NextAsync(first.Snapshot, first.Next!, PinFate.Read, default)).Items;
    }

    [Fact]
    public async Task A_bucket_that_was_dropped_gives_no_page()
    {
        var bucket = new BucketId(7);
        foreach (var number in Enumerable.Range(0, 50))
            _cluster.Put($"k{number}", bucket: bucket);
        var opened = await _cluster.Nodes[0].Snapshots.OpenAsync(bucket, All with { Limit = 5 }, false, default);
        var page = Assert.IsType<PageOutcome.Page>(opened);
        _cluster.Apply(new PartitionId(4), new Command.CloseBucket { Bucket = bucket, TimeMs = 1 });

        var snapshots = _cluster.Nodes[0].Snapshots;
        Assert.IsType<PageOutcome.Gone>(await snapshots.NextAsync(page.Snapshot, page.Next!, default));
        Assert.IsType<PageOutcome.BucketGone>(await snapshots.OpenAsync(bucket, All, false, default));
    }

    private static (List<string> Listed, long? Count) ReadAll(ListCluster cluster, ScanQuery query)
    {
        var listed = new List<string>();
        var outcome = cluster.Nodes[0].Snapshots.OpenAsync(BucketId.Default, query, true, default).AsTask().Result;
        var count = Assert.IsType<PageOutcome.Page>(outcome).Count;
        for (var turn = 1; ; turn++)
        {
            var page = Assert.IsType<PageOutcome.Page>(outcome);
            Assert.InRange(page.Items.Length, page.Next is null ? 0 : 1, query.Limit);
            listed.AddRange(page.Items.Select(NameOf));
            if (page.Next is null)
                return (listed, count);
            outcome = cluster.Nodes[turn % 3].Snapshots.NextAsync(page.Snapshot, page.Next, default).AsTask().Result;
        }
    }

    private static string GroupOf(string key, string prefix)
    {
        var at = key.IndexOf('/', prefix.Length);
        return at < 0 ? key : key[..(at + 1)];
    }

    private static int Compare(string left, string right) =>
        Encoding.UTF8.GetBytes(left).AsSpan().SequenceCompareTo(Encoding.UTF8.GetBytes(right));

    private static string NameOf(ScanItem item) => Encoding.UTF8.GetString(item.Key.Span);

    private ValueTask<PageOutcome> TryOpenAsync(ScanQuery query, bool isRenewed = false) =>
        _cluster.Nodes[1].Snapshots.OpenAsync(
            BucketId.Default, query, isCounted: false, CancellationToken.None, isRenewed);

    private async Task<PageOutcome.Page> OpenAsync(ScanQuery query, bool isRenewed = false) =>
        Assert.IsType<PageOutcome.Page>(await TryOpenAsync(query, isRenewed));

    private async Task<PageOutcome.Page> NextAsync(ulong snapshot, ScanQuery query) => Assert.IsType<PageOutcome.Page>(
        await _cluster.Nodes[2].Snapshots.NextAsync(snapshot, query, CancellationToken.None));
}
