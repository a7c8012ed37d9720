using System.Net;
using KvStore.Client;
using KvStore.Client.Transport;
using KvStore.Contracts;
using Microsoft.Extensions.Time.Testing;

namespace KvStore.Tests.Client;

/// <summary>What is tried again, under which name, how often, and what a caller is told in the end.</summary>
public sealed class RetryTests : IDisposable
{
    private readonly FakeStore _store = new();

    public void Dispose() => _store.Dispose();

    [Fact]
    public async Task All_tries_of_a_write_carry_one_name_and_those_of_another_write_another()
    {
        using var client = _store.Open();
        _store.Answer = (_, before, _) => before is 0 or 1
            ? Task.FromResult(FakeStore.Refusal(ProblemType.NoQuorum, Applied.Unknown))
            : Task.FromResult(FakeStore.Stored());
        await _store.MovedAsync(client.PutAsync("k", 1));
        await _store.MovedAsync(client.PutAsync("k", 1));

        var names = _store.Requests.Select(asked => asked.Header(KvHeaders.IdempotencyKey)).ToList();
        Assert.Equal(4, names.Count);
        Assert.Equal((names[0], names[0]), (names[1], names[2]));
        Assert.NotEqual(names[0], names[3]);
        Assert.All(names, name => Assert.Equal(7, Guid.Parse(name!).Version));
    }

    [Theory]
    [InlineData("not-found")]
    [InlineData("precondition-failed")]
    [InlineData("value-too-large")]
    [InlineData("idempotency-mismatch")]
    public async Task A_refusal_that_would_be_the_same_again_is_told_at_once(string code)
    {
        using var client = _store.Open();
        var type = ProblemType.All.Single(known => known.Code == code);
        _store.Answer = (_, _, _) => Task.FromResult(FakeStore.Refusal(type));
        var refused = await Record.ExceptionAsync(() => client.DeleteAsync("k"));
        Assert.Equal(code is "not-found" or "precondition-failed", refused is null);
        Assert.Single(_store.Requests);
    }

    [Fact]
    public async Task A_call_waits_as_long_as_the_store_asks_it_to()
    {
        using var client = _store.Open();
        _store.Answer = (_, before, _) =>
        {
            var answer = before == 0 ? FakeStore.Refusal(ProblemType.Overloaded) : FakeStore.Stored();
            answer.Headers.TryAddWithoutValidation("Retry-After", "3");
            return Task.FromResult(answer);
        };
        var call = client.GetAsync<int>("k");
        _store.Advance(TimeSpan.FromSeconds(2.9));
        Assert.Single(_store.Requests);
        _store.Advance(TimeSpan.FromSeconds(0.2));
        Assert.Equal(1, (await call)!.Value);
    }

    [Fact]
    public async Task A_try_that_hangs_is_given_up_and_each_tells_the_store_how_long_it_waits()
    {
        using var client = _store.Open(settings =>
        {
            settings.AttemptTimeout = TimeSpan.FromSeconds(4);
            settings.Timeout = TimeSpan.FromMinutes(1);    // the time moves while a busy machine comes to the next try
        });
        _store.Answer = FakeStore.Hang;
        var failure = await Assert.ThrowsAsync<KvStoreException>(() => _store.MovedAsync(client.PutAsync("k", 1)));
        Assert.Equal((null, Applied.Unknown), (failure.Code, failure.Applied));
        var allowed = _store.Requests.Select(asked => KvTimeout.TryParse(
            asked.Header(KvHeaders.Timeout)!, out var told, out _) ? told : default).ToList();
        Assert.True(allowed.Count >= 2);
        Assert.Equal(TimeSpan.FromSeconds(3.75), allowed[0]);    // so that its refusal arrives in time
        Assert.All(allowed.Skip(1), told => Assert.InRange(told, TimeSpan.FromTicks(1), allowed[0]));
    }

    /// <summary>By its name what is done is not done twice.</summary>
    [Fact]
    public async Task A_batch_of_which_some_are_refused_for_the_moment_is_sent_again()
    {
        using var client = _store.Open();
        _store.Answer = (_, before, _) => Task.FromResult(before < 2 ? Items(ProblemType.NoQuorum) : Items(null));
        var items = await _store.MovedAsync(client.BatchAsync(all => all.Delete("a").Delete("b")));
        Assert.Equal([true, true], items.Select(item => item.IsDone));
        Assert.Equal(3, _store.Requests.Count);
        Assert.Single(_store.Requests.Select(asked => asked.Header(KvHeaders.IdempotencyKey)).Distinct());
    }

    [Theory]
    [InlineData("no-quorum", true)]
    [InlineData("precondition-failed", false)]
    public async Task A_batch_is_answered_as_it_is_when_its_time_is_over_or_nothing_will_change(
        string code, bool isRepeated)
    {
        using var client = _store.Open();
        var type = ProblemType.All.Single(known => known.Code == code);
        _store.Answer = (_, _, _) => Task.FromResult(Items(type));
        var items = await _store.MovedAsync(client.BatchAsync(all => all.Delete("a").Delete("b")));
        Assert.Equal([null, code], items.Select(item => item.Problem?.Code));
        Assert.Equal(isRepeated, _store.Requests.Count > 1);
    }

    /// <summary>What a try did before is done, whatever the next one says.</summary>
    [Fact]
    public async Task A_batch_that_was_done_in_part_is_not_called_unapplied()
    {
        using var client = _store.Open();
        _store.Answer = (_, before, _) => Task.FromResult(
            before == 0 ? Items(ProblemType.NoQuorum) : FakeStore.Refusal(ProblemType.Overloaded));
        var failure = await Assert.ThrowsAsync<KvStoreException>(
            () => _store.MovedAsync(client.BatchAsync(all => all.Delete("a").Delete("b"))));
        Assert.Equal(("overloaded", Applied.Unknown), (failure.Code, failure.Applied));
    }

    /// <summary>Which says that nothing was applied, where giving up says that nobody knows.</summary>
    [Theory]
    [InlineData(10, "no-quorum")]
    [InlineData(0.2, "no-quorum")]
    [InlineData(10, "overloaded")]
    public async Task What_the_store_says_when_its_time_is_over_is_heard(double timeout, string code)
    {
        using var client = _store.Open(settings => settings.Timeout = TimeSpan.FromSeconds(timeout));
        var type = ProblemType.All.Single(known => known.Code == code);
        _store.Answer = async (asked, before, given) =>
        {
            Assert.True(KvTimeout.TryParse(asked.Header(KvHeaders.Timeout)!, out var told, out _));
            await Task.Delay(told, _store.Time, given);
            return FakeStore.Refusal(type);
        };
        var failure = await Assert.ThrowsAsync<KvStoreException>(() => _store.MovedAsync(client.PutAsync("k", 1)));
        Assert.Equal((code, Applied.No), (failure.Code, failure.Applied));
    }

    [Theory]
    [InlineData(HttpRequestError.ConnectionError, false, Applied.No)]
    [InlineData(HttpRequestError.NameResolutionError, false, Applied.No)]
    [InlineData(HttpRequestError.ConnectionError, true, Applied.Unknown)]    // of what a handler sent a second time
    [InlineData(HttpRequestError.ResponseEnded, true, Applied.Unknown)]
    public async Task Whether_a_write_was_applied_is_unknown_once_it_was_wanted_for_sending(
        HttpRequestError error, bool isWanted, Applied applied)
    {
        using var client = _store.Open();
        var broken = new HttpRequestException(error, "It broke.");
        _store.Unreachable = isWanted ? null : broken;
        _store.Answer = (_, _, _) => throw broken;
        var failure = await Assert.ThrowsAsync<KvStoreException>(() => _store.MovedAsync(client.PutAsync("k", 1)));
        Assert.Equal(applied, failure.Applied);
        var read = await Assert.ThrowsAsync<KvStoreException>(() => _store.MovedAsync(client.GetAsync<int>("k")));
        Assert.Equal(Applied.No, read.Applied);
    }

    [Fact]
    public async Task Whatever_a_handler_throws_is_an_answer_that_was_lost()
    {
        using var client = _store.Open();
        _store.Answer = (_, before, _) => before == 0
            ? throw new NotSupportedException("It is open.")
            : Task.FromResult(FakeStore.Stored());
        Assert.True((await _store.MovedAsync(client.CreateAsync("k", 1))).IsApplied);
        _store.Answer = (_, _, _) => throw new InvalidOperationException("It is open.");
        var failure = await Assert.ThrowsAsync<KvStoreException>(() => _store.MovedAsync(client.PutAsync("k", 1)));
        Assert.Equal((null, Applied.Unknown), (failure.Code, failure.Applied));
        Assert.Equal(
            "The store at http://store:9000 cannot be reached: It is open. Whether the write was applied is not known.",
            failure.Message);
    }

    [Theory]
    [InlineData(HttpStatusCode.RequestTimeout, true)]
    [InlineData(HttpStatusCode.TooManyRequests, true)]
    [InlineData(HttpStatusCode.BadGateway, true)]
    [InlineData(HttpStatusCode.InternalServerError, false)]
    public async Task What_stands_before_a_store_is_asked_again_where_it_says_so_and_its_status_is_told(
        HttpStatusCode status, bool isAskedAgain)
    {
        using var client = _store.Open();
        _store.Answer = (_, _, _) => Task.FromResult(new HttpResponseMessage(status));
        var failure = await Assert.ThrowsAsync<KvStoreException>(() => _store.MovedAsync(client.PutAsync("k", 1)));
        Assert.Equal((null, Applied.Unknown), (failure.Code, failure.Applied));
        Assert.StartsWith(
            $"The answer at http://store:9000 was {status:D} ({status}) without a problem document: ", failure.Message);
        Assert.Equal(isAskedAgain, _store.Requests.Count > 1);
    }

    [Fact]
    public async Task A_refusal_after_a_try_that_may_have_arrived_leaves_the_outcome_unknown()
    {
        using var client = _store.Open();
        _store.Answer = (_, before, _) => before == 0
            ? throw new HttpRequestException(HttpRequestError.ResponseEnded, "It broke.")
            : Task.FromResult(FakeStore.Refusal(ProblemType.NoQuorum));
        var failure = await Assert.ThrowsAsync<KvStoreException>(() => _store.MovedAsync(client.PutAsync("k", 1)));
        Assert.Equal(("no-quorum", Applied.Unknown), (failure.Code, failure.Applied));
        Assert.Contains("is not known", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Tries_of_all_calls_together_are_bounded_as_a_share_of_the_calls()
    {
        using var client = _store.Open(settings =>
        {
            settings.Timeout = TimeSpan.FromSeconds(60);
            (settings.RetryShare, settings.RetryBurst) = (0.1, 20);
        });
        _store.Answer = (_, _, _) => Task.FromResult(FakeStore.Refusal(ProblemType.Overloaded));
        var calls = Enumerable.Range(0, 80).Select(_ => client.GetAsync<int>("k")).ToList();
        for (var step = 0; step < 100; step++)
            _store.Advance(TimeSpan.FromMilliseconds(100));

        // 80 first tries, 20 that are free, 20 more in ten seconds; what the calls added was beyond the most
        Assert.InRange(_store.Requests.Count, 115, 120);
        _store.Answer = (_, _, _) => Task.FromResult(FakeStore.Stored());
        foreach (var call in calls)
            Assert.Equal(1, (await _store.MovedAsync(call))!.Value);
    }

    [Fact]
    public async Task A_store_that_is_back_gets_those_who_wait_as_it_serves()
    {
        using var client = _store.Open(settings => (settings.RetryShare, settings.RetryBurst) = (0, 10));
        _store.Answer = (_, _, _) => Task.FromResult(FakeStore.Refusal(ProblemType.NoQuorum));
        var waiting = Enumerable.Range(0, 50).Select(_ => client.GetAsync<int>("k")).ToList();
        _store.Advance(TimeSpan.FromSeconds(2));
        _store.Answer = (_, _, _) => Task.FromResult(FakeStore.Stored());
        for (var step = 0; step < 50; step++)
        {
            await client.GetAsync<int>("k");
            _store.Advance(TimeSpan.FromMilliseconds(100));
        }

        Assert.All(waiting, call => Assert.True(call.IsCompletedSuccessfully));
    }

    [Fact]
    public async Task A_part_that_fails_is_not_asked_more_for_what_others_answer()
    {
        using var client = _store.Open(settings => (settings.RetryShare, settings.RetryBurst) = (0, 10));
        _store.Answer = (asked, _, _) => Task.FromResult(
            asked.Url.AbsolutePath.EndsWith("/bad", StringComparison.Ordinal)
                ? FakeStore.Refusal(ProblemType.Overloaded)
                : FakeStore.Stored());
        var failing = Enumerable.Range(0, 50).Select(_ => client.GetAsync<int>("bad")).ToList();
        for (var step = 0; step < 20; step++)
        {
            for (var call = 0; call < 10; call++)
                await client.GetAsync<int>("good");
            _store.Advance(TimeSpan.FromMilliseconds(100));
        }

        // 50 first tries, 10 that are free, 2 more in two seconds
        Assert.InRange(_store.Requests.Count - 200, 60, 62);
        Assert.All(failing, call => Assert.False(call.IsCompleted));
    }

    [Fact]
    public async Task A_budget_earns_a_share_of_each_call_and_what_is_free_by_time()
    {
        var time = new FakeTimeProvider();
        var budget = new RetryBudget(share: 0.25, burst: 2, time);
        for (var call = 0; call < 100; call++)
            budget.Earn();    // beyond the most
        Assert.True(await budget.TrySpendAsync(default));
        Assert.True(await budget.TrySpendAsync(default));
        for (var call = 0; call < 4; call++)
            budget.Earn();
        Assert.True(await budget.TrySpendAsync(default));

        Task[] waiting = [budget.TrySpendAsync(default).AsTask(), budget.TrySpendAsync(default).AsTask()];
        foreach (var (seconds, done) in ((double, int)[])[(4.9, 0), (0.3, 1), (4.5, 1), (0.6, 2)])
        {
            MoveBy(TimeSpan.FromSeconds(seconds));
            Assert.Equal(done, waiting.Count(wait => wait.IsCompleted));
        }

        void MoveBy(TimeSpan much)
        {
            var context = SynchronizationContext.Current;
            SynchronizationContext.SetSynchronizationContext(null);
            for (var moved = TimeSpan.Zero; moved < much; moved += TimeSpan.FromMilliseconds(100))
                time.Advance(TimeSpan.FromMilliseconds(100));
            SynchronizationContext.SetSynchronizationContext(context);
        }
    }

    [Fact]
    public async Task Who_waits_for_a_try_and_gives_up_takes_none()
    {
        var time = new FakeTimeProvider();
        var budget = new RetryBudget(share: 1, burst: 1, time);
        Assert.True(await budget.TrySpendAsync(default));
        using var ended = new CancellationTokenSource();
        var (first, second) = (budget.TrySpendAsync(ended.Token).AsTask(), budget.TrySpendAsync(ended.Token).AsTask());
        await ended.CancelAsync();
        Assert.False(await first);
        Assert.False(await second);
        budget.Earn();
        Assert.True(await budget.TrySpendAsync(default));
    }

    [Fact]
    public async Task Who_came_too_late_with_a_change_steps_back_before_it_is_made_again()
    {
        using var client = _store.Open();
        _store.Answer = (asked, before, _) => Task.FromResult(
            before == 1 ? FakeStore.Refusal(ProblemType.PreconditionFailed) : FakeStore.Stored());
        var call = client.UpdateAsync<int>("k", entry => entry!.Value + 1);
        Assert.Equal(2, _store.Requests.Count);
        Assert.Equal(2, (await _store.MovedAsync(call)).Value);
        Assert.Equal(4, _store.Requests.Count);
    }

    [Fact]
    public void A_header_that_cannot_be_sent_is_not_left_out()
    {
        var call = new KvCall(HttpMethod.Get, "/", "get") { Timeout = TimeSpan.FromSeconds(1) };
        call.Add("no token", "v");
        Assert.Throws<ArgumentException>(() => call.ToRequest(new Uri("http://store:9000"), TimeSpan.FromSeconds(1)));
    }

    [Fact]
    public async Task Settings_that_are_changed_later_change_no_client()
    {
        KvStoreClientSettings? settings = null;
        using var client = _store.Open(given => (settings = given).Bucket = "one");
        (settings!.Bucket, settings.Consistency, settings.Timeout) = ("two", Consistency.Eventual, TimeSpan.Zero);
        await client.GetAsync<int>("k");
        var asked = Assert.Single(_store.Requests);
        Assert.Equal(("/buckets/one/keys/k", null), (asked.Url.AbsolutePath, asked.Header(KvHeaders.Consistency)));
    }

    [Fact]
    public async Task What_a_read_may_be_is_sent_as_it_was_asked_for()
    {
        using var client = _store.Open();
        await client.GetAsync<int>("a", new KvReadOptions { MaxStaleness = TimeSpan.FromMilliseconds(1500) });
        await client.GetAsync<int>("b", new KvReadOptions { Consistency = Consistency.Eventual });
        Assert.Equal(
            [("?max_staleness=1500ms", "bounded"), ("", "eventual")],
            _store.Requests.Select(asked => (asked.Url.Query, asked.Header(KvHeaders.Consistency))));
    }

    /// <summary>What a batch of two came to: done, and done or refused.</summary>
    private static HttpResponseMessage Items(ProblemType? second) => FakeStore.Json(
        new BatchResponse(
        [
            new() { Status = 204, Key = "a" },
            new()
            {
                Status = second?.Status ?? 204,
                Key = "b",
                Problem = second is null ? null : Problem.Of(second, "So it is.", Applied.No),
            },
        ]),
        ContractsJson.Default.BatchResponse);
}
