using KvStore.Client;
using KvStore.Contracts;

namespace KvStore.Tests.Client;

/// <summary>How long a write is sent again under its name, which the store remembers for ten minutes.</summary>
public sealed class NamedWriteTests : IDisposable
{
    private static readonly TimeSpan Hour = TimeSpan.FromHours(1);

    private readonly FakeStore _store = new();

    public void Dispose() => _store.Dispose();

    [Theory]
    [InlineData("mine", 5, 9)]
    [InlineData("2f0e1f6a-3c5d-4b8e-9d51-0c9a6f3b7e21", 5, 9)]
    [InlineData("0195f3a0-7c1e-7d51-cc9a-6f3b7e212f0e", 5, 9)]    // to the store it is no UUID of version 7
    [InlineData("0195f3a0-7c1e-7d51-8c9a-6f3b7e212f0e", 30, 60)]
    [InlineData(null, 30, 60)]
    public async Task A_write_that_may_be_applied_is_not_sent_again_when_its_name_may_be_forgotten(
        string? name, double least, double most)
    {
        using var client = _store.Open(settings => (settings.RetryShare, settings.RetryBurst) = (1, 10_000));
        var begun = _store.Time.GetUtcNow();
        var last = begun;
        _store.Answer = (_, _, _) =>
        {
            last = _store.Time.GetUtcNow();
            throw new HttpRequestException(HttpRequestError.ResponseEnded, "It broke.");
        };
        var options = new KvWriteOptions { IdempotencyKey = name, Timeout = Hour };
        var call = client.IncrementAsync("n", options: options);
        while (!call.IsCompleted)
            await MoveAsync(call);
        Assert.InRange((last - begun).TotalMinutes, least, most);
        Assert.Equal(Applied.Unknown, (await Assert.ThrowsAsync<KvStoreException>(() => call)).Applied);
    }

    [Fact]
    public async Task A_write_that_was_never_applied_is_sent_under_any_name_until_its_time_is_over()
    {
        using var client = _store.Open(settings => (settings.RetryShare, settings.RetryBurst) = (1, 10_000));
        _store.Answer = (_, _, _) => Task.FromResult(FakeStore.Refusal(ProblemType.Overloaded));
        var options = new KvWriteOptions { IdempotencyKey = "mine", Timeout = Hour };
        var call = client.IncrementAsync("n", options: options);
        for (var second = 0; second < 30 * 60; second++)
            await MoveAsync(call);
        Assert.False(call.IsCompleted);
        _store.Answer = (_, _, _) => Task.FromResult(FakeStore.Refusal(ProblemType.ValueNotANumber));
        var failure = await Assert.ThrowsAsync<KvStoreException>(() => _store.MovedAsync(call));
        Assert.Equal(Applied.No, failure.Applied);
    }

    [Fact]
    public async Task A_name_that_the_store_has_forgotten_is_not_tried_again()
    {
        using var client = _store.Open();
        _store.Answer = (_, before, _) => before == 0
            ? throw new HttpRequestException(HttpRequestError.ResponseEnded, "It broke.")
            : Task.FromResult(FakeStore.Refusal(ProblemType.IdempotencyExpired));
        var failure = await Assert.ThrowsAsync<KvStoreException>(() => _store.MovedAsync(client.IncrementAsync("n")));
        Assert.Equal(("idempotency-expired", Applied.Unknown), (failure.Code, failure.Applied));
        Assert.Equal(2, _store.Requests.Count);
    }

    [Theory, InlineData("idempotency-ahead"), InlineData("idempotency-expired")]
    public async Task A_client_whose_clock_is_wrong_gives_its_write_a_name_without_the_time(string code)
    {
        using var client = _store.Open();
        var refusal = ProblemType.All.Single(type => type.Code == code);
        _store.Answer = (_, before, _) => Task.FromResult(
            before == 0 ? FakeStore.Refusal(refusal) : FakeStore.Stored());
        await _store.MovedAsync(client.PutAsync("k", 1));
        var names = _store.Requests.Select(asked => Guid.Parse(asked.Header(KvHeaders.IdempotencyKey)!)).ToList();
        Assert.Equal([7, 4], names.Select(name => name.Version));
    }

    [Fact]
    public async Task A_name_that_the_caller_gave_stays()
    {
        using var client = _store.Open();
        _store.Answer = (_, _, _) => Task.FromResult(FakeStore.Refusal(ProblemType.IdempotencyAhead));
        var options = new KvWriteOptions { IdempotencyKey = $"{Guid.CreateVersion7()}" };
        var failure = await Assert.ThrowsAsync<KvStoreException>(() => client.PutAsync("k", 1, options));
        Assert.Equal(("idempotency-ahead", Applied.No), (failure.Code, failure.Applied));
        Assert.Single(_store.Requests);
    }

    /// <summary>Moves the time by a second, in which there is a try as a rule, and lets that come first.</summary>
    private async Task MoveAsync(Task call)
    {
        var sent = _store.Requests.Count;
        _store.Advance(TimeSpan.FromSeconds(1));
        for (var turn = 0; turn < 100 && !call.IsCompleted && _store.Requests.Count == sent; turn++)
            await Task.Yield();
    }
}
