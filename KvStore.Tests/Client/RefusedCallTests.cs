using KvStore.Client;
using KvStore.Contracts;

namespace KvStore.Tests.Client;

/// <summary>What is refused where it is given, and never sent.</summary>
public sealed class RefusedCallTests : IDisposable
{
    private readonly FakeStore _store = new();

    public void Dispose() => _store.Dispose();

    [Fact]
    public async Task A_call_that_makes_no_sense_is_refused_before_it_is_sent()
    {
        var client = _store.Open();
        var never = new KvReadOptions { Timeout = Timeout.InfiniteTimeSpan };
        await Assert.ThrowsAsync<ArgumentException>(() => client.GetAsync<int>("k", never));
        await Assert.ThrowsAnyAsync<ArgumentException>(() => client.GetAsync<int>("half \ud83d"));
        await Assert.ThrowsAsync<ArgumentException>(() => client.GetAsync<int>("a\0b"));
        await Assert.ThrowsAsync<ArgumentException>(() => client.PutAsync(new string('k', 1025), 1));
        var copies = new KvWriteOptions { Ack = KvAck.All };
        await Assert.ThrowsAsync<ArgumentException>(() => client.BatchAsync(all => all.Delete("k"), copies));
        await Assert.ThrowsAsync<ArgumentException>(
            () => client.Transaction().Then(all => all.Delete("k")).CommitAsync(copies));
        await Assert.ThrowsAnyAsync<ArgumentException>(() => client.PutAsync("k", "half \ud83d"));
        await Assert.ThrowsAnyAsync<ArgumentException>(() => client.PutAsync<string>("k", null!));
        await Assert.ThrowsAnyAsync<ArgumentException>(() => client.BatchAsync(all => all.Get("half \ud83d")));
        await Assert.ThrowsAnyAsync<ArgumentException>(() => client.CountAsync("half \ud83d"));
        await Assert.ThrowsAsync<ArgumentException>(() => client.DeleteRangeAsync(""));
        var ages = new KvReadOptions { Timeout = TimeSpan.MaxValue };
        await Assert.ThrowsAsync<ArgumentException>(() => client.GetAsync<int>("k", ages));
        Assert.Throws<ArgumentException>(() => client.Transaction().IfEquals("k", "text"));
        Assert.Empty(_store.Requests);
        client.Dispose();
        await Assert.ThrowsAsync<ObjectDisposedException>(() => client.GetAsync<int>("k"));
    }

    [Theory]
    [InlineData("no token", "v")]
    [InlineData("", "v")]
    [InlineData("näme", "v")]
    [InlineData("name", "grün")]
    [InlineData("name", "two\r\nlines")]
    [InlineData("name", " v")]
    public async Task Metadata_that_cannot_be_sent_is_refused_where_it_is_given(string name, string value)
    {
        using var client = _store.Open();
        var metadata = new Dictionary<string, string> { [name] = value };
        var refused = await Assert.ThrowsAsync<ArgumentException>(
            () => client.PutAsync("k", 1, new KvWriteOptions { Metadata = metadata }));
        Assert.Contains($"'{name}'", refused.Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<ArgumentException>(() => client.BatchAsync(all => all.Put("k", 1, null, metadata)));
        Assert.Empty(_store.Requests);
    }

    [Fact]
    public async Task Metadata_of_two_spellings_of_one_name_is_refused_where_it_is_given()
    {
        using var client = _store.Open();
        var metadata = new Dictionary<string, string> { ["Owner"] = "a", ["owner"] = "b" };
        await Assert.ThrowsAsync<ArgumentException>(
            () => client.PutAsync("k", 1, new KvWriteOptions { Metadata = metadata }));
        await Assert.ThrowsAsync<ArgumentException>(() => client.BatchAsync(all => all.Put("k", 1, null, metadata)));
        Assert.Empty(_store.Requests);
    }

    [Fact]
    public async Task A_majority_may_be_asked_for_by_name_in_many_operations_at_once()
    {
        using var client = _store.Open();
        _store.Answer = (_, _, _) => Task.FromResult(
            FakeStore.Json(new BatchResponse([]), ContractsJson.Default.BatchResponse));
        await client.BatchAsync(all => all.Delete("k"), new KvWriteOptions { Ack = KvAck.Quorum });
        Assert.Null(Assert.Single(_store.Requests).Header(KvHeaders.Ack));    // the store would refuse the header
    }

    [Theory]
    [InlineData("")]
    [InlineData("a b")]
    [InlineData("näme")]
    [InlineData("12345678901234567890123456789012345678901234567890123456789012345")]
    public async Task A_name_of_a_write_that_cannot_be_sent_is_refused_where_it_is_given(string name)
    {
        using var client = _store.Open();
        var options = new KvWriteOptions { IdempotencyKey = name };
        await Assert.ThrowsAsync<ArgumentException>(() => client.PutAsync("k", 1, options));
        await Assert.ThrowsAsync<ArgumentException>(() => client.BatchAsync(all => all.Delete("k"), options));
        Assert.Empty(_store.Requests);
    }

    [Fact]
    public async Task A_media_type_that_cannot_be_sent_is_refused_where_it_is_given()
    {
        using var client = _store.Open();
        foreach (var type in (string[])["", "text/grün", "text/plain\n"])
        {
            await Assert.ThrowsAsync<ArgumentException>(
                () => client.PutAsync("k", 1, new KvWriteOptions { ContentType = type }));
        }

        Assert.Empty(_store.Requests);
    }
}
