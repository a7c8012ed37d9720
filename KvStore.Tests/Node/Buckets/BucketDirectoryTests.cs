using KvStore.Contracts;
using KvStore.Core.Primitives;
using KvStore.Core.State;
using KvStore.Node.Buckets;
using KvStore.Node.Replication;

namespace KvStore.Tests.Node.Buckets;

public sealed class BucketDirectoryTests
{
    private readonly BucketFixture _node = new();
    private readonly BucketFixture _other;

    public BucketDirectoryTests() => _other = new BucketFixture(_node.FakeCluster);

    [Fact]
    public async Task A_bucket_made_elsewhere_is_found_by_one_read_and_known_from_then_on()
    {
        await _other.CreateAsync("cart");

        Assert.NotNull(await _node.FindAsync("cart"));
        Assert.NotNull(await _node.FindAsync("cart"));
        Assert.Equal(1, _node.Cluster.Reads);
    }

    [Fact]
    public async Task However_many_ask_for_names_that_are_not_there_they_share_their_reads()
    {
        var held = new TaskCompletionSource<EntriesOutcome?>();
        _node.Cluster.OnRead = _ => new ValueTask<EntriesOutcome?>(held.Task);
        var first = _node.FindAsync("first");
        while (_node.Cluster.Reads == 0)
            await Task.Yield();
        var others = Enumerable.Range(0, 1000).Select(number => _node.FindAsync($"n{number}")).ToList();
        held.SetResult(null);

        Assert.Null(await first);
        Assert.All(await Task.WhenAll(others), Assert.Null);
        Assert.Equal(2, _node.Cluster.Reads);    // one that began before the others asked, one after
    }

    [Fact]
    public async Task A_name_that_was_not_there_is_asked_for_again()
    {
        Assert.Null(await _node.FindAsync("cart"));
        await _other.CreateAsync("cart");

        Assert.NotNull(await _node.FindAsync("cart"));
    }

    [Fact]
    public async Task Without_a_majority_a_name_that_is_not_known_is_neither_there_nor_not()
    {
        _node.Cluster.OnRead = _ => ValueTask.FromResult<EntriesOutcome?>(new EntriesOutcome.TimedOut());
        var cancellation = TestContext.Current.CancellationToken;

        Assert.IsType<BucketLookup.Unreached>(await _node.Directory.FindAsync("cart", cancellation));
        Assert.IsType<BucketLookup.Unreached>(await _node.Directory.FindAsync("default", cancellation));
        Assert.NotNull(_node.Directory.FindKnown("default", isOldGood: true));    // a read needs nobody else
    }

    [Fact]
    public async Task A_node_that_has_just_started_asks_for_the_settings_of_a_bucket_that_it_knows()
    {
        await _other.PutAsync("default", new BucketSettings { MaxValueBytes = 5 });

        Assert.Equal(5, (await _node.FindAsync("default"))!.Settings.MaxValueBytes);
    }

    [Fact]
    public async Task An_older_copy_of_the_catalog_does_not_take_the_place_of_a_newer_one()
    {
        await _other.CreateAsync("a");
        var older = _node.FakeCluster.Image;
        await _other.CreateAsync("b");
        Assert.NotNull(await _node.FindAsync("b"));
        _node.Here.Image = older;

        Assert.True(_node.Directory.Follow());
        Assert.NotNull(_node.Directory.FindKnown("b"));
        _node.Here.Image = null;
        await _other.CreateAsync("c");
        _node.Directory.Follow();
        Assert.NotNull(_node.Directory.FindKnown("c"));
    }

    [Fact]
    public void An_entry_comes_back_as_it_was_written()
    {
        var bucket = new Bucket
        {
            Name = "cart",
            Id = new BucketId(uint.MaxValue),
            Revision = 9,
            State = BucketState.Dropping,
            Settings = new BucketSettings { DefaultTtl = "2h", CacheControl = "private" },
            Requests =
            [
                new BucketRequest(
                    new RequestId(ulong.MaxValue, 1, RequestIdKind.Timed), 5, BucketChangeKind.Dropped, new(4), 3, 77),
            ],
            EntryVersion = new KeyVersion(new Term(1), new LogIndex(2)),
        };

        var read = BucketFormat.Decode("cart", BucketFormat.Encode(bucket), bucket.EntryVersion);

        Assert.Equal(bucket.Requests, read.Requests);
        Assert.Equal(bucket, read with { Requests = bucket.Requests });
        Assert.Equal("cart", BucketFormat.NameOf(BucketFormat.KeyOf("cart").Span));
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("null")]
    [InlineData("""{"state":"gone","id":2,"revision":1,"settings":{},"requests":[]}""")]
    [InlineData("""{"state":"live","id":2,"revision":1,"settings":{},"requests":[],"more":1}""")]
    public void An_entry_of_another_version_is_refused(string json) => Assert.Throws<InvalidDataException>(
        () => BucketFormat.Decode("cart", System.Text.Encoding.UTF8.GetBytes(json), KeyVersion.None));

    [Theory]
    [InlineData("{\"id\":\"\",REST}", "0 digits")]
    [InlineData("{\"id\":\"0123456789abcde\",REST}", "15 digits")]
    [InlineData("{\"id\":\"0123456789abcdef\",REST}", "16 digits")]
    [InlineData("{\"id\":\"0123456789abcdef0123456789abcdef0\",REST}", "33 digits")]
    [InlineData("{\"id\":\"0123456789abcdef0123456789abcdeg\",REST}", "0123456789abcdeg")]
    [InlineData("null", "null")]
    public void An_entry_with_a_request_that_nobody_writes_is_refused_by_name_and_fault(string request, string fault)
    {
        const string rest = "\"kind\":1,\"print\":\"5\",\"came\":\"created\",\"bucket\":2,\"revision\":1,\"at\":7";
        var json = $$$"""
            {"state":"live","id":2,"revision":1,"settings":{},"requests":[{{{request.Replace("REST", rest)}}}]}
            """;

        var refused = Assert.Throws<InvalidDataException>(
            () => BucketFormat.Decode("cart", System.Text.Encoding.UTF8.GetBytes(json), KeyVersion.None));

        Assert.Contains("bucket cart", refused.Message);
        Assert.Contains(fault, refused.Message);
    }

    [Theory]
    [InlineData("null", "empty")]
    [InlineData("{}", "next")]
    [InlineData("{\"next\":-1}", "next")]
    public void A_next_id_that_nobody_writes_is_refused(string json, string fault)
    {
        var refused = Assert.Throws<InvalidDataException>(
            () => BucketFormat.DecodeIds(System.Text.Encoding.UTF8.GetBytes(json)));

        Assert.Contains("next bucket id", refused.Message);
        Assert.Contains(fault, refused.Message);
    }
}
