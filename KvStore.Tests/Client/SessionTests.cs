using KvStore.Client;
using KvStore.Client.Caching;
using KvStore.Contracts;
using Microsoft.Extensions.Caching.Distributed;

namespace KvStore.Tests.Client;

/// <summary>What is sent of a session, and what becomes of one whose cluster is gone.</summary>
public sealed class SessionTests : IDisposable
{
    private static readonly string Seen = SessionToken.Empty(1).Seen(3, 7).Format();
    private static readonly string Other = SessionToken.Empty(2).Seen(3, 1).Format();

    private readonly FakeStore _store = new();

    public SessionTests() => _store.Answer = (_, _, _) => Task.FromResult(Told(Seen));

    public void Dispose() => _store.Dispose();

    [Fact]
    public async Task A_client_that_promises_sessions_has_one_of_its_own_for_all_its_buckets()
    {
        using var client = _store.Open(settings => settings.Consistency = Consistency.Session);
        await client.PutAsync("k", 1);
        await client.GetAsync<int>("k");
        await client.Bucket("other").GetAsync<int>("k");
        await client.DeleteAsync("k");
        Assert.Equal([null, Seen, Seen, Seen], Sent);

        await client.GetAsync<int>("k", new KvReadOptions { Session = new KvSession(Other) });
        Assert.Equal(Other, Sent.Last());
        await client.GetAsync<int>("k", new KvReadOptions { Consistency = Consistency.Eventual });
        await client.GetAsync<int>("k", new KvReadOptions { MaxStaleness = TimeSpan.FromSeconds(1) });
        Assert.Equal([null, null], Sent.TakeLast(2));    // these wait for nothing that was seen
    }

    [Fact]
    public async Task A_cache_has_the_session_of_its_client()
    {
        using var client = _store.Open(settings => settings.Consistency = Consistency.Session);
        var cache = new KvStoreDistributedCache(client, new(), _store.Time);
        await cache.SetAsync("k", [1], new DistributedCacheEntryOptions());
        await cache.GetAsync("k");
        Assert.Equal([null, Seen], Sent);
    }

    [Fact]
    public async Task Without_that_promise_no_session_is_sent()
    {
        using var client = _store.Open();
        await client.PutAsync("k", 1);
        await client.GetAsync<int>("k");
        Assert.Equal([null, null], Sent);
    }

    [Theory, InlineData(true), InlineData(false)]
    public async Task A_session_of_a_cluster_that_is_gone_begins_anew(bool isRead)
    {
        using var client = _store.Open();
        _store.Answer = (asked, _, _) => Task.FromResult(asked.Header(KvHeaders.Session) == Seen
            ? FakeStore.Refusal(ProblemType.Conflict)
            : Told(Other));
        var session = new KvSession(Seen);
        if (isRead)
            await _store.MovedAsync(client.GetAsync<int>("k", new KvReadOptions { Session = session }));
        else
            await _store.MovedAsync(client.PutAsync("k", 1, new KvWriteOptions { Session = session }));
        Assert.Equal([Seen, null], Sent);
        Assert.Equal(Other, session.Token);
    }

    [Fact]
    public async Task A_conflict_of_another_kind_is_told_at_once()
    {
        using var client = _store.Open();
        _store.Answer = (_, _, _) => Task.FromResult(FakeStore.Refusal(ProblemType.Conflict));
        var failure = await Assert.ThrowsAsync<KvStoreException>(() => client.DropBucketAsync("default"));
        Assert.Equal("conflict", failure.Code);
        var session = new KvReadOptions { Session = new KvSession(Seen) };
        await Assert.ThrowsAsync<KvStoreException>(() => _store.MovedAsync(client.GetAsync<int>("k", session)));
        Assert.Equal([null, Seen, null], Sent);
    }

    private IEnumerable<string?> Sent => _store.Requests.Select(asked => asked.Header(KvHeaders.Session));

    private static HttpResponseMessage Told(string session)
    {
        var answer = FakeStore.Stored();
        answer.Headers.TryAddWithoutValidation(KvHeaders.Session, session);
        return answer;
    }
}
