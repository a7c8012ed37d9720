using System.Buffers;
using System.IO.Pipelines;
using KvStore.Client;
using KvStore.Client.OutputCaching;
using KvStore.Contracts;
using KvStore.Tests.Cluster;

namespace KvStore.Tests.Client;

/// <summary>A store as the output cache of ASP.NET Core, on three real nodes that take values of 8 MiB.</summary>
[Collection(nameof(ClusterCollection))]
public sealed partial class OutputCacheTests : IClassFixture<DistributedCacheTests.Started>, IDisposable
{
    private static readonly TimeSpan Hour = TimeSpan.FromHours(1);

    private readonly TestCluster _cluster;
    private readonly KvStoreClient _client;
    private readonly string _bucket = $"pages-{Guid.NewGuid():n}";

    public OutputCacheTests(DistributedCacheTests.Started started)
    {
        _cluster = started.Cluster;
        _client = Client(new SocketsHttpHandler());
    }

    public void Dispose()
    {
        _client.Dispose();
        _ended.Dispose();
    }

    [Theory, InlineData(0), InlineData(1), InlineData(256), InlineData(5 << 20)]
    public async Task A_value_is_given_back_byte_for_byte_by_every_method(int length)
    {
        var (store, value) = (Store(), Bytes(length));
        await store.SetAsync("a", value, null, Hour, default);
        await store.SetAsync("b", value, ["t"], Hour, default);
        await store.SetAsync("c", InParts(value), default, Hour, default);
        await store.SetAsync("d", InParts(value), new[] { "t", "u" }, Hour, default);
        foreach (var key in (string[])["a", "b", "c", "d"])
        {
            Assert.Equal(value, await store.GetAsync(key, default));
            Assert.Equal(value, await ReadAsync(store, key));
        }

        await store.EvictByTagAsync("t", default);
        Assert.Equal("a c", await FoundAsync(store, "a", "b", "c", "d"));
    }

    [Fact]
    public async Task What_is_not_there_is_nothing_and_the_bucket_is_made_when_it_is_needed()
    {
        var store = Store();
        Assert.Null(await store.GetAsync("k", default));
        Assert.Null(await ReadAsync(store, "k"));
        await store.EvictByTagAsync("t", default);
        Assert.Null(await _client.GetBucketAsync(_bucket));
        await Task.WhenAll(Enumerable.Range(0, 8).Select(
            each => store.SetAsync($"{each}", [7], ["t"], Hour, default).AsTask()));
        Assert.Equal([7], await store.GetAsync("3", default));
        Assert.Null(await store.GetAsync("k", default));
    }

    [Fact]
    public async Task An_entry_ends_together_with_its_index_keys_when_it_is_valid_no_more()
    {
        var store = Store();
        await store.SetAsync("long", [1], ["t", "u"], TimeSpan.MaxValue, default);
        await store.SetAsync("hour", [1], ["t"], Hour, default);
        await store.SetAsync("soon", [1], ["t"], TimeSpan.FromMilliseconds(300), default);
        await store.SetAsync("bare", [1], [], TimeSpan.FromMilliseconds(300), default);
        var keys = (await KeysAsync()).ToLookup(key => key.Key.Split('{')[1]);
        Assert.Single(keys["long}"].Select(key => (key.Version, key.ExpiresAt)).Distinct());
        Assert.Equal(3, keys["long}"].Count());
        var ends = keys["hour}"].Select(key => key.ExpiresAt).Distinct().Single()!.Value;
        var now = TimeProvider.System.GetUtcNow();
        Assert.InRange(ends, now + Hour / 2, now + Hour + TimeSpan.FromMinutes(1));
        await _cluster.EventuallyAsync(
            async () => (await KeysAsync()).Count == 5, "what was valid for a moment is gone");
        Assert.Equal("long hour", await FoundAsync(store, "long", "hour", "soon", "bare"));
    }

    [Fact]
    public async Task Any_string_is_a_key_and_any_a_tag_and_no_two_are_the_same()
    {
        var store = Store();
        var much = new string('k', 5000);
        string[] names =
        [
            "", " ", "a", "ab", "a/", "a/b", "a//b", "/", "..", "%2F", "{", "}", "{}", "a{b", "a}b", "{a}", "sha256:",
            "GET\x1eHTTP\x1eHOST/A\x1eQ\x1eX=1\x1f2", "\0", "\x1e", "\x1f", "\u007f", "ü", "u\u0308", "😀", "\ud83d",
            "\ufffd", new string('k', 201), new string('ü', 101), new string('k', 801), much, much + "1",
        ];
        foreach (var (index, name) in names.Index())
            await store.SetAsync(name, [(byte)index], [name], Hour, default);
        foreach (var (index, name) in names.Index())
            Assert.Equal([(byte)index], (await store.GetAsync(name, default))!);
        Assert.Equal(2 * names.Length, (await KeysAsync()).Count);

        foreach (var (index, name) in names.Index())
        {
            Assert.NotNull(await store.GetAsync(name, default));
            await store.EvictByTagAsync(name, default);
            Assert.Null(await store.GetAsync(name, default));
            Assert.Equal(2 * (names.Length - index - 1), (await KeysAsync()).Count);
        }
    }

    [Fact]
    public async Task A_tag_takes_all_its_entries_with_it_however_many_and_no_others()
    {
        var store = Store();
        await Parallel.ForAsync(0, 270, async (number, cancellation) => await store.SetAsync(
            $"{number}", [1], number % 3 == 0 ? ["all", "third"] : ["all", "other", "other"], Hour, cancellation));
        Assert.Equal(270 * 3, (await KeysAsync()).Count);
        await store.EvictByTagAsync("third", default);
        Assert.Equal(180, (await KeysAsync("entries/")).Count);
        Assert.Null(await store.GetAsync("0", default));
        Assert.NotNull(await store.GetAsync("1", default));
        Assert.Empty(await KeysAsync("tags/third/"));
        await store.EvictByTagAsync("none", default);
        Assert.Equal(180, (await KeysAsync("entries/")).Count);
        await store.EvictByTagAsync("all", default);
        Assert.Empty(await KeysAsync("entries/"));
        Assert.Empty(await KeysAsync("tags/all/"));
    }

    [Fact]
    public async Task What_was_stored_anew_is_found_by_its_own_tags()
    {
        var store = Store();
        await store.SetAsync("k", [1], ["a"], Hour, default);
        await store.SetAsync("k", [2], ["b"], Hour, default);
        await store.EvictByTagAsync("b", default);
        Assert.Null(await store.GetAsync("k", default));
        await store.SetAsync("k", [3], ["b"], Hour, default);
        await store.EvictByTagAsync("c", default);
        Assert.Equal([3], await store.GetAsync("k", default));
    }

    /// <summary>It must not stay where no eviction finds it.</summary>
    [Theory, InlineData(true), InlineData(false)]
    public async Task What_was_stored_by_halves_ends_soon(bool isCancelled)
    {
        using var ended = new CancellationTokenSource();
        using var handler = new Between("/txn", async () =>
        {
            if (!isCancelled)
                return FakeStore.Refusal(ProblemType.TransactionTooLarge);
            await ended.CancelAsync();
            throw new IOException("It is cut.");
        });
        using var client = Client(handler);
        var store = Store(client, TimeSpan.FromSeconds(10));
        await Store().SetAsync("k", [1], ["t"], Hour, default);
        var failure = await Assert.ThrowsAnyAsync<Exception>(
            async () => await store.SetAsync("k", [2], ["u"], Hour, ended.Token));
        Assert.Equal((isCancelled, !isCancelled), (failure is OperationCanceledException, failure is KvStoreException));
        var left = Assert.Single(await KeysAsync("entries/"));
        Assert.InRange(left.ExpiresAt!.Value - left.Modified, TimeSpan.Zero, TimeSpan.FromSeconds(21));
    }

    [Fact]
    public async Task An_eviction_that_comes_between_leaves_no_entry_without_its_index_keys()
    {
        using var handler = new Between("/txn", async () =>
        {
            await Store().EvictByTagAsync("t", default);
            return null;
        });
        using var client = Client(handler);
        await Store().SetAsync("k", [1], ["t"], Hour, default);
        await Store(client).SetAsync("k", [2], ["t"], Hour, default);
        Assert.Equal(1, handler.Count);
        Assert.Empty(await KeysAsync());
    }

    [Fact]
    public async Task An_index_key_that_was_written_since_it_was_listed_stays()
    {
        using var handler = new Between("/batch", async () =>
        {
            await Store().SetAsync("k", [2], ["t"], Hour, default);
            return null;
        });
        using var client = Client(handler);
        await Store().SetAsync("k", [1], ["t"], Hour, default);
        await Store(client).EvictByTagAsync("t", default);
        Assert.Equal(1, handler.Count);
        Assert.StartsWith("tags/t/", Assert.Single(await KeysAsync()).Key, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Of_many_who_store_and_evict_at_once_no_entry_is_left_that_no_eviction_finds()
    {
        var store = Store();
        string[] tags = ["a", "b", "c"];
        await Parallel.ForAsync(
            0,
            400,
            new ParallelOptions { MaxDegreeOfParallelism = 16 },
            async (number, cancellation) =>
            {
                if (number % 5 == 0)
                    await store.EvictByTagAsync(tags[number % 3], cancellation);
                else
                    await store.SetAsync($"{number % 4}", [1], [tags[number % 3]], Hour, cancellation);
            });
        foreach (var tag in tags)
            await store.EvictByTagAsync(tag, default);
        Assert.Empty(await KeysAsync("entries/"));
    }

    [Fact]
    public async Task Arguments_that_mean_nothing_are_refused_and_what_is_cancelled_ends()
    {
        var (store, tags) = (Store(), Enumerable.Range(0, 127).Select(number => $"{number}").ToArray());
        await Assert.ThrowsAsync<ArgumentNullException>(async () => await store.GetAsync(null!, default));
        await Assert.ThrowsAsync<ArgumentNullException>(async () => await store.TryGetAsync("k", null!, default));
        await Assert.ThrowsAsync<ArgumentNullException>(async () => await store.SetAsync(null!, [], [], Hour, default));
        await Assert.ThrowsAsync<ArgumentNullException>(
            async () => await store.SetAsync("k", null!, [], Hour, default));
        await Assert.ThrowsAsync<ArgumentNullException>(async () => await store.EvictByTagAsync(null!, default));
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(
            async () => await store.SetAsync("k", [], [], TimeSpan.Zero, default));
        var many = await Assert.ThrowsAsync<ArgumentException>(
            async () => await store.SetAsync("k", [], tags, Hour, default));
        Assert.Equal("An entry has at most 126 tags, and this one 127.", many.Message);
        await store.SetAsync("k", [], tags[1..], Hour, default);
        Assert.Equal(127, (await KeysAsync()).Count);
        Assert.Throws<ArgumentException>(() => Store(timeout: TimeSpan.Zero));
        Assert.Throws<ArgumentException>(() => Store(timeout: TimeSpan.FromMinutes(2)));

        var cancelled = new CancellationToken(canceled: true);
        foreach (var call in (Func<Task>[])
            [
                () => store.GetAsync("k", cancelled).AsTask(),
                () => store.SetAsync("k", [1], tags[1..], Hour, cancelled).AsTask(),
                () => store.EvictByTagAsync("1", cancelled).AsTask(),
            ])
            await Assert.ThrowsAnyAsync<OperationCanceledException>(call);
        Assert.Empty((await store.GetAsync("k", default))!);
    }

    private KvStoreClient Client(HttpMessageHandler handler) => new(
        new KvStoreClientSettings
        {
            ConnectionString = Address,
            Timeout = TimeSpan.FromSeconds(60),
            AttemptTimeout = TimeSpan.FromSeconds(30),    // large values on a machine that does much else
        },
        new HttpClient(handler) { Timeout = Timeout.InfiniteTimeSpan },
        TimeProvider.System,
        hasDiscovery: false);

    private KvStoreOutputCacheStore Store(KvStoreClient? client = null, TimeSpan? timeout = null) => new(
        client ?? _client,
        new KvStoreOutputCacheSettings { Bucket = _bucket, Timeout = timeout ?? TimeSpan.FromMinutes(1) });

    private async Task<List<KvKey>> KeysAsync(string prefix = "") =>
        await _client.Bucket(_bucket).ListKeysAsync(prefix).ToListAsync();

    private static async Task<string> FoundAsync(KvStoreOutputCacheStore store, params string[] keys)
    {
        var found = new List<string>();
        foreach (var key in keys)
        {
            if (await store.GetAsync(key, default) is not null)
                found.Add(key);
        }

        return string.Join(' ', found);
    }

    private static async Task<byte[]?> ReadAsync(KvStoreOutputCacheStore store, string key)
    {
        var pipe = new Pipe();
        var writing = Task.Run(async () =>
        {
            var isThere = await store.TryGetAsync(key, pipe.Writer, default);
            await pipe.Writer.CompleteAsync();
            return isThere;
        });
        using var read = new MemoryStream();
        await pipe.Reader.CopyToAsync(read);
        return await writing ? read.ToArray() : null;
    }

    private static byte[] Bytes(int length) =>
        [.. Enumerable.Range(0, length).Select(index => (byte)(index * 31 + (index >> 8)))];

    private static ReadOnlySequence<byte> InParts(byte[] value)
    {
        var pipe = new Pipe(new PipeOptions(pauseWriterThreshold: 0));
        foreach (var part in value.Chunk(Math.Max(value.Length / 3, 1)))
            pipe.Writer.Write(part);
        pipe.Writer.Complete();
        return pipe.Reader.TryRead(out var read) ? read.Buffer : default;
    }

    /// <summary>Something happens before a request of a kind is sent, or answers it.</summary>
    private sealed class Between(string path, Func<Task<HttpResponseMessage?>> happens)
        : DelegatingHandler(new SocketsHttpHandler())
    {
        public int Count { get; private set; }

        protected override async Task<HttpResponseMessage> SendAsync(
            HttpRequestMessage request, CancellationToken cancellationToken)
        {
            if (!request.RequestUri!.AbsolutePath.EndsWith(path, StringComparison.Ordinal))
                return await base.SendAsync(request, cancellationToken);
            Count++;
            return await happens() ?? await base.SendAsync(request, cancellationToken);
        }
    }
}
