using System.Net;
using System.Text;
using KvStore.Client;
using KvStore.Contracts;

namespace KvStore.Tests.Client;

/// <summary>A watch whose streams are cut where it hurts.</summary>
public sealed class WatchResumeTests : IDisposable
{
    private readonly FakeStore _store = new();

    public void Dispose() => _store.Dispose();

    [Fact]
    public async Task A_watch_that_is_cut_before_its_first_event_goes_on_from_where_it_was_to_begin()
    {
        using var client = _store.Open();
        Tell("", "id: c1\nevent: put\ndata: {\"key\":\"a\",\"version\":7,\"value\":1}\n\n");
        var change = await _store.MovedAsync(client.WatchAsync<int>().FirstAsync().AsTask());
        Assert.Equal(("a", 1, 7, "c1"), (change.Key, change.Value, change.Number, change.Cursor));
        Assert.Equal(["", "now", "now"], Since);
    }

    [Fact]
    public async Task A_watch_goes_on_behind_the_last_change_that_was_told_whole()
    {
        using var client = _store.Open();
        Tell(
            "event: put\ndata: {\"key\":\"a\",\"version\":1,\"value\":1}\n\n"    // in the middle of a transaction
                + "id: c1\nevent: put\ndata: {\"key\":\"b\",\"version\":1,\"value\":1}\n\n"
                + "id: c2\nevent: put\ndata: {\"key\":",
            "id: c2\nevent: delete\ndata: {\"key\":\"c\",\"version\":2}\n\n"
                + "id: c3\nevent: progress\ndata: {}\n\n",
            "event: end\ndata: {\"reason\":\"bucket-gone\"}\n\n");
        var changes = new List<KvChange<int>>();
        var gone = await Assert.ThrowsAsync<KvStoreException>(() => _store.MovedAsync(ReadAsync()));
        Assert.Equal("bucket-not-found", gone.Code);
        Assert.Equal(["a", "b", "c"], changes.Select(change => change.Key));
        Assert.Equal([null, "c1", "c2"], changes.Select(change => change.Cursor));
        Assert.Equal(["c0", "c1", "c3"], Since);

        async Task<bool> ReadAsync()
        {
            var options = new KvWatchOptions { Since = "c0" };
            await foreach (var change in client.WatchAsync<int>("", options).ConfigureAwait(false))
                changes.Add(change);
            return true;
        }
    }

    [Fact]
    public async Task A_watch_outlasts_a_store_that_is_away_for_longer_than_a_call_is_tried()
    {
        using var client = _store.Open(settings => settings.Timeout = TimeSpan.FromMilliseconds(100));
        var told = 0;
        _store.Answer = (_, before, _) => Task.FromResult((before, told) switch
        {
            (0, _) => Stream("id: c1\nevent: progress\ndata: {}\n\n"),
            (_, 0) => throw new HttpRequestException("Nobody is there."),
            (_, 1) => FakeStore.Refusal(ProblemType.NoQuorum),
            (_, 2) => new HttpResponseMessage(HttpStatusCode.Forbidden),    // who stands before the store
            _ => Stream("id: c2\nevent: put\ndata: {\"key\":\"a\",\"version\":7,\"value\":1}\n\n"),
        });
        var options = new KvWatchOptions { Since = "c0", OnAway = _ => told++ };
        var change = await _store.MovedAsync(client.WatchAsync<int>("", options).FirstAsync().AsTask());
        Assert.Equal(("a", "c2", 3), (change.Key, change.Cursor, told));
        Assert.Equal(["c0", "c1"], Since.Distinct());
    }

    [Fact]
    public async Task A_watch_that_cannot_be_begun_or_cannot_go_on_without_a_gap_ends()
    {
        using var client = _store.Open(settings => settings.Timeout = TimeSpan.FromMilliseconds(100));
        _store.Answer = (_, _, _) => throw new HttpRequestException("Nobody is there.");
        var options = new KvWatchOptions { Since = "c0" };
        await Assert.ThrowsAsync<KvStoreException>(
            () => _store.MovedAsync(client.WatchAsync<int>("", options).FirstAsync().AsTask()));

        var asked = _store.Requests.Count;
        _store.Answer = (_, before, _) => Task.FromResult(before == asked
            ? Stream("id: c1\nevent: progress\ndata: {}\n\n")
            : FakeStore.Refusal(ProblemType.CursorCompacted));
        var gap = await Assert.ThrowsAsync<KvStoreException>(
            () => _store.MovedAsync(client.WatchAsync<int>("", options).FirstAsync().AsTask()));
        Assert.Equal(("cursor-compacted", asked + 4), (gap.Code, _store.Requests.Count));    // it was said three times
    }

    /// <summary>A node that was started again has less than the others, which are asked in turn.</summary>
    [Theory, InlineData(0), InlineData(1)]
    public async Task A_watch_is_opened_again_where_the_changes_since_are_not_there_the_first_time(int opened)
    {
        using var client = _store.Open();
        _store.Answer = (_, before, _) => Task.FromResult((before - opened) switch
        {
            < 0 => Stream("id: c1\nevent: progress\ndata: {}\n\n"),
            0 or 1 => FakeStore.Refusal(ProblemType.CursorCompacted),
            _ => Stream("id: c2\nevent: put\ndata: {\"key\":\"a\",\"version\":7,\"value\":1}\n\n"),
        });
        var options = new KvWatchOptions { Since = "c0" };
        var change = await _store.MovedAsync(client.WatchAsync<int>("", options).FirstAsync().AsTask());
        Assert.Equal(("a", "c2", opened + 3), (change.Key, change.Cursor, _store.Requests.Count));
    }

    /// <summary>Of several nodes, which are asked in turn, one may hang.</summary>
    [Fact]
    public async Task A_watch_whose_opening_hangs_is_opened_again()
    {
        using var client = _store.Open(settings =>
            settings.Timeout = TimeSpan.FromMinutes(1));    // the time moves while a busy machine comes to the next try
        _store.Answer = (asked, before, given) => before == 0
            ? FakeStore.Hang(asked, before, given)
            : Task.FromResult(Stream("id: c2\nevent: put\ndata: {\"key\":\"a\",\"version\":7,\"value\":1}\n\n"));
        var options = new KvWatchOptions { Since = "c0" };
        var change = await _store.MovedAsync(client.WatchAsync<int>("", options).FirstAsync().AsTask());
        Assert.Equal(("a", 2), (change.Key, _store.Requests.Count));
    }

    [Fact]
    public async Task A_stream_that_has_ended_is_closed_before_the_pause()
    {
        using var client = _store.Open();
        using var gone = new CancellationTokenSource();
        var closed = new TaskCompletionSource();
        _store.Answer = (_, _, _) => Task.FromResult(new HttpResponseMessage(HttpStatusCode.OK)
        {
            Content = new TellingContent("id: c1\nevent: progress\ndata: {}\n\n", closed),
        });
        var watch = client.WatchAsync<int>("", new KvWatchOptions { Since = "c0" }, gone.Token).FirstAsync().AsTask();
        await closed.Task.WaitAsync(TimeSpan.FromSeconds(30));
        Assert.Single(_store.Requests);
        await gone.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => watch);
    }

    [Fact]
    public async Task A_watch_asks_for_the_changes_that_are_wanted()
    {
        using var client = _store.Open();
        Tell("event: end\ndata: {\"reason\":\"bucket-gone\"}\n\n");
        var options = new KvWatchOptions
        {
            Since = "c0",
            HasValues = false,
            Kinds = [KvChangeKind.Delete, KvChangeKind.Expire],
        };
        await Assert.ThrowsAsync<KvStoreException>(() => client.WatchAsync<int>("a/", options).FirstAsync().AsTask());
        Assert.Equal(
            "?values=none&prefix=a%2F&since=c0&kinds=delete%2Cexpire", Assert.Single(_store.Requests).Url.Query);
    }

    [Fact]
    public async Task A_watch_of_no_kind_at_all_is_refused()
    {
        using var client = _store.Open();
        await Assert.ThrowsAsync<ArgumentException>(
            () => client.WatchAsync<int>("", new KvWatchOptions { Kinds = [] }).FirstAsync().AsTask());
        Assert.Empty(_store.Requests);
    }

    [Fact]
    public async Task What_answers_and_is_no_stream_is_a_store_that_is_away()
    {
        using var client = _store.Open();
        var told = 0;
        _store.Answer = (_, before, _) => Task.FromResult((before, told) switch
        {
            (0, _) => Stream("id: c1\nevent: progress\ndata: {}\n\n"),
            (50, _) => FakeStore.Refusal(ProblemType.CursorCompacted),
            (_, < 3) => new HttpResponseMessage(HttpStatusCode.OK) { Content = new StringContent("a page") },
            _ => Stream("id: c2\nevent: put\ndata: {\"key\":\"a\",\"version\":7,\"value\":1}\n\n"),
        });
        var options = new KvWatchOptions { Since = "c0", OnAway = _ => told++ };
        var change = await _store.MovedAsync(client.WatchAsync<int>("", options).FirstAsync().AsTask());
        Assert.Equal(("a", 3, 5), (change.Key, told, _store.Requests.Count));

        _store.Answer = (_, _, _) => Task.FromResult(FakeStore.Stored("1", "text/html"));
        var odd = await Assert.ThrowsAsync<KvStoreException>(
            () => client.WatchAsync<int>("", options).FirstAsync().AsTask());
        Assert.Contains("is it a KvStore?", odd.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_value_of_another_type_is_told_with_the_cursor_behind_it()
    {
        using var client = _store.Open();
        Tell("id: c1\nevent: put\ndata: {\"key\":\"a\",\"version\":7,\"value\":\"no number\"}\n\n");
        var wrong = await Assert.ThrowsAsync<System.Text.Json.JsonException>(
            () => client.WatchAsync<int>().FirstAsync().AsTask());
        Assert.Equal("c1", wrong.Data["Cursor"]);
    }

    private IEnumerable<string> Since => _store.Requests.Select(
        asked => asked.Url.Query.Split("since=") is [_, var since] ? since : "");

    /// <summary>What the streams tell, one after the other.</summary>
    private void Tell(params string[] streams)
    {
        var left = new Queue<string>(streams);
        _store.Answer = (asked, _, _) => Task.FromResult(asked.Header("Accept") == "application/json"
            ? FakeStore.Json(new ChangesResponse([], "now"), ContractsJson.Default.ChangesResponse)
            : Stream(left.Dequeue()));
    }

    private static HttpResponseMessage Stream(string events) => new(HttpStatusCode.OK)
    {
        Content = new StringContent(events, Encoding.UTF8, "text/event-stream"),
    };

    /// <summary>Tells when it is closed.</summary>
    private sealed class TellingContent(string content, TaskCompletionSource closed)
        : StringContent(content, Encoding.UTF8, "text/event-stream")
    {
        protected override void Dispose(bool disposing)
        {
            base.Dispose(disposing);
            closed.TrySetResult();
        }
    }
}
