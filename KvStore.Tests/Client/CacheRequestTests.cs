using System.Buffers;
using System.Globalization;
using KvStore.Client.Caching;
using KvStore.Contracts;
using Microsoft.Extensions.Caching.Distributed;

namespace KvStore.Tests.Client;

/// <summary>What a cache asks of its store, and what it makes of the answers, by a clock that the test moves.</summary>
public sealed class CacheRequestTests : IDisposable
{
    private readonly FakeStore _store = new();

    public void Dispose() => _store.Dispose();

    [Fact]
    public async Task What_is_over_is_not_given_also_where_the_store_has_it_still()
    {
        using var client = _store.Open();
        var cache = new KvStoreDistributedCache(client, new(), _store.Time);
        _store.Answer = (_, _, _) => Task.FromResult(Entry(ends: _store.Time.GetUtcNow()));
        Assert.Null(await cache.GetAsync("k"));
        var into = new ArrayBufferWriter<byte>();
        Assert.False(await cache.TryGetAsync("k", into));
        Assert.Equal(0, into.WrittenCount);
        Assert.Equal(2, _store.Requests.Count);    // nor is it renewed

        _store.Answer = (_, _, _) => Task.FromResult(Entry(ends: _store.Time.GetUtcNow() + TimeSpan.FromSeconds(1)));
        Assert.NotNull(await cache.GetAsync("k"));
    }

    [Theory, InlineData(200, null, "180ms"), InlineData(5000, null, "900ms"), InlineData(5000, 300, "270ms")]
    public async Task A_renewal_takes_no_longer_than_the_read_may(int synchronous, int? timeout, string renewal)
    {
        using var client = _store.Open(settings =>
            settings.Timeout = TimeSpan.FromMilliseconds(timeout ?? settings.Timeout.TotalMilliseconds));
        var settings = new KvStoreCacheSettings { SynchronousTimeout = TimeSpan.FromMilliseconds(synchronous) };
        var cache = new KvStoreDistributedCache(client, settings, _store.Time);
        _store.Answer = (_, _, _) => Task.FromResult(Entry(sliding: TimeSpan.FromMinutes(1)));
        if (timeout is null)
            Assert.NotNull(cache.Get("k"));
        else
            Assert.NotNull(await cache.GetAsync("k"));
        var touch = _store.Requests.Last();
        Assert.Equal((HttpMethod.Post, renewal), (touch.Method, touch.Header(KvHeaders.Timeout)));
    }

    [Fact]
    public async Task An_entry_whose_bucket_had_to_be_made_first_ends_no_later_for_that()
    {
        using var client = _store.Open();
        var cache = new KvStoreDistributedCache(client, new(), _store.Time);
        _store.Answer = (_, before, _) =>
        {
            if (before == 1)
                _store.Time.Advance(TimeSpan.FromSeconds(3));
            return Task.FromResult(before == 0 ? FakeStore.Refusal(ProblemType.BucketNotFound) : FakeStore.Stored());
        };
        var end = _store.Time.GetUtcNow() + TimeSpan.FromSeconds(10);
        await cache.SetAsync("k", [1], new DistributedCacheEntryOptions { AbsoluteExpiration = end });
        var asked = _store.Requests.ToList();
        Assert.Equal(["10000ms", null, "7000ms"], asked.Select(each => each.Header(KvHeaders.Ttl)));
        Assert.Equal($"{end.ToUnixTimeMilliseconds()}", asked[2].Header("Kv-Meta-cache-end-ms"));
    }

    private static HttpResponseMessage Entry(DateTimeOffset? ends = null, TimeSpan? sliding = null)
    {
        var entry = FakeStore.Stored();
        if (ends is { } end)
            entry.Headers.Add("Kv-Meta-cache-end-ms", Text(end.ToUnixTimeMilliseconds()));
        if (sliding is { } span)
            entry.Headers.Add("Kv-Meta-cache-sliding-ms", Text((long)span.TotalMilliseconds));
        return entry;
    }

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);
}
