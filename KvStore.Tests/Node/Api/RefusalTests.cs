using System.Text;
using KvStore.Contracts;

namespace KvStore.Tests.Node.Api;

/// <summary>What is refused at the door: by code, with nothing applied and nothing handed to a replica.</summary>
public sealed class RefusalTests : IAsyncLifetime
{
    private ApiNode _node = null!;

    public async ValueTask InitializeAsync() =>
        _node = await ApiNode.StartAsync(configure: options => options.MaxValueBytes = 1000);

    public ValueTask DisposeAsync() => _node.DisposeAsync();

    [Theory]
    [InlineData("/v1/a//b", 400, "key-invalid")]
    [InlineData("/v1/./a", 400, "key-invalid")]
    [InlineData("/v1/a/../b", 400, "key-invalid")]
    [InlineData("/v1/a/%2e%2e/b", 400, "key-invalid")]
    [InlineData("/v1/%2E", 400, "key-invalid")]
    [InlineData("/v1/a%0Ab", 400, "key-invalid")]
    [InlineData("/v1/a%FFb", 400, "key-invalid")]
    [InlineData("/v1/a%C0%AFb", 400, "key-invalid")]
    [InlineData("/v1/a%5cb", 400, "target-invalid")]
    [InlineData("/v1/a\\b", 400, "target-invalid")]
    [InlineData("/v1/a%zzb", 400, "target-invalid")]
    [InlineData("/v1/a%2", 400, "target-invalid")]
    [InlineData("/v1/a#b", 400, "target-invalid")]
    [InlineData("http://localhost/v1/a", 400, "target-invalid")]
    [InlineData("/%76%31/a", 400, "target-invalid")]
    [InlineData("/x/../v1/a", 400, "target-invalid")]
    [InlineData("/V1/a", 400, "target-invalid")]
    [InlineData("/nowhere", 404, "route-not-found")]
    [InlineData("/%62uckets/default/keys/a", 400, "target-invalid")]
    [InlineData("/x/../buckets/default/keys/a", 400, "target-invalid")]
    [InlineData("/Buckets/default/keys/a", 400, "target-invalid")]
    [InlineData("/buckets/default/%6beys/a", 400, "target-invalid")]
    [InlineData("/buckets/default//keys/a", 400, "target-invalid")]
    [InlineData("/buckets/default/x/../keys/a", 400, "target-invalid")]
    [InlineData("/buckets/default/keys/a%5Cb", 400, "target-invalid")]
    [InlineData("/buckets/default/keys/", 400, "key-invalid")]
    [InlineData("/buckets/default/keys/a/../b", 400, "key-invalid")]
    [InlineData("/buckets/Default/keys/a", 400, "bucket-invalid")]
    [InlineData("/buckets/defaul%74/keys/a", 400, "bucket-invalid")]
    [InlineData("/buckets/../keys/a", 400, "bucket-invalid")]
    [InlineData("/buckets//keys/a", 400, "bucket-invalid")]
    [InlineData("/v1?key=", 400, "key-invalid")]
    [InlineData("/v1?key=a%0Ab", 400, "key-invalid")]
    [InlineData("/v1?key64=YQ==", 400, "key-invalid")]
    [InlineData("/v1?key=a&key=a", 400, "query-invalid")]
    [InlineData("/v1?key=a&key64=YQ", 400, "query-invalid")]
    [InlineData("/v1/b?key=a", 400, "query-invalid")]
    [InlineData("/v1?key=a&", 400, "query-invalid")]
    [InlineData("/v1?key=a&acc=one", 400, "query-invalid")]
    [InlineData("/buckets/pics/keys/a", 404, "bucket-not-found")]
    [InlineData("/buckets/default/nothing", 404, "route-not-found")]
    [InlineData("/v2/a", 404, "route-not-found")]
    public async Task A_target_that_names_no_key(string target, int status, string code) =>
        AssertRefused(await _node.SendAsync("GET", target), status, code);

    [Theory]
    [InlineData("/v1/a%00b")]
    [InlineData("/v1/a\0b")]
    [InlineData("/v1/a\u00e9b")]
    public async Task A_target_that_the_server_itself_refuses(string target) =>
        Assert.Equal(400, (await _node.SendAsync("GET", target)).Status);

    [Fact]
    public async Task A_key_beyond_1024_bytes()
    {
        AssertRefused(await _node.SendAsync("GET", "/v1/" + new string('k', 1025)), 414, "key-too-long");
        Assert.Equal(404, (await _node.SendAsync("GET", "/v1/" + new string('k', 1024))).Status);
    }

    [Theory]
    [InlineData("patch")]
    [InlineData("TRACE")]
    [InlineData("get")]
    [InlineData("FOO")]
    public async Task A_method_that_no_key_takes(string method)
    {
        var answer = await _node.SendAsync(method, "/v1/a");
        AssertRefused(answer, 405, "method-not-allowed");
        Assert.Equal("GET, HEAD, PUT, POST, PATCH, DELETE, OPTIONS", answer["Allow"]);
    }

    [Fact]
    public async Task Connect_is_no_method_and_an_asterisk_no_key()
    {
        var connect = "CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\nConnection: close\r\n\r\n"u8.ToArray();
        AssertRefused(await RawHttp.SendAsync(_node.Address, connect), 405, "method-not-allowed");
        AssertRefused(await _node.SendAsync("OPTIONS", "*"), 400, "target-invalid");
    }

    [Theory]
    [InlineData("consistency=strongly", "query-invalid")]
    [InlineData("consistency=", "query-invalid")]
    [InlineData("consistency=Eventual", "query-invalid")]
    [InlineData("consistency=strong&consistency=strong", "query-invalid")]
    [InlineData("consistensy=strong", "query-invalid")]
    [InlineData("ack=2", "query-invalid")]
    [InlineData("ack=one&ack=all", "query-invalid")]
    [InlineData("timeout=0", "query-invalid")]
    [InlineData("timeout=-1s", "query-invalid")]
    [InlineData("timeout=61s", "query-invalid")]
    [InlineData("timeout=1.5s", "query-invalid")]
    [InlineData("consistency", "query-invalid")]
    [InlineData("a=b", "query-invalid")]
    [InlineData("&", "query-invalid")]
    [InlineData("?", "query-invalid")]
    public async Task A_query_that_is_not_understood(string query, string code)
    {
        AssertRefused(await _node.SendAsync("GET", "/v1/a?" + query), 400, code);
        AssertRefused(await _node.SendAsync("DELETE", "/v1/a?" + query), 400, code);
    }

    [Theory]
    [InlineData("Kv-Consistency: causal")]
    [InlineData("Kv-Consistency: strong\r\nKv-Consistency: strong")]
    [InlineData("Kv-Consistency:")]
    [InlineData("Kv-Consistency: strong, eventual")]
    [InlineData("Kv-Ack: none")]
    [InlineData("Kv-Ack: one\r\nkv-ack: all")]
    [InlineData("Kv-Timeout: soon")]
    [InlineData("Kv-Timeout: 99999999999999999999s")]
    [InlineData("Kv-Timeout: 1s\r\nKv-Timeout: 1s")]
    [InlineData("Kv-Consistancy: strong")]
    [InlineData("kv-ttl: 60s")]
    [InlineData("Kv-Forward: always")]
    [InlineData("Kv-Hop-Request-Id: a b")]
    public async Task A_header_of_ours_that_is_not_understood(string header) =>
        AssertRefused(await _node.SendAsync("DELETE", "/v1/a", header), 400, "header-invalid");

    [Fact]
    public async Task Header_and_query_that_disagree()
    {
        AssertRefused(
            await _node.SendAsync("GET", "/v1/a?consistency=strong", "Kv-Consistency: eventual"), 400, "query-invalid");
        AssertRefused(await _node.SendAsync("DELETE", "/v1/a?ack=all", "Kv-Ack: one"), 400, "query-invalid");
    }

    [Theory]
    [InlineData("")]
    [InlineData("a b")]
    [InlineData("12345678901234567890123456789012345678901234567890123456789012345")]
    [InlineData("a\r\nIdempotency-Key: a")]
    public async Task An_idempotency_key_that_is_none(string key) => AssertRefused(
        await _node.SendAsync("DELETE", "/v1/a", "Idempotency-Key: " + key), 400, "idempotency-key-invalid");

    [Theory]
    [InlineData("If-Match: abc")]
    [InlineData("If-Match:")]
    [InlineData("If-Match: W/\"a\"")]
    [InlineData("If-Match: \"a\", *")]
    [InlineData("If-Match: \"a\" \"b\"")]
    [InlineData("""If-Match: "1","2","3","4","5","6","7","8","9","10","11","12","13","14","15","16","17" """)]
    [InlineData("If-Match: *\r\nIf-Match: \"a\"")]
    [InlineData("If-Match: *\r\nIf-None-Match: *")]
    [InlineData("If-None-Match: \"a\"")]
    [InlineData("If-Modified-Since: Sat, 01 Jan 2000 00:00:00 GMT")]
    [InlineData("If-Unmodified-Since: Sat, 01 Jan 2000 00:00:00 GMT")]
    public async Task A_condition_that_a_write_cannot_honour(string header)
    {
        AssertRefused(await _node.SendBodyAsync("PUT", "/v1/a", "v", header), 400, "condition-invalid");
        AssertRefused(await _node.SendAsync("DELETE", "/v1/a", header), 400, "condition-invalid");
    }

    [Theory]
    [InlineData("GET")]
    [InlineData("HEAD")]
    [InlineData("DELETE")]
    public async Task A_body_where_none_is_taken(string method)
    {
        var counted = await _node.SendBodyAsync(method, "/v1/a", "x");
        Assert.Equal(400, counted.Status);
        var head = RawHttp.Head(method, "/v1/a", "Transfer-Encoding: chunked");
        var chunked = await RawHttp.SendAsync(_node.Address, [.. head, .. "0\r\n\r\n"u8]);
        Assert.Equal(400, chunked.Status);
        if (method != "HEAD")
            Assert.Equal("body-not-allowed", counted.Problem.Code);
        Assert.Empty(_node.Partitions.Commands);
    }

    [Theory]
    [InlineData("gzip")]
    [InlineData("br, gzip")]
    [InlineData("identity")]
    public async Task A_compressed_body(string encoding) => AssertRefused(
        await _node.SendBodyAsync("PUT", "/v1/a", "v", "Content-Encoding: " + encoding), 415, "unsupported-encoding");

    [Theory]
    [InlineData("X: y")]
    [InlineData("Content-Type: application/x-www-form-urlencoded")]
    [InlineData("Content-Type: text/json")]
    [InlineData("Content-Type: application/json; charset=utf-16")]
    [InlineData("Content-Type: nonsense")]
    public async Task An_envelope_that_is_not_called_JSON(string header) => AssertRefused(
        await _node.SendBodyAsync("POST", "/v1/a", """{"value":1}""", header), 415, "unsupported-media-type");

    [Theory]
    [InlineData("Content-Type: application/json")]
    [InlineData("content-type: Application/JSON; charset=UTF-8")]
    [InlineData("Content-Type: application/json;charset=\"utf-8\"")]
    public async Task JSON_may_be_called_so_in_more_than_one_way(string header) =>
        Assert.Equal(200, (await _node.SendBodyAsync("POST", "/v1/a", """{"value":1}""", header)).Status);

    [Theory]
    [InlineData("Content-Type: nonsense")]
    [InlineData("Content-Type: */*")]
    [InlineData("Content-Type: image/*")]
    [InlineData("Content-Type: a/b\r\nContent-Type: a/b")]
    public async Task A_type_that_cannot_be_stored(string header) =>
        AssertRefused(await _node.SendBodyAsync("PUT", "/v1/a", "v", header), 400, "header-invalid");

    [Theory]
    [InlineData("text/html", 406)]
    [InlineData("application/json;q=0, text/plain", 406)]
    [InlineData("text/html, */*;q=0.1", 404)]
    [InlineData("application/json", 404)]
    [InlineData("Application/*", 404)]
    public async Task A_read_that_cannot_take_JSON(string accept, int status) =>
        Assert.Equal(status, (await _node.SendAsync("GET", "/v1/a", "Accept: " + accept)).Status);

    [Fact]
    public async Task A_value_beyond_the_limit_by_its_announced_length()
    {
        var answer = await RawHttp.SendAsync(_node.Address, RawHttp.Head("PUT", "/v1/a", "Content-Length: 1001"));
        AssertRefused(answer, 413, "value-too-large");
        Assert.Equal("close", answer["Connection"]);
    }

    [Fact]
    public async Task A_value_beyond_the_limit_while_it_streams()
    {
        var head = RawHttp.Head("PUT", "/v1/a", "Transfer-Encoding: chunked");
        var chunk = Encoding.ASCII.GetBytes("100\r\n" + new string('x', 256) + "\r\n");
        var answer = await RawHttp.SendAsync(_node.Address, [.. head, .. chunk, .. chunk, .. chunk, .. chunk]);
        AssertRefused(answer, 413, "value-too-large");
    }

    [Fact]
    public async Task A_value_beyond_the_limit_within_its_envelope()
    {
        var tooLong = $$"""{"value":"{{new string('x', 999)}}"}""";
        AssertRefused(await _node.PostAsync("/v1/a", tooLong), 413, "value-too-large");
        var far = $$"""{"value":"{{new string('x', 9000)}}"}""";
        AssertRefused(await _node.PostAsync("/v1/a", far), 413, "value-too-large");
        var fits = $$"""{"value":"{{new string('x', 998)}}"}""";
        Assert.Equal(200, (await _node.PostAsync("/v1/a", fits)).Status);
    }

    [Fact]
    public async Task A_body_that_ends_early_applies_nothing()
    {
        var cut = RawHttp.Head("PUT", "/v1/a", "Content-Length: 10");
        var answer = await RawHttp.SendAsync(_node.Address, [.. cut, .. "short"u8], TimeSpan.Zero);

        Assert.True(answer.Status is 0 or 400, $"{answer.Status}");
        Assert.Empty(_node.Partitions.Commands);
    }

    [Theory]
    [InlineData("Content-Length: 3\r\nTransfer-Encoding: chunked")]
    [InlineData("Content-Length: 3\r\nContent-Length: 3")]
    [InlineData("Content-Length: 3\r\nContent-Length: 4")]
    [InlineData("Content-Length: -1")]
    [InlineData("Content-Length: 3, 3")]
    [InlineData("Content-Length: 99999999999999999999")]
    [InlineData("Transfer-Encoding: gzip")]
    [InlineData("Transfer-Encoding: chunked, gzip")]
    public async Task A_body_of_two_lengths_or_none(string headers)
    {
        var head = RawHttp.Head("PUT", "/v1/a", headers);
        var answer = await RawHttp.SendAsync(_node.Address, [.. head, .. "3\r\nabc\r\n0\r\n\r\n"u8]);

        Assert.Equal(400, answer.Status);
        Assert.Empty(_node.Partitions.Commands);
    }

    [Theory]
    [InlineData("3;\nabc\r\n0\r\n\r\n")]
    [InlineData("zz\r\nabc\r\n0\r\n\r\n")]
    [InlineData("FFFFFFFFF\r\nabc\r\n0\r\n\r\n")]
    [InlineData("3\r\nabcd\r\n0\r\n\r\n")]
    public async Task Chunks_that_are_malformed(string chunks)
    {
        var head = RawHttp.Head("PUT", "/v1/a", "Transfer-Encoding: chunked");
        var answer = await RawHttp.SendAsync(_node.Address, [.. head, .. Encoding.ASCII.GetBytes(chunks)]);

        Assert.Equal(400, answer.Status);
        Assert.Empty(_node.Partitions.Commands);
    }

    [Fact]
    public async Task Headers_beyond_their_limits()
    {
        Assert.Equal(431, (await _node.SendAsync("GET", "/v1/a", "X: " + new string('x', 34 << 10))).Status);
        string[] many = [.. Enumerable.Range(0, 109).Select(number => $"X{number}: y")];
        Assert.Equal(431, (await _node.SendAsync("GET", "/v1/a", many)).Status);
        Assert.Equal(414, (await _node.SendAsync("GET", "/v1/" + new string('x', 9 << 10))).Status);
        Assert.Equal(400, (await _node.SendAsync("GET", "/v1/a", "X: \u00e9")).Status);
        Assert.Equal(400, (await _node.SendAsync("GET", "/v1/a", "X: a\0b")).Status);
        Assert.Equal(400, (await _node.SendAsync("GET", "/v1/a", "X: a\r\n folded")).Status);
        Assert.Equal(400, (await _node.SendAsync("GET", "/v1/a", "Host: second")).Status);
        Assert.Equal(400, (await RawHttp.SendAsync(_node.Address, "GET /v1/a HTTP/1.1\r\n\r\n"u8.ToArray())).Status);
    }

    [Fact]
    public async Task A_refusal_tells_what_a_program_needs()
    {
        var answer = await _node.SendBodyAsync("POST", "/v1/a%2Fb?ack=one", "{", "Content-Type: application/json");

        Assert.Equal("application/problem+json", answer["Content-Type"]);
        var problem = answer.Problem;
        Assert.Equal(("/problems/body-invalid", 400, "body-invalid"), (problem.Type, problem.Status, problem.Code));
        Assert.Equal(("a/b", "default", "/v1/a%2Fb"), (problem.Key, problem.Bucket, problem.Instance));
        Assert.Equal((Applied.No, false, "node1"), (problem.Applied, problem.Retryable, problem.Node));
        Assert.Equal(answer["Kv-Request-Id"], problem.TraceId);
        Assert.EndsWith(".", problem.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_key_of_a_bucket_that_is_not_there()
    {
        var answer = await _node.SendBodyAsync("PUT", "/buckets/pics/keys/a%2Fb", "v");

        AssertRefused(answer, 404, "bucket-not-found");
        Assert.Equal(("a/b", "pics"), (answer.Problem.Key, answer.Problem.Bucket));
        Assert.Equal("close", answer["Connection"]);    // its body was not read
    }

    private void AssertRefused(RawResponse answer, int status, string code)
    {
        Assert.Equal((status, code), (answer.Status, answer.Problem.Code));
        Assert.Equal(Applied.No, answer.Problem.Applied);
        Assert.Empty(_node.Partitions.Commands);
    }
}
