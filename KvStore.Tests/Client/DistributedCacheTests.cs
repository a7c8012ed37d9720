using System.Buffers;
using System.Collections.Concurrent;
using System.Diagnostics;
using KvStore.Client;
using KvStore.Client.Caching;
using KvStore.Contracts;
using KvStore.Tests.Cluster;
using Microsoft.Extensions.Caching.Distributed;

namespace KvStore.Tests.Client;

/// <summary>A store as the distributed cache of .NET, on three real nodes that take values of 8 MiB.</summary>
[Collection(nameof(ClusterCollection))]
public sealed class DistributedCacheTests(DistributedCacheTests.Started started)
    : IClassFixture<DistributedCacheTests.Started>, IDisposable
{
    private static readonly DistributedCacheEntryOptions Kept = new();

    private readonly KvStoreClient _client = new(new KvStoreClientSettings
    {
        ConnectionString = "Endpoints=" + string.Join(',', started.Cluster.Nodes.Select(node => node.Http.BaseAddress)),
        Timeout = TimeSpan.FromSeconds(60),
        AttemptTimeout = TimeSpan.FromSeconds(30),    // large values on a machine that does much else
    });

    private readonly string _id = Guid.NewGuid().ToString("n");

    public sealed class Started : IAsyncLifetime
    {
        public TestCluster Cluster { get; private set; } = null!;

        public async ValueTask InitializeAsync() =>
            Cluster = await TestCluster.StartAsync(settings: ("KVSTORE_MAX_VALUE_BYTES", "8388608"));

        public ValueTask DisposeAsync() => Cluster.DisposeAsync();
    }

    public void Dispose() => _client.Dispose();

    [Theory, InlineData(0), InlineData(1), InlineData(256), InlineData(5 << 20)]
    public async Task A_value_is_given_back_byte_for_byte_by_every_method(int length)
    {
        var (cache, value) = (Cache(), Bytes(length, seed: 1));
        await cache.SetAsync(Key("a"), value, Kept);
        cache.Set(Key("b"), value, Kept);
        await cache.SetAsync(Key("c"), new ReadOnlySequence<byte>(value), Kept);
        cache.Set(Key("d"), InParts(value), Kept);
        foreach (var key in (string[])[Key("a"), Key("b"), Key("c"), Key("d")])
        {
            Assert.Equal(value, await cache.GetAsync(key));
            Assert.Equal(value, cache.Get(key));
            var (one, other) = (new ArrayBufferWriter<byte>(), new ArrayBufferWriter<byte>());
            Assert.True(await cache.TryGetAsync(key, one));
            Assert.True(cache.TryGet(key, other));
            Assert.Equal(value, one.WrittenSpan);
            Assert.Equal(value, other.WrittenSpan);
        }
    }

    [Fact]
    public async Task A_value_is_replaced_and_removed()
    {
        var cache = Cache();
        await cache.SetAsync(Key("k"), [1], Lasting(TimeSpan.FromHours(1)));
        await cache.SetAsync(Key("k"), [2], Kept);
        Assert.Equal([2], await cache.GetAsync(Key("k")));
        Assert.Null((await StoredAsync(Key("k")))!.ExpiresAt);
        await cache.RemoveAsync(Key("k"));
        Assert.Null(await cache.GetAsync(Key("k")));
        await cache.SetAsync(Key("k"), [3], Kept);
        cache.Remove(Key("k"));
        Assert.Null(cache.Get(Key("k")));
    }

    [Fact]
    public async Task What_is_not_there_is_nothing_and_the_bucket_is_made_when_it_is_needed()
    {
        foreach (var bucket in (string[])[$"cache-{_id}", "cache"])
        {
            var cache = Cache(bucket);
            var into = new ArrayBufferWriter<byte>();
            Assert.Null(await cache.GetAsync(Key("k")));
            Assert.Null(cache.Get(Key("k")));
            Assert.False(await cache.TryGetAsync(Key("k"), into));
            Assert.Equal(0, into.WrittenCount);
            await cache.RefreshAsync(Key("k"));
            cache.Refresh(Key("k"));
            await cache.RemoveAsync(Key("k"));
            cache.Remove(Key("k"));
            await Task.WhenAll(Enumerable.Range(0, 8).Select(each => cache.SetAsync(Key($"{each}"), [7], Kept)));
            Assert.Equal([7], await cache.GetAsync(Key("3")));
        }
    }

    [Fact]
    public async Task An_entry_ends_at_its_end_however_that_is_said()
    {
        var cache = Cache();
        var soon = TimeSpan.FromMilliseconds(300);
        await cache.SetAsync(Key("a"), [1], Lasting(soon));
        await cache.SetAsync(Key("b"), [1], new() { AbsoluteExpiration = TimeProvider.System.GetUtcNow() + soon });
        await cache.SetAsync(Key("c"), [1], new() { SlidingExpiration = soon });
        await cache.SetAsync(Key("d"), [1], new()
        {
            AbsoluteExpirationRelativeToNow = soon,
            SlidingExpiration = TimeSpan.FromHours(1),
        });
        await cache.SetAsync(Key("e"), [1], Lasting(TimeSpan.MaxValue));
        foreach (var key in (string[])[Key("a"), Key("b"), Key("c")])
            await EventuallyAsync(async () => await StoredAsync(key) is null, $"{key} is gone");
        await EventuallyAsync(async () => await cache.GetAsync(Key("d")) is null, "reads keep it to its end at most");
        Assert.Null(await cache.GetAsync(Key("a")));
        Assert.NotNull(await cache.GetAsync(Key("e")));
    }

    [Fact]
    public async Task A_sliding_entry_is_renewed_by_reads_and_refreshes_until_its_end()
    {
        var cache = Cache();
        var (span, into) = (TimeSpan.FromSeconds(15), new ArrayBufferWriter<byte>());
        await cache.SetAsync(Key("k"), [1], new() { SlidingExpiration = span });
        foreach (var use in (Func<Task>[])
            [
                () => cache.GetAsync(Key("k")),
                () => cache.TryGetAsync(Key("k"), into).AsTask(),
                () => cache.RefreshAsync(Key("k")),
            ])
        {
            var before = (await StoredAsync(Key("k")))!.ExpiresAt;
            await EventuallyAsync(
                async () =>
                {
                    await use();
                    return (await StoredAsync(Key("k")))!.ExpiresAt > before;
                },
                "it ends later than before");
        }

        var ended = TimeProvider.System.GetUtcNow() + TimeSpan.FromSeconds(10);
        await cache.SetAsync(Key("k"), [1], new() { SlidingExpiration = span, AbsoluteExpiration = ended });
        await cache.RefreshAsync(Key("k"));
        await cache.GetAsync(Key("k"));
        Assert.InRange((await StoredAsync(Key("k")))!.ExpiresAt!.Value, ended - span, ended.AddMilliseconds(500));
    }

    [Fact]
    public async Task A_read_writes_nothing_while_most_of_the_span_is_left_and_a_refresh_always()
    {
        var cache = Cache();
        await cache.SetAsync(Key("k"), [1], new() { SlidingExpiration = TimeSpan.FromHours(1) });
        var first = (await StoredAsync(Key("k")))!;
        for (var read = 0; read < 5; read++)
            Assert.NotNull(await cache.GetAsync(Key("k")));
        Assert.Equal(first.Version, (await StoredAsync(Key("k")))!.Version);
        await cache.RefreshAsync(Key("k"));
        Assert.NotEqual(first.Version, (await StoredAsync(Key("k")))!.Version);

        await cache.SetAsync(Key("fixed"), [1], Lasting(TimeSpan.FromHours(1)));
        var stored = (await StoredAsync(Key("fixed")))!;
        await cache.RefreshAsync(Key("fixed"));
        Assert.Equal(stored.Version, (await StoredAsync(Key("fixed")))!.Version);
    }

    [Fact]
    public async Task What_is_stored_between_a_read_and_its_renewal_keeps_its_own_life()
    {
        var cache = Cache();
        await cache.SetAsync(Key("k"), [1], new() { SlidingExpiration = TimeSpan.FromHours(1) });
        var old = (await StoredAsync(Key("k")))!.Version;
        await cache.SetAsync(Key("k"), [2], Lasting(TimeSpan.FromMinutes(1)));
        var stored = (await StoredAsync(Key("k")))!;
        var bucket = _client.Bucket("cache");
        Assert.False(await bucket.TouchIfAsync(Key("k"), TimeSpan.FromHours(1), old, new(), default));
        Assert.Equal(stored.ExpiresAt, (await StoredAsync(Key("k")))!.ExpiresAt);
    }

    [Fact]
    public async Task Options_and_arguments_that_mean_nothing_are_refused()
    {
        var cache = Cache();
        var past = new DistributedCacheEntryOptions { AbsoluteExpiration = DateTimeOffset.UnixEpoch };
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => cache.SetAsync(Key("k"), [1], past));
        Assert.Throws<ArgumentOutOfRangeException>(() => Lasting(TimeSpan.Zero));
        Assert.Throws<ArgumentOutOfRangeException>(
            () => new DistributedCacheEntryOptions { SlidingExpiration = TimeSpan.FromSeconds(-1) });
        await Assert.ThrowsAsync<ArgumentNullException>(() => cache.GetAsync(null!));
        await Assert.ThrowsAsync<ArgumentNullException>(() => cache.SetAsync(null!, [], Kept));
        await Assert.ThrowsAsync<ArgumentNullException>(() => cache.SetAsync(Key("k"), null!, Kept));
        await Assert.ThrowsAsync<ArgumentNullException>(() => cache.SetAsync(Key("k"), [], null!));
        Assert.Throws<ArgumentNullException>(() => cache.Refresh(null!));
        Assert.Throws<ArgumentNullException>(() => cache.Remove(null!));
        Assert.Throws<ArgumentNullException>(() => cache.TryGet(Key("k"), null!));
        var settings = new KvStoreCacheSettings { SynchronousTimeout = TimeSpan.Zero };
        Assert.Throws<ArgumentException>(() => new KvStoreDistributedCache(_client, settings, TimeProvider.System));
        Assert.Throws<ArgumentException>(() => Cache("No Bucket"));
    }

    [Fact]
    public async Task Any_string_is_a_key_and_no_two_are_the_same()
    {
        var cache = Cache($"keys-{_id}");
        var much = new string('k', 5000);
        string[] keys =
        [
            "", " ", "a/b", "a//b", "/", "..", "%2F", "%252F", "\\", "?", "#", "+", "\0", "\n", "\u007f", "ü",
            "u\u0308", "😀", "\ud83d", "\ude00", "\ud83e", "\ufffd", much, much + "1", much + "2",
            new string('ü', 600), CacheKey.Of(much), CacheKey.Of("\0"), CacheKey.Of(CacheKey.Of(much)),
        ];
        foreach (var (index, key) in keys.Index())
            await cache.SetAsync(key, [(byte)index], Kept);
        foreach (var (index, key) in keys.Index())
            Assert.Equal([(byte)index], (await cache.GetAsync(key))!);
        Assert.Equal(keys.Length, await _client.Bucket($"keys-{_id}").ListKeysAsync().CountAsync());
        Assert.Equal("a/b", CacheKey.Of("a/b"));
    }

    [Fact]
    public async Task Many_at_once_see_whole_values_only()
    {
        var cache = Cache();
        var seen = new ConcurrentBag<byte[]>();
        await Parallel.ForEachAsync(
            Enumerable.Range(0, 200),
            new ParallelOptions { MaxDegreeOfParallelism = 50 },
            async (number, cancellation) =>
            {
                var (key, value) = (Key($"many/{number % 5}"), new byte[10_000]);
                Array.Fill(value, (byte)number);
                if (number % 2 == 0)
                    await cache.SetAsync(key, value, Kept, cancellation);
                else
                    cache.Set(key, value, Kept);
                seen.Add((number % 4 < 2 ? cache.Get(key) : await cache.GetAsync(key, cancellation))!);
            });
        Assert.All(seen, value => Assert.Equal((10_000, 1), (value.Length, value.Distinct().Count())));
    }

    [Fact]
    public void A_synchronous_call_needs_nothing_of_the_context_that_it_blocks()
    {
        var (before, context) = (SynchronizationContext.Current, new CountingContext());
        SynchronizationContext.SetSynchronizationContext(context);
        try
        {
            var cache = Cache();
            cache.Set(Key("k"), [1], new() { SlidingExpiration = TimeSpan.FromSeconds(10) });
            Assert.Equal([1], cache.Get(Key("k")));
            cache.Refresh(Key("k"));
            cache.Remove(Key("k"));
        }
        finally
        {
            SynchronizationContext.SetSynchronizationContext(before);
        }

        Assert.Equal(0, context.Posts);
    }

    [Fact]
    public async Task A_store_that_cannot_be_reached_is_told_and_blocks_nobody_for_long()
    {
        var nowhere = $"http://127.0.0.1:{FreePorts.Take(1)[0]}";
        using var hasty = new KvStoreClient(
            new KvStoreClientSettings { ConnectionString = nowhere, Timeout = TimeSpan.FromMilliseconds(200) });
        var cache = new KvStoreDistributedCache(hasty, new(), TimeProvider.System);
        await Assert.ThrowsAsync<KvStoreException>(() => cache.GetAsync("k"));
        await Assert.ThrowsAsync<KvStoreException>(() => cache.SetAsync("k", [], Kept));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => cache.GetAsync("k", new CancellationToken(canceled: true)));

        using var patient = new KvStoreClient(
            new KvStoreClientSettings { ConnectionString = nowhere, Timeout = TimeSpan.FromMinutes(1) });
        var settings = new KvStoreCacheSettings { SynchronousTimeout = TimeSpan.FromMilliseconds(100) };
        var blocking = new KvStoreDistributedCache(patient, settings, TimeProvider.System);
        var startedAt = Stopwatch.GetTimestamp();
        Assert.Throws<KvStoreException>(() => blocking.Get("k"));
        Assert.Throws<KvStoreException>(() => blocking.Set("k", [], Kept));
        Assert.Throws<KvStoreException>(() => blocking.Refresh("k"));
        Assert.Throws<KvStoreException>(() => blocking.Remove("k"));
        Assert.InRange(Stopwatch.GetElapsedTime(startedAt), TimeSpan.Zero, TimeSpan.FromSeconds(50));
    }

    [Theory, InlineData(Consistency.Session), InlineData(Consistency.Eventual), InlineData(Consistency.Bounded)]
    public async Task Reads_of_any_consistency_find_what_was_stored(Consistency consistency)
    {
        var settings = new KvStoreCacheSettings { Consistency = consistency };
        var cache = new KvStoreDistributedCache(_client, settings, TimeProvider.System);
        for (byte number = 0; number < 10; number++)
        {
            await cache.SetAsync(Key("k"), [number], Kept);
            if (consistency is Consistency.Session)
                Assert.Equal([number], (await cache.GetAsync(Key("k")))!);
        }

        await EventuallyAsync(async () => await cache.GetAsync(Key("k")) is [9], "the last value is read");
    }

    private KvStoreDistributedCache Cache(string bucket = "cache") => new(
        _client,
        new KvStoreCacheSettings { Bucket = bucket, SynchronousTimeout = TimeSpan.FromSeconds(60) },
        TimeProvider.System);

    private string Key(string name) => $"{_id}/{name}";

    private Task<KvEntry<byte[]>?> StoredAsync(string key) => _client.Bucket("cache").GetAsync<byte[]>(key);

    private Task EventuallyAsync(Func<Task<bool>> isSo, string claim) => started.Cluster.EventuallyAsync(isSo, claim);

    private static DistributedCacheEntryOptions Lasting(TimeSpan life) =>
        new() { AbsoluteExpirationRelativeToNow = life };

    private static byte[] Bytes(int length, byte seed) =>
        [.. Enumerable.Range(0, length).Select(index => (byte)(index * 31 + (index >> 8) + seed))];

    private static ReadOnlySequence<byte> InParts(byte[] value)
    {
        var first = new Part(value.AsMemory(0, value.Length / 3), null);
        var last = new Part(value.AsMemory(value.Length / 3), first);
        return new ReadOnlySequence<byte>(first, 0, last, last.Memory.Length);
    }

    private sealed class Part : ReadOnlySequenceSegment<byte>
    {
        public Part(ReadOnlyMemory<byte> memory, Part? before)
        {
            Memory = memory;
            if (before is null)
                return;
            before.Next = this;
            RunningIndex = before.RunningIndex + before.Memory.Length;
        }
    }

    /// <summary>Counts what a thread that is blocked would never run.</summary>
    private sealed class CountingContext : SynchronizationContext
    {
        private int _posts;

        public int Posts => Volatile.Read(ref _posts);

        public override void Post(SendOrPostCallback d, object? state)
        {
            Interlocked.Increment(ref _posts);
            base.Post(d, state);
        }
    }
}
