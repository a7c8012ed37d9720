using System.Text;
using KvStore.Contracts;
using KvStore.Core.Primitives;
using KvStore.Core.State;
using KvStore.Node.Replication;

namespace KvStore.Tests.Node.Api;

public sealed class KeyValueApiTests : IAsyncLifetime
{
    private static readonly string FirstEtag = $"\"{FakeCluster.View.ClusterId:x16}-1-1\"";
    private ApiNode _node = null!;

    public async ValueTask InitializeAsync() => _node = await ApiNode.StartAsync();

    public ValueTask DisposeAsync() => _node.DisposeAsync();

    [Fact]
    public async Task What_was_posted_is_read_back_with_its_version()
    {
        var posted = await _node.PostAsync("/v1/hello", """{"value": {"n": 1.50, "s": "ö"}}""");

        Assert.Equal(200, posted.Status);
        Assert.Equal("""{"key":"hello","value":{"n": 1.50, "s": "ö"},"version":1}""", posted.Body);
        Assert.Equal(FirstEtag, posted["ETag"]);
        Assert.Equal("1", posted["Kv-Version"]);
        Assert.Equal("2/3", posted["Kv-Copies"]);
        Assert.Equal("node1", posted["Kv-Served-By"]);
        Assert.Equal("primary", posted["Kv-Role"]);
        Assert.Matches("^[0-9a-f]{32}$", posted["Kv-Request-Id"]);

        var read = await _node.SendAsync("GET", "/v1/hello");
        Assert.Equal(200, read.Status);
        Assert.Equal(posted.Body, read.Body);
        Assert.Equal("application/json", read["Content-Type"]);
        Assert.Equal(FirstEtag, read["ETag"]);
        Assert.Equal("strong", read["Kv-Consistency"]);
        Assert.Equal("no-cache", read["Cache-Control"]);
        Assert.Null(read["Kv-Staleness-Ms"]);
        Assert.Null(read["Server"]);
        Assert.True(DateTimeOffset.TryParse(read["Last-Modified"], out _));
    }

    [Fact]
    public async Task Every_request_for_keys_and_buckets_is_counted_whatever_its_answer_and_no_other()
    {
        await _node.PostAsync("/v1/hello", """{"value": 1}""");
        await _node.SendAsync("GET", "/v1/absent");
        await _node.SendAsync("GET", "/v1/bad?unknown=1");
        await _node.SendAsync("GET", "/v1/%0A");
        await _node.SendAsync("GET", "/v1");
        await _node.SendAsync("GET", "/buckets");
        await _node.PostAsync("/buckets/default/batch", """{"ops":[{"op":"get","key":"a"}]}""");
        await _node.PostAsync("/buckets/default/txn", "{}");
        await _node.SendAsync("GET", "/buckets/default/watch", "Accept: application/json");
        await _node.SendAsync("GET", "/");

        Assert.Equal(9, _node.Requests);
    }

    [Theory]
    [InlineData("a/b", "/v1/a/b", "/v1/a/b")]
    [InlineData("a/b", "/buckets/default/keys/a%2Fb", "/buckets/default/keys/a/b")]
    [InlineData("a/b", "/v1?key=a%2Fb&ack=one", "/v1/a/b")]
    [InlineData("a/b", "/v1/?ack=one&key64=YS9i", "/v1/a/b")]
    [InlineData("../a", "/buckets/default/keys?key=..%2fa", "/buckets/default/keys?key=..%2Fa")]
    [InlineData("a\\b", "/v1?key64=YVxi", "/v1?key=a%5Cb")]
    public async Task A_key_is_the_same_however_it_is_named(string key, string target, string location)
    {
        var created = await _node.SendBodyAsync("PUT", target, "v");
        var read = await _node.SendAsync("GET", location);

        Assert.Equal((201, location), (created.Status, created["Location"]));
        Assert.Equal(key, Encoding.UTF8.GetString(_node.Partitions.OnlyOperation.Key.Span));
        Assert.Equal((200, "1"), (read.Status, read["Kv-Version"]));
    }

    [Theory]
    [InlineData("1")]
    [InlineData("null")]
    [InlineData("\"text with \\u00e9 and \\ud83d\\ude00\"")]
    [InlineData("[]")]
    [InlineData("[1, {\"a\": [true, false]}, {\"a\": 2}]")]
    [InlineData("12345678901234567890.123456789")]
    public async Task Any_JSON_keeps_its_exact_text(string value)
    {
        await _node.PostAsync("/v1/k", $$"""{"value":{{value}} }""");

        var put = Assert.IsType<Operation.Put>(_node.Partitions.OnlyOperation);
        Assert.Equal(value, Encoding.UTF8.GetString(put.Value.Span));
        Assert.Equal("application/json", put.ContentType);
        Assert.Contains($"\"value\":{value},", (await _node.SendAsync("GET", "/v1/k")).Body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Bytes_are_created_then_replaced_and_read_as_base64()
    {
        var created = await _node.SendBodyAsync("PUT", "/v1/a%2Fb?ack=quorum", [0, 255, 1], "Content-Type: image/png");
        var replaced = await _node.SendBodyAsync("PUT", "/v1/a/b", [0, 255, 2]);

        Assert.Equal((201, "/v1/a/b"), (created.Status, created["Location"]));
        Assert.Equal(204, replaced.Status);
        Assert.Equal("2", replaced["Kv-Version"]);
        Assert.Equal(
            """{"key":"a/b","base64":"AP8C","contentType":"application/octet-stream","version":2}""",
            (await _node.SendAsync("GET", "/v1/a/b")).Body);
    }

    [Theory]
    [InlineData("text/plain", "a \"b\" <c>", "\"value\":\"a \\\"b\\\" <c>\",\"contentType\":\"text/plain\"")]
    [InlineData("text/csv; charset=utf-8", "ä", "\"value\":\"ä\",\"contentType\":\"text/csv; charset=utf-8\"")]
    [InlineData("text/x; charset=utf-16", "a", "\"base64\":\"YQ==\",\"contentType\":\"text/x; charset=utf-16\"")]
    [InlineData("application/json", "{\"a\":1}", "\"value\":{\"a\":1}")]
    [InlineData("application/json", "{\"a\":", "\"base64\":\"eyJhIjo=\",\"contentType\":\"application/json\"")]
    [InlineData("application/json", "", "\"base64\":\"\",\"contentType\":\"application/json\"")]
    [InlineData("application/geo+json", "[1]", "\"value\":[1],\"contentType\":\"application/geo+json\"")]
    public async Task Nothing_of_a_stored_type_is_lost_in_the_envelope(string type, string stored, string members)
    {
        await _node.SendBodyAsync("PUT", "/v1/k", stored, $"Content-Type: {type}");

        Assert.Equal(
            $$"""{"key":"k",{{members.TrimEnd()}},"version":1}""", (await _node.SendAsync("GET", "/v1/k")).Body);
    }

    [Fact]
    public async Task Text_that_is_not_UTF8_is_given_as_base64()
    {
        await _node.SendBodyAsync("PUT", "/v1/k", [0xC3, 0x28], "Content-Type: text/plain");

        Assert.Contains("\"base64\":\"wyg=\"", (await _node.SendAsync("GET", "/v1/k")).Body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Base64_in_the_envelope_stores_bytes()
    {
        var posted = await _node.PostAsync("/v1/k", """{"base64":"AP8=","contentType":"image/gif"}""");

        Assert.Equal("""{"key":"k","base64":"AP8=","contentType":"image/gif","version":1}""", posted.Body);
        Assert.Equal([0, 255], Assert.IsType<Operation.Put>(_node.Partitions.OnlyOperation).Value.ToArray());
    }

    [Fact]
    public async Task Head_has_the_headers_of_get_and_no_body()
    {
        await _node.PostAsync("/v1/k", """{"value":"v"}""");

        var get = await _node.SendAsync("GET", "/v1/k");
        var head = await _node.SendAsync("HEAD", "/v1/k");
        Assert.Equal((200, ""), (head.Status, head.Body));
        string[] names = ["ETag", "Content-Length", "Content-Type", "Kv-Version", "Last-Modified", "Kv-Role"];
        foreach (var name in names)
            Assert.Equal(get[name], head[name]);
        Assert.Equal(404, (await _node.SendAsync("HEAD", "/v1/absent")).Status);
    }

    [Fact]
    public async Task What_was_deleted_is_gone()
    {
        await _node.PostAsync("/v1/k", """{"value":1}""");

        var deleted = await _node.SendAsync("DELETE", "/v1/k");
        Assert.Equal((200, """{"key":"k","deleted":true}"""), (deleted.Status, deleted.Body));
        Assert.Equal("2", deleted["Kv-Version"]);
        Assert.Null(deleted["ETag"]);
        Assert.Equal((404, "not-found"), Refused(await _node.SendAsync("GET", "/v1/k")));
        Assert.Equal((404, "not-found"), Refused(await _node.SendAsync("DELETE", "/v1/k")));
    }

    [Fact]
    public async Task Options_lists_the_methods()
    {
        var answer = await _node.SendAsync("OPTIONS", "/v1/k");

        Assert.Equal((204, "GET, HEAD, PUT, POST, PATCH, DELETE, OPTIONS"), (answer.Status, answer["Allow"]));
        Assert.Equal(
            "application/merge-patch+json, application/vnd.kvstore.increment+json", answer["Accept-Patch"]);
    }

    [Fact]
    public async Task A_tag_that_is_current_lets_a_write_through_and_no_other()
    {
        await _node.PostAsync("/v1/k", """{"value":1}""");

        var second = await _node.PostAsync("/v1/k", """{"value":2}""", $"If-Match: \"x\" , {FirstEtag}");
        Assert.Equal(200, second.Status);
        var late = await _node.PostAsync("/v1/k", """{"value":3}""", $"If-Match: {FirstEtag}");
        Assert.Equal((412, "precondition-failed"), Refused(late));
        Assert.Equal(second["ETag"], late.Problem.CurrentEtag);
        Assert.Equal(second["ETag"], late["ETag"]);
        var ofAnother = await _node.SendAsync("DELETE", "/v1/k", "If-Match: \"00000000deadbeef-1-2\"");
        Assert.Equal((412, second["ETag"]), (ofAnother.Status, ofAnother.Problem.CurrentEtag));
        var deleted = await _node.SendAsync("DELETE", "/v1/k", "If-Match: \"y\"", $"If-Match: {second["ETag"]}");
        Assert.Equal(200, deleted.Status);
    }

    [Fact]
    public async Task Existence_can_be_asked_for_and_absence_too()
    {
        var absent = await _node.SendBodyAsync("PUT", "/v1/k", "v", "If-Match: *");
        Assert.Equal((412, null), (absent.Status, absent.Problem.CurrentEtag));
        Assert.Equal(201, (await _node.SendBodyAsync("PUT", "/v1/k", "v", "If-None-Match: *")).Status);
        var present = await _node.SendBodyAsync("PUT", "/v1/k", "v", "If-None-Match: *");
        Assert.Equal(412, present.Status);
        Assert.NotNull(present.Problem.CurrentEtag);
        Assert.Equal(204, (await _node.SendBodyAsync("PUT", "/v1/k", "v", "If-Match: *")).Status);
    }

    [Fact]
    public async Task A_read_can_be_conditional()
    {
        await _node.PostAsync("/v1/k", """{"value":1}""");

        var same = await _node.SendAsync("GET", "/v1/k", $"If-None-Match: {FirstEtag}");
        Assert.Equal((304, "", FirstEtag), (same.Status, same.Body, same["ETag"]));
        Assert.Equal(304, (await _node.SendAsync("HEAD", "/v1/k", "If-None-Match: *")).Status);
        Assert.Equal(200, (await _node.SendAsync("GET", "/v1/k", "If-None-Match: \"other\"")).Status);
        Assert.Equal(200, (await _node.SendAsync("GET", "/v1/k", $"If-Match: {FirstEtag}")).Status);
        Assert.Equal(412, (await _node.SendAsync("GET", "/v1/k", "If-Match: \"other\"")).Status);
        Assert.Equal(404, (await _node.SendAsync("GET", "/v1/absent", "If-Match: *")).Status);
    }

    [Theory]
    [InlineData("/v1/k", "Kv-Consistency: eventual")]
    [InlineData("/v1/k?consistency=eventual", "X: y")]
    [InlineData("/v1/k?consistency=eventual", "Kv-Consistency: eventual")]
    public async Task An_eventual_read_can_be_asked_for_in_header_and_query(string target, string header)
    {
        await _node.PostAsync("/v1/k", """{"value":1}""");
        _node.Partitions.OnRead = _ => throw new InvalidOperationException("Leadership must not be confirmed.");

        var read = await _node.SendAsync("GET", target, header);
        Assert.Equal(("eventual", "0", "primary"), (read["Kv-Consistency"], read["Kv-Staleness-Ms"], read["Kv-Role"]));
    }

    [Fact]
    public async Task A_backup_names_itself_and_its_age()
    {
        var cluster = new FakeCluster();
        await using var primary = await ApiNode.StartAsync(cluster);
        await using var backup = await ApiNode.StartAsync(cluster, member: 2);
        backup.Partitions.Staleness = TimeSpan.FromMilliseconds(41.2);
        await primary.PostAsync("/v1/k", """{"value":1}""");

        var read = await backup.SendAsync("GET", "/v1/k", "Kv-Consistency: eventual");
        Assert.Equal(
            ("node2", "backup", "eventual", "42"),
            (read["Kv-Served-By"], read["Kv-Role"], read["Kv-Consistency"], read["Kv-Staleness-Ms"]));
    }

    [Fact]
    public async Task A_repeated_request_gets_its_first_answer()
    {
        var first = await _node.SendBodyAsync("PUT", "/v1/k", "v", "Idempotency-Key: order-7");
        var again = await _node.SendBodyAsync("PUT", "/v1/k", "v", "Idempotency-Key: order-7");
        var other = await _node.SendBodyAsync("PUT", "/v1/k", "w", "Idempotency-Key: order-7");

        Assert.Equal((201, null), (first.Status, first["Idempotency-Replayed"]));
        Assert.Equal((201, "true"), (again.Status, again["Idempotency-Replayed"]));
        Assert.Equal(first["ETag"], again["ETag"]);
        Assert.Equal((422, "idempotency-mismatch"), Refused(other));
    }

    [Fact]
    public async Task A_key_that_is_a_uuid_of_version_7_is_the_same_in_either_case_and_must_not_be_ahead()
    {
        var now = DateTimeOffset.FromUnixTimeMilliseconds(TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds());
        var key = Guid.CreateVersion7(now).ToString();
        var first = await _node.SendBodyAsync("PUT", "/v1/k", "v", $"Idempotency-Key: {key}");
        var again = await _node.SendBodyAsync("PUT", "/v1/k", "v", $"Idempotency-Key: {key.ToUpperInvariant()}");
        Assert.Equal((201, 201, "true"), (first.Status, again.Status, again["Idempotency-Replayed"]));
        Assert.Equal(first["ETag"], again["ETag"]);

        var ahead = Guid.CreateVersion7(now.AddHours(1));
        Assert.Equal(
            (409, "idempotency-ahead"), Refused(await _node.SendAsync("DELETE", "/v1/k", $"Idempotency-Key: {ahead}")));
        Assert.Equal(200, (await _node.SendAsync("GET", "/v1/k")).Status);
    }

    [Fact]
    public async Task Every_write_carries_an_id_and_says_whose_it_is()
    {
        await _node.SendBodyAsync("PUT", "/v1/k", "v");
        await _node.SendBodyAsync("PUT", "/v1/k", "v", "Kv-Hop-Request-Id: hop-1");
        await _node.SendBodyAsync("PUT", "/v1/k", "v", "Kv-Hop-Request-Id: hop-1", "Idempotency-Key: mine");

        var ids = _node.Partitions.Commands.Select(command => command.RequestId!.Value).ToArray();
        Assert.Equal(
            [RequestIdKind.Internal, RequestIdKind.Internal, RequestIdKind.Named], ids.Select(id => id.Kind));
        Assert.Equal(3, ids.Distinct().Count());
    }

    [Fact]
    public async Task The_primarys_own_flush_is_enough_when_asked_for()
    {
        var version = new KeyVersion(new Term(2), new LogIndex(9));
        _node.Partitions.OnWrite = (_, _) => new(new WriteOutcome.Flushed(version, 1, 3));

        var posted = await _node.PostAsync("/v1/k", """{"value":1}""", "Kv-Ack: one");
        Assert.Equal((200, "9", "1/3"), (posted.Status, posted["Kv-Version"], posted["Kv-Copies"]));
        Assert.Equal(204, (await _node.SendBodyAsync("PUT", "/v1/k?ack=one", "v")).Status);
        Assert.All(_node.Partitions.Acks, ack => Assert.Equal(Ack.One, ack));
    }

    [Theory]
    [InlineData("DELETE", "X: y")]
    [InlineData("PUT", "If-Match: *")]
    [InlineData("PUT", "If-None-Match: *")]
    [InlineData("PUT", "Idempotency-Key: k")]
    public async Task An_answer_that_depends_on_the_log_waits_for_a_majority(string method, string header)
    {
        await _node.SendAsync(method, "/v1/k?ack=one", header);

        Assert.Equal(Ack.Quorum, Assert.Single(_node.Partitions.Acks));
    }

    [Fact]
    public async Task What_is_not_said_comes_from_the_options()
    {
        await using var node = await ApiNode.StartAsync(configure: options =>
        {
            options.DefaultAck = Ack.All;
            options.DefaultConsistency = Consistency.Eventual;
        });

        await node.SendBodyAsync("PUT", "/v1/k", "v");
        Assert.Equal(Ack.All, Assert.Single(node.Partitions.Acks));
        Assert.Equal("eventual", (await node.SendAsync("GET", "/v1/k"))["Kv-Consistency"]);
        Assert.Equal("strong", (await node.SendAsync("GET", "/v1/k?consistency=strong"))["Kv-Consistency"]);
    }

    [Theory]
    [InlineData("/v1/a%2Fb", "a/b")]
    [InlineData("/v1/a%252Fb", "a%2Fb")]
    [InlineData("/v1/a%2F%2Fb", "a//b")]
    [InlineData("/v1/%2Fa", "/a")]
    [InlineData("/v1/a%20b+c", "a b+c")]
    [InlineData("/v1/gr%C3%B6%C3%9Fe", "größe")]
    [InlineData("/v1/v1/x", "v1/x")]
    [InlineData("/v1/_txn", "_txn")]
    public async Task The_key_is_decoded_once_from_the_raw_target(string target, string key)
    {
        await _node.SendBodyAsync("PUT", target, "v", "Content-Type: text/plain");

        Assert.Equal(key, Encoding.UTF8.GetString(_node.Partitions.OnlyOperation.Key.Span));
        Assert.Equal(key, (await _node.SendAsync("GET", target)).Json.GetProperty("key").GetString());
    }

    [Fact]
    public async Task Chunks_make_one_value()
    {
        var head = RawHttp.Head("PUT", "/v1/k", "Transfer-Encoding: chunked", "Content-Type: text/plain");

        var put = await RawHttp.SendAsync(_node.Address, [.. head, .. "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"u8]);
        Assert.Equal(201, put.Status);
        Assert.Equal("abcde", (await _node.SendAsync("GET", "/v1/k")).Json.GetProperty("value").GetString());
    }

    [Fact]
    public async Task The_largest_value_fits()
    {
        var value = new byte[1 << 20];
        new Random(7).NextBytes(value);

        Assert.Equal(201, (await _node.SendBodyAsync("PUT", "/v1/raw", value)).Status);
        var envelope = $$"""{"base64":"{{Convert.ToBase64String(value)}}"}""";
        Assert.Equal(200, (await _node.PostAsync("/v1/envelope", envelope)).Status);
        Assert.Equal(value, (await _node.SendAsync("GET", "/v1/raw")).Json.GetProperty("base64").GetBytesFromBase64());
    }

    [Fact]
    public async Task A_connection_serves_one_request_after_the_other()
    {
        using var client = new HttpClient { BaseAddress = _node.Address };
        for (var number = 0; number < 20; number++)
        {
            using var put = await client.PutAsync($"/v1/{number % 3}", new StringContent($"{number}"));
            Assert.True(put.IsSuccessStatusCode);
            var entry = await client.GetStringAsync($"/v1/{number % 3}");
            Assert.Contains($"\"value\":\"{number}\"", entry, StringComparison.Ordinal);
        }
    }

    private static (int Status, string Code) Refused(RawResponse response) => (response.Status, response.Problem.Code);
}
