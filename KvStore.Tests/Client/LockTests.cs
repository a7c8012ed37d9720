using System.Net;
using KvStore.Contracts;

namespace KvStore.Tests.Client;

/// <summary>A lock while its store does not answer, by a clock that the test moves.</summary>
public sealed class LockTests : IDisposable
{
    private static readonly TimeSpan Life = TimeSpan.FromSeconds(30);

    private readonly FakeStore _store = new();
    private readonly TaskCompletionSource _renewal = new();

    public void Dispose() => _store.Dispose();

    [Fact]
    public async Task A_lock_whose_renewals_are_not_answered_is_lost_a_little_before_its_life_is_over()
    {
        using var client = _store.Open();
        var held = (await client.TryLockAsync("lock", Life))!;
        _store.Answer = FakeStore.Hang;
        _store.Advance(TimeSpan.FromSeconds(29.68));
        Assert.False(held.Lost.IsCancellationRequested);
        _store.Advance(TimeSpan.FromSeconds(0.01));    // 30 s less 250 ms less 60 ms
        Assert.True(held.Lost.IsCancellationRequested);

        var sent = _store.Requests.Count;
        await held.DisposeAsync();
        Assert.Equal(sent, _store.Requests.Count);    // whoever holds it now keeps it
        Assert.True(held.Lost.IsCancellationRequested);
    }

    [Fact]
    public async Task Renewals_that_come_to_nothing_are_sent_again_under_one_name_while_the_lock_lives()
    {
        using var client = _store.Open(settings => settings.Timeout = TimeSpan.FromSeconds(5));
        var held = (await client.TryLockAsync("lock", Life))!;
        await _store.ArrivedAsync();
        _store.Answer = FakeStore.Hang;
        foreach (var seconds in (int[])[10, 5, 5])
        {
            _store.Advance(TimeSpan.FromSeconds(seconds));
            await _store.ArrivedAsync();
        }

        _store.Answer = (_, _, _) => Task.FromResult(Written(43));
        _store.Advance(TimeSpan.FromSeconds(5));
        await _store.ArrivedAsync();
        await held.DisposeAsync();
        Assert.False(held.Lost.IsCancellationRequested);
        var sent = _store.Requests.ToList();
        Assert.Equal(6, sent.Count);
        Assert.Single(sent[1..5].Select(asked => asked.Header(KvHeaders.IdempotencyKey)).Distinct());
        Assert.Equal("\"00000000c0ffee00-1-43\"", sent[5].Header("If-Match"));
    }

    [Fact]
    public async Task A_lock_that_somebody_took_away_is_lost_at_once()
    {
        using var client = _store.Open();
        await using var held = (await client.TryLockAsync("lock", Life))!;
        _store.Answer = (_, _, _) => Task.FromResult(FakeStore.Refusal(ProblemType.PreconditionFailed));
        _store.Advance(TimeSpan.FromSeconds(9.9));
        Assert.False(held.Lost.IsCancellationRequested);
        _store.Advance(TimeSpan.FromSeconds(0.1));
        Assert.True(held.Lost.IsCancellationRequested);
    }

    [Fact]
    public async Task A_lock_that_is_disposed_during_a_renewal_releases_the_version_that_this_made()
    {
        using var client = _store.Open();
        var held = (await client.TryLockAsync("lock", Life))!;
        _store.Answer = async (asked, _, given) =>
        {
            if (asked.Method == HttpMethod.Put)
                await _renewal.Task.WaitAsync(given).ConfigureAwait(false);
            return Written(43);
        };
        _store.Advance(Life / 3);
        var released = held.DisposeAsync().AsTask();
        Assert.False(released.IsCompleted);
        _renewal.SetResult();
        await released;

        var last = _store.Requests.Last();
        Assert.Equal((HttpMethod.Delete, "\"00000000c0ffee00-1-43\""), (last.Method, last.Header("If-Match")));
        Assert.False(held.Lost.IsCancellationRequested);
    }

    [Fact]
    public async Task Of_a_short_life_a_quarter_is_not_counted_on()
    {
        using var client = _store.Open();
        var held = (await client.TryLockAsync("lock", TimeSpan.FromSeconds(1)))!;
        _store.Answer = FakeStore.Hang;
        _store.Advance(TimeSpan.FromSeconds(0.74));
        Assert.False(held.Lost.IsCancellationRequested);
        _store.Advance(TimeSpan.FromSeconds(0.01));
        Assert.True(held.Lost.IsCancellationRequested);
        await held.DisposeAsync();
    }

    [Theory, InlineData(HttpStatusCode.Forbidden), InlineData(HttpStatusCode.InternalServerError)]
    public async Task A_renewal_that_no_store_answers_is_sent_once_a_second(HttpStatusCode status)
    {
        using var client = _store.Open();
        await using var held = (await client.TryLockAsync("lock", Life))!;
        var asked = 0;
        _store.Answer = (_, _, _) => Task.FromResult(
            ++asked > 100 ? FakeStore.Refusal(ProblemType.PreconditionFailed) : new HttpResponseMessage(status));
        _store.Advance(Life / 3);
        Assert.Equal(1, asked);
        _store.Advance(TimeSpan.FromSeconds(0.99));
        Assert.Equal(1, asked);
        _store.Advance(TimeSpan.FromSeconds(0.01));
        Assert.Equal((2, false), (asked, held.Lost.IsCancellationRequested));
    }

    [Fact]
    public async Task A_lock_whose_client_is_gone_is_lost_at_the_next_renewal_and_disposing_it_throws_nothing()
    {
        var client = _store.Open();
        var held = (await client.TryLockAsync("lock", Life))!;
        var other = (await client.TryLockAsync("other", Life))!;
        client.Dispose();
        await other.DisposeAsync();
        _store.Advance(Life / 3);
        Assert.True(held.Lost.IsCancellationRequested);
        await held.DisposeAsync();
    }

    [Fact]
    public async Task Whoever_is_told_that_a_lock_is_lost_may_fail()
    {
        using var client = _store.Open();
        var held = (await client.TryLockAsync("lock", Life))!;
        held.Lost.Register(() => throw new InvalidOperationException("Told."));
        _store.Answer = (_, _, _) => Task.FromResult(FakeStore.Refusal(ProblemType.PreconditionFailed));
        _store.Advance(Life / 3);
        Assert.True(held.Lost.IsCancellationRequested);
        await held.DisposeAsync();
    }

    [Fact]
    public async Task Renewals_are_no_part_of_what_the_caller_is_doing()
    {
        using var client = _store.Open();
        var doing = new AsyncLocal<string?>();
        var seen = new TaskCompletionSource<string?>();
        _store.Answer = (_, before, _) =>
        {
            if (before > 0)
                seen.TrySetResult(doing.Value);
            return Task.FromResult(FakeStore.Stored());
        };
        doing.Value = "taking the lock";
        await using var held = (await client.TryLockAsync("lock", Life))!;
        doing.Value = null;
        _store.Advance(Life / 3);
        Assert.Null(await seen.Task);
    }

    [Fact]
    public async Task Who_waits_for_a_lock_waits_as_long_as_the_store_does()
    {
        using var client = _store.Open(settings => settings.Timeout = TimeSpan.FromSeconds(2));
        _store.Answer = async (asked, before, given) =>
        {
            if (asked.Method == HttpMethod.Get)
                await Task.Delay(TimeSpan.FromSeconds(33), _store.Time, given).ConfigureAwait(false);
            return asked.Method == HttpMethod.Get ? FakeStore.Refusal(ProblemType.NotFound)
                : before == 0 ? Held() : FakeStore.Stored();
        };
        var taken = client.LockAsync("lock", Life);
        await _store.ArrivedAsync();
        await _store.ArrivedAsync();
        _store.Advance(TimeSpan.FromSeconds(33));
        await using var held = await taken;
        Assert.Equal(3, _store.Requests.Count);
    }

    [Fact]
    public async Task Who_is_cut_off_while_waiting_for_a_lock_asks_to_wait_no_longer_than_there_is_time()
    {
        using var client = _store.Open(settings => settings.Timeout = TimeSpan.FromSeconds(2));
        _store.Answer = async (asked, before, given) =>
        {
            if (before == 1)
            {
                await Task.Delay(TimeSpan.FromSeconds(25), _store.Time, given).ConfigureAwait(false);
                throw new HttpRequestException(HttpRequestError.ResponseEnded, "It broke.");
            }

            return before == 0 ? Held()
                : asked.Method == HttpMethod.Get ? FakeStore.Refusal(ProblemType.NotFound) : FakeStore.Stored();
        };
        var taken = client.LockAsync("lock", Life);
        await _store.ArrivedAsync();
        await _store.ArrivedAsync();
        _store.Advance(TimeSpan.FromSeconds(25));
        await using var held = await _store.MovedAsync(taken);
        Assert.Equal(
            [null, "wait=30", "wait=8", null], _store.Requests.Select(asked => asked.Header(KvHeaders.Prefer)));
    }

    [Fact]
    public async Task Who_is_told_at_once_that_a_lock_is_held_steps_back()
    {
        using var client = _store.Open();
        _store.Answer = (asked, before, _) => Task.FromResult(
            before == 0 ? Held()
            : asked.Method == HttpMethod.Put ? FakeStore.Stored()
            : before < 50 ? new HttpResponseMessage(HttpStatusCode.NotModified)    // as by a node that stops
            : FakeStore.Refusal(ProblemType.NotFound));
        var taken = client.LockAsync("lock", Life);
        Assert.Equal(2, _store.Requests.Count);
        await using var held = await _store.MovedAsync(taken);
    }

    [Fact]
    public async Task A_lock_whose_life_was_over_before_the_answer_came_is_lost()
    {
        using var client = _store.Open(settings =>
            settings.Timeout = settings.AttemptTimeout = TimeSpan.FromMinutes(1));
        _store.Answer = (_, _, _) =>
        {
            _store.Time.Advance(Life);
            return Task.FromResult(FakeStore.Stored());
        };
        await using var held = (await client.TryLockAsync("lock", Life))!;
        Assert.True(held.Lost.IsCancellationRequested);
    }

    [Fact]
    public async Task Whoever_is_told_that_a_lock_is_lost_may_wait_for_its_release()
    {
        using var client = _store.Open();
        var held = (await client.TryLockAsync("lock", Life))!;
        var released = new TaskCompletionSource<bool>();
        held.Lost.Register(() => released.SetResult(held.DisposeAsync().AsTask().Wait(TimeSpan.FromSeconds(10))));
        _store.Answer = (_, _, _) => Task.FromResult(FakeStore.Refusal(ProblemType.PreconditionFailed));
        _store.Advance(Life / 3);
        Assert.True(await released.Task);
    }

    [Fact]
    public async Task The_name_of_a_renewal_has_no_time_that_could_be_too_long_ago_or_ahead()
    {
        using var client = _store.Open();
        await using var held = (await client.TryLockAsync("lock", Life))!;
        _store.Advance(Life / 3);
        Assert.Equal(4, Guid.Parse(_store.Requests.Last().Header(KvHeaders.IdempotencyKey)!).Version);
    }

    [Theory, InlineData(0.9), InlineData(90_000)]
    public async Task A_lock_lives_for_a_second_to_a_day(double seconds)
    {
        using var client = _store.Open();
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(
            () => client.TryLockAsync("lock", TimeSpan.FromSeconds(seconds)));
    }

    private static HttpResponseMessage Held()
    {
        var answer = FakeStore.Refusal(ProblemType.PreconditionFailed);
        answer.Headers.TryAddWithoutValidation("ETag", FakeStore.Tag);
        return answer;
    }

    private static HttpResponseMessage Written(long version)
    {
        var answer = new HttpResponseMessage(HttpStatusCode.NoContent);
        answer.Headers.TryAddWithoutValidation("ETag", $"\"00000000c0ffee00-1-{version}\"");
        return answer;
    }
}
