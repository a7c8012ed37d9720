using System.Net;
using System.Text.Json;
using KvStore.Contracts;
using KvStore.Core.Primitives;
using KvStore.Core.State;
using KvStore.Node.Api;
using KvStore.Node.Replication;
using Microsoft.Extensions.DependencyInjection;

namespace KvStore.Tests.Node.Api;

/// <summary>Lists and removals of many keys over HTTP, at one of three nodes.</summary>
public sealed class KeysApiTests : IAsyncLifetime
{
    private const string All = "/buckets/default/keys";

    private readonly ListCluster _cluster = new();
    private ApiNode _node = null!;
    private HttpClient _http = null!;

    public async ValueTask InitializeAsync()
    {
        _node = await _cluster.ServeAsync();
        _http = new HttpClient { BaseAddress = _node.Address };
    }

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        await _node.DisposeAsync();
    }

    [Theory]
    [InlineData("?limit=0")]
    [InlineData("?limit=1001")]
    [InlineData("?limit=-1")]
    [InlineData("?limit=+1")]
    [InlineData("?limit=1&limit=1")]
    [InlineData("?limt=1")]
    [InlineData("?prefix")]
    [InlineData("?prefix=%zz")]
    [InlineData("?prefix=%0A")]
    [InlineData("?prefix=%FF")]
    [InlineData("?delimiter=%C3")]
    [InlineData("?start=b&end=a")]
    [InlineData("?start=b&end=a&order=desc")]
    [InlineData("?order=down")]
    [InlineData("?values=all")]
    [InlineData("?count=1")]
    [InlineData("?consistency=strongest")]
    [InlineData("?timeout=0")]
    [InlineData("?confirm=1")]
    [InlineData("?prefix=a&")]
    public async Task A_query_of_a_list_that_is_not_understood_is_refused(string query)
    {
        var answer = await _node.SendAsync("GET", All + query);
        Assert.Equal((400, "query-invalid"), (answer.Status, answer.Problem.Code));
    }

    [Theory]
    [InlineData("", "query-invalid")]
    [InlineData("?dry_run=true", "query-invalid")]
    [InlineData("?prefix=a", "query-invalid")]
    [InlineData("?prefix=a&dry_run=true&confirm=1", "query-invalid")]
    [InlineData("?prefix=a&dry_run=false", "query-invalid")]
    [InlineData("?prefix=a&confirm=some", "query-invalid")]
    [InlineData("?prefix=a&confirm=1&limit=5", "query-invalid")]
    [InlineData("?prefix=a&confirm=1&delimiter=/", "query-invalid")]
    public async Task A_removal_that_does_not_say_which_keys_and_how_many_is_refused(string query, string code)
    {
        _cluster.Put("a");
        await RefusedAsync(await _http.DeleteAsync(All + query), 400, code);
        Assert.Single(_cluster.Keys(BucketId.Default));
    }

    [Fact]
    public async Task Headers_bodies_and_methods_that_many_keys_do_not_take_are_refused()
    {
        await RefusedAsync(await SendAsync("GET", All, ("Kv-Ack", "quorum")), 400, "header-invalid");
        await RefusedAsync(await SendAsync("GET", All, ("Kv-Nothing", "1")), 400, "header-invalid");
        await RefusedAsync(await SendAsync("GET", All, ("Kv-Consistency", "weak")), 400, "header-invalid");
        await RefusedAsync(await SendAsync("GET", All, ("Accept", "text/html")), 406, "not-acceptable");
        await RefusedAsync(
            await SendAsync("DELETE", All + "?prefix=&dry_run=true", ("If-Match", "*")), 400, "condition-invalid");
        await RefusedAsync(
            await SendAsync("DELETE", All + "?prefix=&confirm=0", ("Kv-Ack", "one")), 400, "header-invalid");
        await RefusedAsync(await _http.PutAsync("/v1", new StringContent("x")), 405, "method-not-allowed");
        await RefusedAsync(await _http.GetAsync("/buckets/none/keys"), 404, "bucket-not-found");
        var body = await _node.SendBodyAsync("GET", All, "x");
        Assert.Equal((400, "body-not-allowed"), (body.Status, body.Problem.Code));
    }

    [Theory]
    [InlineData("/v1")]
    [InlineData("/v1/")]
    [InlineData(All)]
    public async Task A_list_says_of_each_key_what_was_asked_for(string root)
    {
        _cluster.Put("a", "text");
        _cluster.Put("b"u8.ToArray(), """{"n":1}"""u8.ToArray(), Ttl.After(60_000), BucketId.Default, MediaTypes.Json);
        _cluster.Put("c"u8.ToArray(), [0, 1, 255], default, BucketId.Default, "image/png");

        var none = await ListAsync(root);
        Assert.Equal(["a", "b", "c"], none.Items.Select(item => item.Key));
        Assert.Equal([4, 7, 3], none.Items.Select(item => item.Size));
        Assert.All(none.Items, item => Assert.True(EtagFormat.TryParse(item.Etag, out _)));
        Assert.All(none.Items, item => Assert.Null(item.ContentType));
        Assert.Equal((null, null), (none.Cursor, none.Count));

        var meta = await ListAsync(root + "?values=meta&count=true&order=desc");
        Assert.Equal(["image/png", "application/json", "text/plain"], meta.Items.Select(item => item.ContentType));
        Assert.Equal(DateTimeOffset.FromUnixTimeMilliseconds(1_060_000), meta.Items[1].Expires);
        Assert.Equal(DateTimeOffset.FromUnixTimeMilliseconds(1_000_000), meta.Items[0].Modified);
        Assert.Equal((1L, 3L), (meta.Items[0].Version, meta.Count));
        Assert.Equal(JsonValueKind.Undefined, meta.Items[1].Value.ValueKind);

        var full = await ListAsync(root + "?values=full");
        Assert.Equal("text", full.Items[0].Value.GetString());
        Assert.Equal(1, full.Items[1].Value.GetProperty("n").GetInt32());
        Assert.Equal([0, 1, 255], full.Items[2].Base64!.Value.ToArray());
    }

    [Fact]
    public async Task Pages_lead_on_by_cursor_and_by_link_and_all_tell_the_same_snapshot_and_count()
    {
        foreach (var number in Enumerable.Range(0, 25))
            _cluster.Put($"app/{number:d2}/x");
        var target = $"{All}?prefix=app%2F&delimiter=/&limit=10&count=true";
        var snapshots = new HashSet<string>();
        var prefixes = new List<string>();
        for (var next = target; next is not null;)
        {
            using var answer = await _http.GetAsync(next);
            var page = await PageOf(answer);
            Assert.Equal((25L, 0), (page.Count, page.Items.Length));
            Assert.Equal("strong", answer.Headers.GetValues("Kv-Consistency").Single());
            prefixes.AddRange(page.Prefixes);
            snapshots.Add(page.Snapshot);
            next = page.Cursor is null ? null : $"{target}&cursor={page.Cursor}";
            Assert.Equal(next is not null, answer.Headers.TryGetValues("Link", out var links));
            Assert.True(next is null || links!.Single() == $"<{next}>; rel=\"next\"");
        }

        Assert.Equal(Enumerable.Range(0, 25).Select(number => $"app/{number:d2}/"), prefixes);
        Assert.Single(snapshots);
        Assert.True(PositionVector.TryParse(snapshots.Single(), out var moment));
        Assert.Equal((ListCluster.View.ClusterId, 1U, 16), (moment.ClusterId, moment.Bucket, moment.Indexes.Length));
    }

    [Theory]
    [InlineData("?prefix=b", 400, "cursor-invalid")]
    [InlineData("?prefix=a&order=desc", 400, "cursor-invalid")]
    [InlineData("?prefix=a&values=meta", 400, "cursor-invalid")]
    [InlineData("?prefix=a&end=z", 400, "cursor-invalid")]
    [InlineData("?prefix=a&limit=7", 200, "")]
    public async Task A_cursor_goes_on_in_its_own_list_alone(string query, int status, string code)
    {
        foreach (var number in Enumerable.Range(0, 5))
            _cluster.Put($"a{number}");
        var first = await ListAsync(All + "?prefix=a&limit=2");
        using var answer = await _http.GetAsync($"{All}{query}&cursor={first.Cursor}");

        if (status == 200)
            Assert.Equal(["a2", "a3", "a4"], (await PageOf(answer)).Items.Select(item => item.Key));
        else
            await RefusedAsync(answer, status, code);
        await RefusedAsync(
            await _http.GetAsync($"{All}{query}&cursor={first.Cursor![..^2]}"), 400, "cursor-invalid");
    }

    [Fact]
    public async Task The_last_page_is_given_again_to_a_client_that_lost_it()
    {
        foreach (var number in Enumerable.Range(0, 5))
            _cluster.Put($"a{number}");
        var first = await ListAsync(All + "?limit=3");
        for (var times = 0; times < 2; times++)
        {
            var last = await ListAsync($"{All}?limit=3&cursor={first.Cursor}");
            Assert.Equal(["a3", "a4"], last.Items.Select(item => item.Key));
            Assert.Null(last.Cursor);
        }

        _cluster.Time.Advance(PinnedSnapshots.IdleTime * 1.25);    // and then the values of that time go
        Assert.All(_cluster.Nodes, node => Assert.Equal(0, node.Pinned.Count));
        await RefusedAsync(await _http.GetAsync($"{All}?limit=3&cursor={first.Cursor}"), 410, "cursor-compacted");
    }

    [Fact]
    public async Task A_cursor_that_is_ten_minutes_old_is_gone()
    {
        foreach (var number in Enumerable.Range(0, 5))
            _cluster.Put($"a{number}");
        var first = await ListAsync(All + "?limit=2");
        _cluster.Time.Advance(TimeSpan.FromMinutes(10));

        await RefusedAsync(await _http.GetAsync($"{All}?limit=2&cursor={first.Cursor}"), 410, "cursor-compacted");
    }

    [Fact]
    public async Task A_list_as_a_stream_has_a_line_for_each_key_and_a_last_one_that_says_so()
    {
        foreach (var number in Enumerable.Range(0, 2345))
            _cluster.Put($"k{number:d4}");
        var onTwoLines = "{\r\n \"n\": \"a\\nb\" }"u8.ToArray();
        _cluster.Put("k9999"u8.ToArray(), onTwoLines, default, BucketId.Default, MediaTypes.Json);

        var lines = await LinesAsync(All + "?values=full");
        Assert.Equal(2347, lines.Count);
        Assert.Equal(
            Enumerable.Range(0, 2345).Select(number => $"k{number:d4}").Append("k9999"),
            lines.SkipLast(1).Select(line => line.GetProperty("key").GetString()));
        Assert.Equal("a\nb", lines[^2].GetProperty("value").GetProperty("n").GetString());
        Assert.True(lines[^1].GetProperty("end").GetBoolean());
        Assert.Equal(2346, lines[^1].GetProperty("count").GetInt32());
        Assert.Equal(0, _cluster.Nodes[0].Pinned.Count);

        var some = await LinesAsync(All + "?limit=3&delimiter=9");
        Assert.Equal(4, some.Count);
        var cursor = some[^1].GetProperty("cursor").GetString();
        var next = await LinesAsync($"{All}?limit=1&delimiter=9&cursor={cursor}");
        Assert.Equal("k0003", next[0].GetProperty("key").GetString());
    }

    [Theory]
    [InlineData("application/x-ndjson", KvMediaTypes.Lines)]
    [InlineData("application/x-ndjson, */*", KvMediaTypes.Lines)]
    [InlineData("application/x-ndjson;q=0.5, application/json", MediaTypes.Json)]
    [InlineData("application/*", MediaTypes.Json)]
    [InlineData("*/*;q=0.1", MediaTypes.Json)]
    public async Task Lines_are_given_to_those_who_name_them_and_like_nothing_better(string accept, string type)
    {
        using var answer = await SendAsync("GET", All, ("Accept", accept));
        Assert.Equal(type, answer.Content.Headers.ContentType!.MediaType);
    }

    [Fact]
    public async Task A_stream_that_cannot_go_on_has_no_last_line_and_no_proper_end()
    {
        foreach (var number in Enumerable.Range(0, 40))
            _cluster.Put($"k{number:d2}", new string('v', 1 << 20));
        using var request = new HttpRequestMessage(HttpMethod.Get, All + "?values=full");
        request.Headers.Accept.ParseAdd(KvMediaTypes.Lines);
        using var answer = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        await using var stream = await answer.Content.ReadAsStreamAsync();
        await stream.ReadExactlyAsync(new byte[1 << 20]);
        _cluster.Time.Advance(PinnedSnapshots.Lifetime);    // what is not read yet is held no longer

        await Assert.ThrowsAnyAsync<IOException>(() => new StreamReader(stream).ReadToEndAsync());
    }

    [Fact]
    public async Task A_head_of_a_list_has_its_headers_and_no_body()
    {
        _cluster.Put("a");
        var head = await _node.SendAsync("HEAD", All);
        var get = await _node.SendAsync("GET", All);
        Assert.Equal((200, "", get["Content-Length"]), (head.Status, head.Body, head["Content-Length"]));
    }

    [Fact]
    public async Task A_head_of_a_stream_that_goes_on_leaves_what_it_goes_on_in()
    {
        foreach (var number in Enumerable.Range(0, 5))
            _cluster.Put($"a{number}");
        var first = await ListAsync(All + "?limit=2");
        var rest = $"{All}?limit=2&cursor={first.Cursor}";
        Assert.Equal(200, (await _node.SendAsync("HEAD", rest, "Accept: application/x-ndjson")).Status);
        Assert.Equal(["a2", "a3"], (await ListAsync(rest)).Items.Select(item => item.Key));
    }

    [Fact]
    public async Task A_removal_is_counted_first_and_confirmed_by_that_count()
    {
        foreach (var number in Enumerable.Range(0, 12))
            _cluster.Put($"tmp/{number}");
        _cluster.Put("kept");
        Assert.Equal(
            """{"count":12,"dryRun":true}""", await BodyOf(_http.DeleteAsync(All + "?prefix=tmp/&dry_run=true")));
        using var differs = await _http.DeleteAsync(All + "?prefix=tmp/&confirm=11");
        var problem = await RefusedAsync(differs, 412, "precondition-failed");
        Assert.Equal((12L, Applied.No), (problem.Count, problem.Applied));

        Assert.Equal(
            """{"deleted":12,"changed":0}""", await BodyOf(_http.DeleteAsync(All + "?prefix=tmp/&confirm=12")));
        Assert.Equal("""{"deleted":1,"changed":0}""", await BodyOf(_http.DeleteAsync(All + "?prefix=&confirm=1")));
        Assert.Empty(_cluster.Keys(BucketId.Default));
    }

    [Fact]
    public async Task A_removal_of_which_not_every_outcome_is_known_says_so()
    {
        foreach (var number in Enumerable.Range(0, 100))
            _cluster.Put($"tmp/{number}");
        _cluster.OnWrite = partition => partition.Value == 5 ? new WriteOutcome.Indeterminate() : null;

        using var broken = await _http.DeleteAsync(All + "?prefix=tmp/&confirm=100");
        Assert.Equal(Applied.Unknown, (await RefusedAsync(broken, 504, "deadline-exceeded")).Applied);
    }

    private static async Task<Problem> RefusedAsync(HttpResponseMessage answer, int status, string code)
    {
        var text = await answer.Content.ReadAsStringAsync();
        Assert.True((int)answer.StatusCode == status, $"{answer.StatusCode}: {text}");
        var problem = JsonSerializer.Deserialize(text, ContractsJson.Default.Problem)!;
        Assert.Equal(code, problem.Code);
        return problem;
    }

    private static async Task<KeyListResponse> PageOf(HttpResponseMessage answer)
    {
        var text = await answer.Content.ReadAsStringAsync();
        Assert.True(answer.StatusCode is HttpStatusCode.OK, text);
        return JsonSerializer.Deserialize(text, ContractsJson.Default.KeyListResponse)!;
    }

    private static async Task<string> BodyOf(Task<HttpResponseMessage> answer)
    {
        using var message = await answer;
        return await message.Content.ReadAsStringAsync();
    }

    private async Task<KeyListResponse> ListAsync(string target)
    {
        using var answer = await _http.GetAsync(target);
        return await PageOf(answer);
    }

    private Task<HttpResponseMessage> SendAsync(string method, string target, (string Name, string Value) header)
    {
        var request = new HttpRequestMessage(new HttpMethod(method), target);
        request.Headers.TryAddWithoutValidation(header.Name, header.Value);
        return _http.SendAsync(request);
    }

    private async Task<List<JsonElement>> LinesAsync(string target)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, target);
        request.Headers.Accept.ParseAdd(KvMediaTypes.Lines);
        using var answer = await _http.SendAsync(request);
        var text = await answer.Content.ReadAsStringAsync();
        Assert.True(answer.StatusCode is HttpStatusCode.OK, text);
        Assert.EndsWith("\n", text, StringComparison.Ordinal);
        return [.. text.TrimEnd('\n').Split('\n').Select(line => JsonDocument.Parse(line).RootElement)];
    }
}
