using System.Text;
using KvStore.Contracts;
using KvStore.Core.Primitives;
using KvStore.Core.State;
using KvStore.Node.Replication;

namespace KvStore.Tests.Node.Api;

public sealed class BucketApiTests : IAsyncLifetime
{
    private const string Json = "Content-Type: application/json";
    private ApiNode _node = null!;

    public async ValueTask InitializeAsync() => _node = await ApiNode.StartAsync();

    public ValueTask DisposeAsync() => _node.DisposeAsync();

    [Fact]
    public async Task A_bucket_is_created_described_changed_and_dropped()
    {
        var created = await _node.SendBodyAsync("PUT", "/buckets/cart", """{"defaultTtl":"60s"}""", Json);
        Assert.Equal((201, "/buckets/cart"), (created.Status, created["Location"]));
        Assert.Equal(
            """{"name":"cart","id":2,"settings":{"defaultTtl":"60s"}}""", created.Body);
        Assert.Equal("node1", created["Kv-Served-By"]);
        Assert.NotNull(created["Kv-Request-Id"]);

        var patched = await _node.SendBodyAsync(
            "PATCH",
            "/buckets/cart",
            """{"defaultTtl":null,"maxValueBytes":10}""",
            "Content-Type: application/merge-patch+json",
            "If-Match: " + created["ETag"]);
        Assert.Equal(200, patched.Status);
        Assert.NotEqual(created["ETag"], patched["ETag"]);
        var read = await _node.SendAsync("GET", "/buckets/cart");
        Assert.Equal("""{"name":"cart","id":2,"settings":{"maxValueBytes":10}}""", read.Body);
        Assert.Equal(patched["ETag"], read["ETag"]);
        Assert.Equal(304, (await _node.SendAsync("GET", "/buckets/cart", "If-None-Match: " + read["ETag"])).Status);
        Assert.Equal((200, ""), await HeadAsync("/buckets/cart"));

        Assert.Equal(204, (await _node.SendAsync("DELETE", "/buckets/cart")).Status);
        var gone = await _node.SendAsync("GET", "/buckets/cart");
        Assert.Equal((404, "bucket-not-found"), (gone.Status, gone.Problem.Code));
        Assert.Equal(404, (await _node.SendAsync("DELETE", "/buckets/cart")).Status);
    }

    [Theory]
    [InlineData("""{"replicas":3}""", "The setting replicas is not supported by this version.")]
    [InlineData("""{"history":3}""", "The setting history is not supported by this version.")]
    [InlineData("""{"unknown":3}""", "each once")]
    [InlineData("""{"defaultTtl":"60s","defaultTtl":"60s"}""", "has a name twice")]
    [InlineData("""{"defaultTtl":"0s"}""", "defaultTtl")]
    [InlineData("""{"defaultTtl":60}""", "defaultTtl")]
    [InlineData("""{"defaultTtl":"87601h"}""", "defaultTtl")]
    [InlineData("""{"maxValueBytes":0}""", "maxValueBytes")]
    [InlineData("""{"maxValueBytes":1048577}""", "1 to 1048576")]
    [InlineData("""{"maxValueBytes":1.5}""", "maxValueBytes")]
    [InlineData("""{"requireConditionalWrites":"yes"}""", "requireConditionalWrites")]
    [InlineData("""{"defaultConsistency":"weak"}""", "defaultConsistency")]
    [InlineData("""{"cacheControl":"a\r\nb"}""", "cacheControl")]
    [InlineData("""{"cacheControl":""}""", "cacheControl")]
    [InlineData("""{"defaultTtl":{"a":{"b":{"c":{"d":1}}}}}""", "deeper than 4")]
    [InlineData("[]", "JSON object")]
    [InlineData("{", "not valid JSON")]
    public async Task Settings_that_are_not_exactly_right_are_refused(string body, string why)
    {
        var answer = await _node.SendBodyAsync("PUT", "/buckets/cart", body, Json);

        Assert.Equal((400, "body-invalid"), (answer.Status, answer.Problem.Code));
        Assert.Contains(why, answer.Problem.Detail, StringComparison.Ordinal);
        Assert.Equal(404, (await _node.SendAsync("GET", "/buckets/cart")).Status);
    }

    [Theory]
    [InlineData("PUT", "/buckets/Cart", 400, "bucket-invalid")]
    [InlineData("PUT", "/buckets/-cart", 400, "bucket-invalid")]
    [InlineData("PUT", "/buckets/cart?x=1", 400, "query-invalid")]
    [InlineData("GET", "/buckets?limit=1001", 400, "query-invalid")]
    [InlineData("GET", "/buckets?limit=0", 400, "query-invalid")]
    [InlineData("GET", "/buckets?cursor=%2F", 400, "query-invalid")]
    [InlineData("GET", "/buckets?limit=1&limit=1", 400, "query-invalid")]
    [InlineData("GET", "/buckets?limit=+1", 400, "query-invalid")]
    [InlineData("PATCH", "/buckets/cart", 400, "body-invalid")]
    [InlineData("DELETE", "/buckets/default", 409, "conflict")]
    [InlineData("POST", "/buckets/cart", 405, "method-not-allowed")]
    [InlineData("PUT", "/buckets", 405, "method-not-allowed")]
    public async Task A_request_that_cannot_be_meant_is_refused(string method, string target, int status, string code)
    {
        var answer = await _node.SendAsync(method, target, "Content-Length: 0");

        Assert.Equal((status, code), (answer.Status, answer.Problem.Code));
    }

    [Theory]
    [InlineData("Kv-Unknown: 1", "header-invalid")]
    [InlineData("Kv-Ack: one", "header-invalid")]
    [InlineData("Idempotency-Key: a b", "idempotency-key-invalid")]
    [InlineData("If-None-Match: \"a\"", "condition-invalid")]
    [InlineData("If-Match: W/\"a\"", "condition-invalid")]
    public async Task A_header_that_cannot_be_honoured_is_refused(string header, string code)
    {
        var answer = await _node.SendAsync("PUT", "/buckets/cart", "Content-Length: 0", header);

        Assert.Equal((400, code), (answer.Status, answer.Problem.Code));
    }

    [Fact]
    public async Task A_body_must_be_of_the_right_type_and_small()
    {
        var type = await _node.SendBodyAsync("PUT", "/buckets/cart", "{}", "Content-Type: text/plain");
        Assert.Equal(415, type.Status);
        var packed = await _node.SendBodyAsync("PUT", "/buckets/cart", "{}", Json, "Content-Encoding: gzip");
        Assert.Equal((415, "unsupported-encoding"), (packed.Status, packed.Problem.Code));
        var large = await _node.SendBodyAsync("PUT", "/buckets/cart", new string(' ', 4097), Json);
        Assert.Equal((400, "body-invalid"), (large.Status, large.Problem.Code));
        var unwanted = await _node.SendBodyAsync("DELETE", "/buckets/cart", "{}", Json);
        Assert.Equal((400, "body-not-allowed"), (unwanted.Status, unwanted.Problem.Code));
    }

    [Fact]
    public async Task Buckets_are_listed_by_name_page_by_page()
    {
        foreach (var name in new[] { "zoo", "cart", "a.b" })
            await CreateAsync(name);

        var first = await _node.SendAsync("GET", "/buckets?limit=2");
        Assert.Equal(["a.b", "cart"], NamesIn(first));
        var cursor = first.Json.GetProperty("cursor").GetString();
        var last = await _node.SendAsync("GET", $"/buckets?limit=2&cursor={cursor}");
        Assert.Equal(["default", "zoo"], NamesIn(last));
        Assert.False(last.Json.TryGetProperty("cursor", out _));
    }

    [Fact]
    public async Task Conditions_decide_whether_a_bucket_is_created_or_changed()
    {
        Assert.Equal(412, await PutAsync("If-Match: *"));
        Assert.Equal(201, await PutAsync("If-None-Match: *"));
        Assert.Equal(412, await PutAsync("If-None-Match: *"));
        Assert.Equal(200, await PutAsync("If-Match: *"));
        var refused = await _node.SendAsync("PUT", "/buckets/cart", "Content-Length: 0", "If-Match: \"0-1-1\"");
        Assert.Equal(412, refused.Status);
        Assert.Equal((await _node.SendAsync("GET", "/buckets/cart"))["ETag"], refused.Problem.CurrentEtag);
    }

    [Fact]
    public async Task A_retry_with_the_same_key_is_answered_as_before_and_drops_no_bucket_of_later()
    {
        await CreateAsync("cart");
        Assert.Equal(204, (await _node.SendAsync("DELETE", "/buckets/cart", "Idempotency-Key: k1")).Status);
        await CreateAsync("cart");

        var retry = await _node.SendAsync("DELETE", "/buckets/cart", "Idempotency-Key: k1");

        Assert.Equal((204, "true"), (retry.Status, retry["Idempotency-Replayed"]));
        Assert.Equal(200, (await _node.SendAsync("GET", "/buckets/cart")).Status);
        var other = await _node.SendAsync("PUT", "/buckets/cart", "Content-Length: 0", "Idempotency-Key: k1");
        Assert.Equal((422, "idempotency-mismatch"), (other.Status, other.Problem.Code));
    }

    [Fact]
    public async Task An_outcome_that_stays_unknown_is_said_to_be()
    {
        _node.Cluster.OnWrite = (_, command) => ValueTask.FromResult<WriteOutcome?>(
            command is Command.Change { Operation: Operation.Put { Key.Length: > 10 } }
                ? new WriteOutcome.Indeterminate()
                : null);

        var answer = await _node.SendAsync("PUT", "/buckets/cart", "Content-Length: 0", "Kv-Timeout: 200ms");

        Assert.Equal((504, Applied.Unknown), (answer.Status, answer.Problem.Applied));
    }

    [Fact]
    public async Task Without_a_majority_nothing_is_claimed()
    {
        _node.Cluster.OnRead = _ => ValueTask.FromResult<EntriesOutcome?>(new EntriesOutcome.TimedOut());

        var key = await _node.SendAsync("GET", "/buckets/cart/keys/a");
        var bucket = await _node.SendAsync("GET", "/buckets/cart");

        Assert.Equal((503, "no-quorum"), (key.Status, key.Problem.Code));
        Assert.Equal((503, "no-quorum"), (bucket.Status, bucket.Problem.Code));
    }

    [Fact]
    public async Task The_settings_of_a_bucket_count_where_a_request_says_nothing()
    {
        await _node.SendBodyAsync(
            "PUT",
            "/buckets/cart",
            """
            {"maxValueBytes":3,"requireConditionalWrites":true,"defaultConsistency":"eventual",
             "cacheControl":"max-age=60","defaultTtl":"2h"}
            """,
            Json);

        var blind = await _node.SendBodyAsync("PUT", "/buckets/cart/keys/a", "abc");
        Assert.Equal((428, "precondition-required"), (blind.Status, blind.Problem.Code));
        var large = await _node.SendBodyAsync("PUT", "/buckets/cart/keys/a", "abcd", "If-None-Match: *");
        Assert.Equal((413, "value-too-large"), (large.Status, large.Problem.Code));
        Assert.Equal(
            201, (await _node.SendBodyAsync("PUT", "/buckets/cart/keys/a", "abc", "If-None-Match: *")).Status);
        var read = await _node.SendAsync("GET", "/buckets/cart/keys/a");
        Assert.Equal(("eventual", "max-age=60"), (read["Kv-Consistency"], read["Cache-Control"]));
        var asked = await _node.SendAsync("GET", "/buckets/cart/keys/a?consistency=strong");
        Assert.Equal("strong", asked["Kv-Consistency"]);
        var stored = _node.Cluster.Image.Find(new BucketId(2), "a"u8)!;
        Assert.Equal(stored.ModifiedMs + 2 * 60 * 60 * 1000, stored.ExpiresMs);
    }

    [Fact]
    public async Task Two_buckets_keep_the_same_key_apart_and_a_bucket_made_again_is_empty()
    {
        await CreateAsync("cart");
        await _node.SendBodyAsync("PUT", "/buckets/cart/keys/k", "1");
        Assert.Equal(404, (await _node.SendAsync("GET", "/v1/k")).Status);
        await _node.SendAsync("DELETE", "/buckets/cart");
        var gone = await _node.SendBodyAsync("PUT", "/buckets/cart/keys/k", "1");
        Assert.Equal((404, "bucket-not-found"), (gone.Status, gone.Problem.Code));
        await CreateAsync("cart");

        var fresh = await _node.SendAsync("GET", "/buckets/cart/keys/k");
        Assert.Equal((404, "not-found"), (fresh.Status, fresh.Problem.Code));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_node_whose_catalog_is_old_serves_whoever_has_the_name_now(bool isMadeAgain)
    {
        var cluster = new FakeCluster();
        await using var old = await ApiNode.StartAsync(cluster);
        await using var other = await ApiNode.StartAsync(cluster, member: 2);
        await other.SendAsync("PUT", "/buckets/cart", "Content-Length: 0");
        Assert.Equal(201, (await old.SendBodyAsync("PUT", "/buckets/cart/keys/k", "1")).Status);
        await other.SendAsync("DELETE", "/buckets/cart");
        if (isMadeAgain)
            await other.SendAsync("PUT", "/buckets/cart", "Content-Length: 0");

        var read = await old.SendAsync("GET", "/buckets/cart/keys/k");
        var written = await old.SendBodyAsync("PUT", "/buckets/cart/keys/k", "2");

        Assert.Equal((404, isMadeAgain ? "not-found" : "bucket-not-found"), (read.Status, read.Problem.Code));
        Assert.Equal(isMadeAgain ? 201 : 404, written.Status);
        Assert.Null(cluster.Image.Find(new BucketId(2), Encoding.UTF8.GetBytes("k")));
    }

    private static IEnumerable<string?> NamesIn(RawResponse answer) =>
        answer.Json.GetProperty("items").EnumerateArray().Select(item => item.GetProperty("name").GetString());

    private async Task CreateAsync(string name) =>
        Assert.Equal(201, (await _node.SendAsync("PUT", "/buckets/" + name, "Content-Length: 0")).Status);

    private async Task<int> PutAsync(string condition) =>
        (await _node.SendAsync("PUT", "/buckets/cart", "Content-Length: 0", condition)).Status;

    private async Task<(int Status, string Body)> HeadAsync(string target)
    {
        var answer = await _node.SendAsync("HEAD", target);
        return (answer.Status, answer.Body);
    }
}
