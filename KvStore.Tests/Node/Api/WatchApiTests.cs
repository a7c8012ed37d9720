using System.Net;
using System.Text;
using System.Text.Json;
using KvStore.Contracts;
using KvStore.Core.Primitives;
using KvStore.Core.State;

namespace KvStore.Tests.Node.Api;

/// <summary>Watching over HTTP.</summary>
public sealed class WatchApiTests : IAsyncLifetime
{
    private const string Watch = "/buckets/default/watch";
    private readonly FakeCluster _cluster = new(historyChanges: 400);
    private readonly HttpClient _door = new();
    private ApiNode _node = null!;

    public async ValueTask InitializeAsync()
    {
        _node = await ApiNode.StartAsync(_cluster);
        _door.BaseAddress = _node.Address;
    }

    public async ValueTask DisposeAsync()
    {
        _door.Dispose();
        await _node.DisposeAsync();
    }

    [Fact]
    public async Task A_stream_begins_with_a_cursor_and_tells_what_happens_after_it()
    {
        await _node.PostAsync("/v1/before", """{"value":1}""");
        using var events = await EventReader.OpenAsync(_door, Watch);
        Assert.Equal("text/event-stream", events.Response.Content.Headers.ContentType!.MediaType);
        var first = await events.NextAsync();
        Assert.Equal(("progress", "{}", "1000"), (first!.Name, first.Data, events.Retry));
        Assert.NotNull(first.Id);

        var written = await _node.PostAsync("/v1/a", """{"value":{"x":1}}""");
        await _node.SendAsync("DELETE", "/v1/a");

        var changes = await events.ChangesAsync(2);
        Assert.Equal(["put", "delete"], changes.Select(change => change.Name));
        var tag = written["ETag"]!.Replace("\"", "\\\"", StringComparison.Ordinal);
        Assert.Equal($$"""{"key":"a","etag":"{{tag}}","version":2}""", changes[0].Data);
        Assert.Equal("""{"key":"a","version":3}""", changes[1].Data);
        Assert.All(changes, change => Assert.NotNull(change.Id));
    }

    [Fact]
    public async Task Values_come_when_they_are_asked_for_whatever_they_are()
    {
        using var events = await EventReader.OpenAsync(_door, Watch + "?values=full");
        await _node.PostAsync("/v1/json", "{\"value\":{\r\n \"x\" : [1,\n2]}}");
        await _node.SendBodyAsync("PUT", "/v1/bytes", [0xFF, 0x00], "Content-Type: image/png");
        await _node.SendBodyAsync("PUT", "/v1/text", "a\nb", "Content-Type: text/plain");

        var changes = (await events.ChangesAsync(3)).ToDictionary(change => change.Key);
        Assert.Equal(2, changes["json"].Json.GetProperty("value").GetProperty("x")[1].GetInt32());
        Assert.Equal("/wA=", changes["bytes"].Json.GetProperty("base64").GetString());
        Assert.Equal("image/png", changes["bytes"].Json.GetProperty("contentType").GetString());
        Assert.Equal("a\nb", changes["text"].Json.GetProperty("value").GetString());
    }

    [Fact]
    public async Task Only_what_is_asked_for_is_told()
    {
        using var events = await EventReader.OpenAsync(_door, Watch + "?prefix=a%2F&kinds=put,expire");
        await _node.PostAsync("/v1/b", """{"value":1}""");
        await _node.PostAsync("/v1/a%2F1", """{"value":1}""");
        await _node.SendAsync("DELETE", "/v1/a%2F1");
        await _node.PostAsync("/v1/a%2F2", """{"value":1}""");
        Assert.Equal(["a/1", "a/2"], (await events.ChangesAsync(2)).Select(change => change.Key).Order());
    }

    [Fact]
    public async Task Everything_that_one_command_did_stands_together_under_one_cursor()
    {
        using var events = await EventReader.OpenAsync(_door, Watch);
        Transact("a1", "a2", "a3");
        Transact("b1");
        var changes = await events.ChangesAsync(4);

        // the fake spreads one command over partitions; inside each, the last event alone has the cursor
        Assert.Equal(4, changes.Select(change => change.Key).Distinct().Count());
        var partitions = changes.GroupBy(change => (
            change.Version, FakeCluster.View.Ring.PartitionOf(Encoding.UTF8.GetBytes(change.Key))));
        Assert.All(partitions, together => Assert.Equal(
            together.Select((_, at) => at == together.Count() - 1), together.Select(change => change.Id is not null)));
    }

    [Fact]
    public async Task A_transaction_of_one_partition_is_never_split_by_coming_again()
    {
        var keys = SamePartition(3);
        using var events = await EventReader.OpenAsync(_door, Watch);
        Transact(keys);
        var changes = await events.ChangesAsync(3);
        Assert.Equal(keys, changes.Select(change => change.Key));
        Assert.Equal([false, false, true], changes.Select(change => change.Id is not null));
    }

    [Fact]
    public async Task Who_comes_again_with_any_cursor_sees_all_that_came_after_it_once_and_in_order()
    {
        var random = new Random(11);
        using var start = await EventReader.OpenAsync(_door, Watch);
        var cursor = (await start.NextAsync())!.Id!;
        List<string> expected = [];
        for (var number = 0; number < 200; number++)
        {
            var key = $"k{random.Next(20)}";
            if (number % 3 == 0)
                Transact(SamePartition(2, $"t{random.Next(5)}"));
            else
                await _node.PostAsync($"/v1/{key}", $$"""{"value":{{number}}}""");
        }

        expected.AddRange((await start.ChangesAsync(267)).Select(Line));
        List<string> seen = [];
        while (seen.Count < expected.Count)
        {
            using var events = await EventReader.OpenAsync(_door, Watch + "?since=now", cursor);
            var open = new List<string>();
            for (var count = random.Next(1, 40); count > 0 && seen.Count + open.Count < expected.Count; count--)
            {
                var change = (await events.ChangesAsync(1))[0];
                open.Add(Line(change));
                if (change.Id is null)
                    continue;
                seen.AddRange(open);
                open.Clear();
                cursor = change.Id;
            }
        }

        Assert.Equal(expected.Order(), seen.Order());
        foreach (var key in expected.GroupBy(KeyOf))
            Assert.Equal(key, seen.Where(line => KeyOf(line) == key.Key));

        static string Line(ServerEvent change) => $"{change.Key} {change.Version}";
        static string KeyOf(string line) => line.Split(' ')[0];
    }

    [Fact]
    public async Task A_cursor_that_is_too_old_is_refused_before_any_event_and_the_oldest_one_is_named()
    {
        using var events = await EventReader.OpenAsync(_door, Watch);
        var cursor = (await events.NextAsync())!.Id!;
        for (var number = 0; number < 1_000; number++)
            Transact($"k{number}");

        var refused = await _node.SendAsync("GET", $"{Watch}?since={cursor}", "Accept: text/event-stream");
        Assert.Equal((410, "cursor-compacted"), (refused.Status, refused.Problem.Code));

        using var oldest = await EventReader.OpenAsync(_door, $"{Watch}?since={refused.Problem.OldestCursor}");
        Assert.NotEmpty(await oldest.ChangesAsync(100));
    }

    [Theory]
    [InlineData("since=rubbish", "cursor-invalid")]
    [InlineData("since=", "cursor-invalid")]
    [InlineData("values=some", "query-invalid")]
    [InlineData("kinds=put,touch", "query-invalid")]
    [InlineData("heartbeat=1ms", "query-invalid")]
    [InlineData("since=now&since=now", "query-invalid")]
    [InlineData("sicne=now", "query-invalid")]
    public async Task What_is_not_understood_is_refused(string query, string code)
    {
        var refused = await _node.SendAsync("GET", $"{Watch}?{query}", "Accept: text/event-stream");
        Assert.Equal((400, code), (refused.Status, refused.Problem.Code));
    }

    [Fact]
    public async Task A_cursor_of_another_cluster_or_from_the_future_is_refused()
    {
        var cluster = FakeCluster.View.ClusterId;
        foreach (var wrong in new[]
        {
            new PositionVector(cluster + 1, 1, new long[16]),
            new PositionVector(cluster, 1, new long[8]),
            new PositionVector(cluster, 1, [.. Enumerable.Repeat(1_000L, 16)]),
        })
        {
            var refused = await _node.SendAsync("GET", Watch, $"Last-Event-ID: {wrong.Format()}");
            Assert.Equal((400, "cursor-invalid"), (refused.Status, refused.Problem.Code));
        }
    }

    [Fact]
    public async Task What_cannot_be_watched_is_refused()
    {
        Assert.Equal(404, (await _node.SendAsync("GET", "/buckets/none/watch")).Status);
        Assert.Equal(400, (await _node.SendAsync("GET", "/buckets/No/watch")).Status);
        Assert.Equal(405, (await _node.SendAsync("POST", Watch, "Content-Length: 0")).Status);
        Assert.Equal(406, (await _node.SendAsync("GET", Watch, "Accept: text/html")).Status);
        Assert.Equal("header-invalid", (await _node.SendAsync("GET", Watch, "Kv-Ttl: 1s")).Problem.Code);
    }

    [Fact]
    public async Task As_many_watches_are_taken_as_the_limit_says()
    {
        await using var node = await ApiNode.StartAsync(
            _cluster,
            configure: options => options.MaxRequestsInFlight = 1,
            watches: options => options.MaxWatches = 3);
        using var door = new HttpClient { BaseAddress = node.Address };
        var open = new List<EventReader>();
        for (var number = 0; number < 3; number++)
            open.Add(await EventReader.OpenAsync(door, Watch));
        var refused = await node.SendAsync("GET", Watch);
        Assert.Equal((429, "too-many-watches"), (refused.Status, refused.Problem.Code));
        Assert.InRange(refused.RetryAfterSeconds, 1, 3);
        Assert.Equal(201, (await node.SendBodyAsync("PUT", "/v1/a", "x")).Status);    // no request is in progress
        open.ForEach(events => events.Dispose());
    }

    [Fact]
    public async Task The_end_of_a_life_is_told_as_such()
    {
        using var events = await EventReader.OpenAsync(_door, Watch);
        _cluster.Apply(Put("short", ttl: Ttl.After(5), timeMs: 100));
        _cluster.Apply(new Command.Expire { TimeMs = 200 });
        var changes = await events.ChangesAsync(2);
        Assert.Equal([("put", "short"), ("expire", "short")], changes.Select(change => (change.Name, change.Key)));
    }

    [Fact]
    public async Task The_watch_of_a_dropped_bucket_ends_and_its_cursor_means_nothing_in_the_next_one()
    {
        await _node.SendAsync("PUT", "/buckets/b", "Content-Length: 0");
        using var events = await EventReader.OpenAsync(_door, "/buckets/b/watch");
        await _node.SendBodyAsync("PUT", "/buckets/b/keys/a", "x");
        await events.ChangesAsync(1);
        Assert.Equal(204, (await _node.SendAsync("DELETE", "/buckets/b")).Status);
        var end = await events.NextAsync();
        Assert.Equal(("end", """{"reason":"bucket-gone"}"""), (end!.Name, end.Data));
        Assert.Null(await events.NextAsync());

        await _node.SendAsync("PUT", "/buckets/b", "Content-Length: 0");
        var refused = await _node.SendAsync("GET", $"/buckets/b/watch?since={events.Cursor}");
        Assert.Equal((410, "cursor-compacted"), (refused.Status, refused.Problem.Code));
    }

    [Fact]
    public async Task A_node_that_stops_says_so_and_gives_the_cursor()
    {
        using var events = await EventReader.OpenAsync(_door, Watch);
        await events.NextAsync();
        await _node.PostAsync("/v1/a", """{"value":1}""");
        await events.ChangesAsync(1);
        var stopping = _node.StopAsync();
        var last = await events.NextAsync();
        var end = await events.NextAsync();
        Assert.Equal("progress", last!.Name);
        Assert.NotNull(last.Id);
        Assert.Equal(("end", """{"reason":"draining"}"""), (end!.Name, end.Data));
        Assert.Null(await events.NextAsync());
        await stopping;
    }

    [Fact]
    public async Task A_silent_stream_beats_and_says_how_far_it_got_and_ends_when_it_is_to_be_renewed()
    {
        await using var node = await ApiNode.StartAsync(
            _cluster, watches: options => options.LongestStream = TimeSpan.FromSeconds(2.5));
        using var door = new HttpClient { BaseAddress = node.Address };
        using var events = await EventReader.OpenAsync(door, Watch + "?prefix=none&heartbeat=1s");
        var first = await events.NextAsync();
        Transact("other");
        var progress = await events.NextAsync();
        var last = await events.NextAsync();
        var end = await events.NextAsync();
        Assert.Equal(("progress", "progress"), (progress!.Name, last!.Name));
        Assert.NotEqual(first!.Id, progress.Id);
        Assert.Equal(1, events.Comments);
        Assert.Equal("""{"reason":"renew"}""", end!.Data);
    }

    [Fact]
    public async Task A_poll_answers_at_once_where_there_are_events_and_else_when_some_come()
    {
        var empty = await PollAsync("now");
        Assert.Empty(empty.GetProperty("events").EnumerateArray());
        var waiting = PollAsync(empty.GetProperty("cursor").GetString()!, "Prefer: wait=30");
        await _node.PostAsync("/v1/a", """{"value":1}""");
        var told = await waiting;
        var change = Assert.Single(told.GetProperty("events").EnumerateArray());
        Assert.Equal(("put", "a"), (change.GetProperty("event").GetString(), change.GetProperty("key").GetString()));

        var again = await PollAsync(empty.GetProperty("cursor").GetString()!, "Prefer: wait=30");
        Assert.Single(again.GetProperty("events").EnumerateArray());
        var none = await PollAsync(told.GetProperty("cursor").GetString()!, "Prefer: wait=1");
        Assert.Empty(none.GetProperty("events").EnumerateArray());
    }

    [Fact]
    public async Task A_read_with_a_known_tag_waits_for_another_value()
    {
        var tag = (await _node.PostAsync("/v1/a", """{"value":1}"""))["ETag"];
        var waiting = _node.SendAsync("GET", "/v1/a", $"If-None-Match: {tag}", "Prefer: wait=30");
        await _node.PostAsync("/v1/ab", """{"value":1}""");
        var second = (await _node.PostAsync("/v1/a", """{"value":2}"""))["ETag"];
        var changed = await waiting;
        Assert.Equal((200, second, "wait=30"), (changed.Status, changed["ETag"], changed["Preference-Applied"]));

        waiting = _node.SendAsync("GET", "/v1/a", $"If-None-Match: {second}", "Prefer: wait=30");
        await _node.SendAsync("DELETE", "/v1/a");
        Assert.Equal(404, (await waiting).Status);
    }

    [Fact]
    public async Task A_read_that_waited_in_vain_is_told_that_nothing_changed()
    {
        var tag = (await _node.PostAsync("/v1/a", """{"value":1}"""))["ETag"];
        var same = await _node.SendAsync(
            "GET", "/v1/a", $"If-None-Match: {tag}", "Prefer: wait=1", "Kv-Timeout: 500ms");
        Assert.Equal((304, "wait=1"), (same.Status, same["Preference-Applied"]));
    }

    [Fact]
    public async Task A_read_waits_at_the_primary_whoever_is_asked()
    {
        await using var backup = await ApiNode.StartAsync(_cluster, member: 2);
        var tag = (await _node.PostAsync("/v1/a", """{"value":1}"""))["ETag"];
        var waiting = backup.SendAsync("GET", "/v1/a", $"If-None-Match: {tag}", "Prefer: wait=30");
        var tagged = await _node.PostAsync("/v1/a", """{"value":2}""");
        var changed = await waiting;
        Assert.Equal((200, "node1", tagged["ETag"]), (changed.Status, changed["Kv-Served-By"], changed["ETag"]));
    }

    [Fact]
    public async Task A_reader_that_does_not_follow_is_told_that_it_lost_something()
    {
        using var events = await EventReader.OpenAsync(_door, Watch + "?values=full");
        await events.NextAsync();
        var large = new byte[200_000];
        for (var number = 0; number < 1_000; number++)
            _cluster.Apply(Put($"k{number}", value: large));    // more than sockets, pipes and the history hold

        ServerEvent? last = null;
        var read = 0;
        while (await events.NextAsync() is { } next)
            (last, read) = (next, read + 1);
        Assert.Equal("overflow", last!.Name);
        Assert.NotNull(last.Id);
        Assert.True(read < 1_000);
    }

    private static Command.Change Put(string key, byte[]? value = null, Ttl ttl = default, long timeMs = 1) => new()
    {
        TimeMs = timeMs,
        Bucket = BucketId.Default,
        Operation = new Operation.Put
        {
            Key = Encoding.UTF8.GetBytes(key),
            Value = value ?? "v"u8.ToArray(),
            ContentType = "application/octet-stream",
            Ttl = ttl,
        },
    };

    private static string[] SamePartition(int count, string begin = "t")
    {
        var ring = FakeCluster.View.Ring;
        return
        [
            .. Enumerable.Range(0, 10_000)
                .Select(number => $"{begin}-{number}")
                .Where(key => ring.PartitionOf(Encoding.UTF8.GetBytes(key)).Value == 5)
                .Take(count),
        ];
    }

    private void Transact(params string[] keys) => _cluster.Apply(new Command.Batch
    {
        TimeMs = 1,
        Bucket = BucketId.Default,
        Operations = [.. keys.Select(key => Put(key).Operation)],
    });

    private async Task<JsonElement> PollAsync(string since, params string[] headers)
    {
        var answer = await _node.SendAsync("GET", $"{Watch}?since={since}", [.. headers, "Accept: application/json"]);
        Assert.Equal((int)HttpStatusCode.OK, answer.Status);
        return answer.Json;
    }
}
