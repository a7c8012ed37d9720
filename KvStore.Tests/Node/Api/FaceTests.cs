using System.Text;
using KvStore.Core.State;

namespace KvStore.Tests.Node.Api;

/// <summary>The faces of an entry under both paths: as it is stored, in an envelope, and what is known of it.</summary>
public sealed class FaceTests : IAsyncLifetime
{
    private const string Raw = "/buckets/default/keys/k";
    private const string Envelope = "/v1/k";
    private const string EntryType = "application/vnd.kvstore.entry+json";
    private static readonly string FirstEtag = $"\"{FakeCluster.View.ClusterId:x16}-1-1\"";
    private ApiNode _node = null!;

    public async ValueTask InitializeAsync() => _node = await ApiNode.StartAsync();

    public ValueTask DisposeAsync() => _node.DisposeAsync();

    [Theory]
    [InlineData("""{"a":1}""", """
        "value":{"a":1}
        """)]
    [InlineData("\"a\"", """
        "value":"a"
        """)]
    [InlineData("no JSON", """
        "base64":"bm8gSlNPTg=="
        """)]
    public async Task A_value_under_a_type_of_JSON_that_is_text_too_is_never_a_string_that_it_is_not(
        string value, string shown)
    {
        await _node.SendBodyAsync("PUT", Raw, value, "Content-Type: text/x+json");
        Assert.Contains(shown, (await _node.SendAsync("GET", Raw + "?format=json")).Body);
    }

    [Theory]
    [InlineData(Raw, "X: y")]
    [InlineData(Raw, "Accept: */*")]
    [InlineData(Raw, "Accept: text/plain")]
    [InlineData(Raw, "Accept: image/png, text/*;q=0.1")]
    [InlineData(Raw, "Accept: text/plain;charset=utf-8")]
    [InlineData(Raw, "Accept: application/vnd.kvstore.entry+json;q=0.5, text/plain")]
    [InlineData(Raw, "Accept: application/*, */*;q=0.1")]
    [InlineData(Raw + "?format=raw", "Accept: " + EntryType)]
    [InlineData(Envelope + "?format=raw", "X: y")]
    [InlineData(Envelope + "?format=raw", "Accept: image/png")]
    public async Task The_raw_face_is_the_stored_bytes_under_their_type(string target, string header)
    {
        await _node.SendBodyAsync("PUT", Raw, "a \"b\"", "Content-Type: text/plain; charset=utf-8");

        var read = await _node.SendAsync("GET", target, header);
        Assert.Equal((200, "a \"b\"", "text/plain; charset=utf-8"), (read.Status, read.Body, read["Content-Type"]));
        Assert.Equal(("bytes", "5", FirstEtag), (read["Accept-Ranges"], read["Content-Length"], read["ETag"]));
        Assert.Equal(("no-cache", "Accept, Kv-Consistency, Authorization"), (read["Cache-Control"], read["Vary"]));
        Assert.Equal(("nosniff", "sandbox"), (read["X-Content-Type-Options"], read["Content-Security-Policy"]));
        Assert.Null(read["Content-Digest"]);
    }

    [Theory]
    [InlineData(Envelope, "X: y", "application/json")]
    [InlineData(Envelope, "Accept: application/json", "application/json")]
    [InlineData(Envelope, "Accept: */*;q=0.1", "application/json")]
    [InlineData(Envelope, "Accept: " + EntryType, EntryType)]
    [InlineData(Envelope, "Accept: application/json;q=0.4, " + EntryType, EntryType)]
    [InlineData(Envelope, "Accept: application/json, application/vnd.kvstore.entry+json;q=0.4", "application/json")]
    [InlineData(Envelope + "?format=json", "Accept: text/html", "application/json")]
    [InlineData(Raw, "Accept: " + EntryType, EntryType)]
    [InlineData(Raw, "Accept: text/plain;q=0.9, " + EntryType, EntryType)]
    [InlineData(Raw, "Accept: */*, " + EntryType, EntryType)]
    [InlineData(Raw + "?format=json", "Accept: text/plain", "application/json")]
    public async Task The_JSON_face_is_the_entry_in_an_envelope(string target, string header, string type)
    {
        await _node.SendBodyAsync("PUT", Raw, "v", "Content-Type: text/plain");

        var read = await _node.SendAsync("GET", target, header);
        Assert.Equal(
            (200, """{"key":"k","value":"v","contentType":"text/plain","version":1}"""), (read.Status, read.Body));
        Assert.Equal((type, null), (read["Content-Type"], read["Accept-Ranges"]));
    }

    [Theory]
    [InlineData(Raw, "Accept: image/png")]
    [InlineData(Raw, "Accept: text/plain;q=0, */*;q=0.5")]
    [InlineData(Raw, "Accept: text/html, application/*")]
    [InlineData(Raw, "Accept: text/plain; charset=utf-16")]
    [InlineData(Raw, "Accept: nonsense")]
    [InlineData(Envelope, "Accept: text/plain")]
    [InlineData(Envelope, "Accept: application/json;q=0, */*")]
    public async Task What_a_client_does_not_take_it_is_not_given(string target, string header)
    {
        await _node.SendBodyAsync("PUT", Raw, "v", "Content-Type: text/plain");

        foreach (var method in new[] { "GET", "HEAD" })
            Assert.Equal(406, (await _node.SendAsync(method, target, header)).Status);
        Assert.Equal("not-acceptable", (await _node.SendAsync("GET", target, header)).Problem.Code);
    }

    [Theory]
    [InlineData(Raw)]
    [InlineData(Envelope)]
    public async Task The_meta_face_tells_everything_but_the_value(string target)
    {
        await _node.SendBodyAsync("PUT", Raw, [0, 255], "Content-Type: image/png", "Kv-Ttl: 1h");

        var read = await _node.SendAsync("GET", target + "?format=meta");
        var meta = read.Json;
        Assert.Equal((200, "application/json", FirstEtag), (read.Status, read["Content-Type"], read["ETag"]));
        Assert.Equal(
            ("k", "default", 1, FirstEtag, 2, "image/png", "node1"),
            (Text("key"), Text("bucket"), meta.GetProperty("version").GetInt32(), Text("etag"),
                meta.GetProperty("size").GetInt32(), Text("contentType"), Text("owner")));
        Assert.Matches(@"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$", Text("created"));
        Assert.Equal(Text("created"), Text("modified"));
        Assert.Equal(read["Kv-Expires-At"], Text("expires"));

        await _node.SendBodyAsync("PUT", Raw, "v");
        Assert.False((await _node.SendAsync("GET", target + "?format=meta")).Json.TryGetProperty("expires", out _));

        string? Text(string name) => meta.GetProperty(name).GetString();
    }

    [Theory]
    [InlineData(Raw)]
    [InlineData(Raw + "?format=json")]
    [InlineData(Raw + "?format=meta")]
    [InlineData(Envelope)]
    [InlineData(Envelope + "?format=raw")]
    public async Task Head_has_every_header_of_get_and_no_body(string target)
    {
        await _node.SendBodyAsync("PUT", Raw, "v", "Content-Type: text/plain", "Kv-Ttl: 1h", "Kv-Meta-Color: red");

        var get = await _node.SendAsync("GET", target, "Want-Content-Digest: sha-256=1");
        var head = await _node.SendAsync("HEAD", target, "Want-Content-Digest: sha-256=1", "Range: bytes=0-0");
        Assert.Equal((200, ""), (head.Status, head.Body));
        string[] changing = ["Date", "Kv-Request-Id"];
        Assert.Equal(Lines(get), Lines(head));
        Assert.NotEmpty(get.Body);

        string[] Lines(RawResponse answer) =>
            [.. answer.Headers.Where(header => !changing.Contains(header.Key))
                .Select(header => $"{header.Key}: {header.Single()}").Order()];
    }

    [Fact]
    public async Task A_large_value_comes_whole_however_slowly_it_is_read()
    {
        var value = new byte[(1 << 20) - 7];
        new Random(3).NextBytes(value);
        await _node.SendBodyAsync("PUT", Raw, value);
        using var client = new HttpClient { BaseAddress = _node.Address };
        using var response = await client.GetAsync(Raw, HttpCompletionOption.ResponseHeadersRead);
        await using var body = await response.Content.ReadAsStreamAsync();

        var read = new MemoryStream();
        var part = new byte[10_000];
        while (await body.ReadAsync(part) is > 0 and var count)
            read.Write(part, 0, count);
        Assert.Equal(value, read.ToArray());
        Assert.Equal(value, await client.GetByteArrayAsync(Raw));    // on the same connection
    }

    [Fact]
    public async Task An_empty_value_is_no_body()
    {
        await _node.SendBodyAsync("PUT", Raw, "");

        var read = await _node.SendAsync("GET", Raw);
        Assert.Equal((200, "", "0", "application/octet-stream"),
            (read.Status, read.Body, read["Content-Length"], read["Content-Type"]));
    }

    [Fact]
    public async Task Under_the_raw_path_POST_stores_the_body_and_DELETE_says_nothing()
    {
        var created = await _node.SendBodyAsync("POST", Raw, "{\"value\":1}", "Content-Type: application/json");
        var replaced = await _node.SendBodyAsync("POST", Raw, "v", "Content-Type: text/plain");

        Assert.Equal((201, Raw, ""), (created.Status, created["Location"], created.Body));
        Assert.Equal((204, null), (replaced.Status, replaced["Location"]));
        var first = (Command.Change)_node.Partitions.Commands.First();
        Assert.Equal("{\"value\":1}", Encoding.UTF8.GetString(((Operation.Put)first.Operation).Value.Span));
        var deleted = await _node.SendAsync("DELETE", Raw);
        Assert.Equal((204, "", "3"), (deleted.Status, deleted.Body, deleted["Kv-Version"]));
        Assert.Equal("not-found", (await _node.SendAsync("DELETE", Raw)).Problem.Code);
    }

    [Theory]
    [InlineData(Raw, "Content-Type: " + EntryType, 201)]
    [InlineData(Raw + "?format=json", "Content-Type: application/json", 200)]
    [InlineData(Envelope, "Content-Type: " + EntryType, 200)]
    public async Task An_envelope_is_taken_under_both_paths(string target, string type, int status)
    {
        Assert.Equal(status, (await _node.SendBodyAsync("POST", target, """{"value":[1]}""", type)).Status);

        Assert.Equal("[1]", (await _node.SendAsync("GET", Raw)).Body);
    }

    [Fact]
    public async Task Under_the_envelopes_path_a_body_can_be_raw()
    {
        var posted = await _node.SendBodyAsync("POST", Envelope + "?format=raw", "v", "Content-Type: text/plain");

        Assert.Equal((201, Envelope, ""), (posted.Status, posted["Location"], posted.Body));
        Assert.Equal("v", (await _node.SendAsync("GET", Raw)).Body);
    }

    [Theory]
    [InlineData("sha-256", "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:")]
    [InlineData("sha-512=3, sha-256=10", "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:")]
    [InlineData("sha-256=0", null)]
    [InlineData("md5=10", null)]
    public async Task A_digest_is_made_for_who_asks(string want, string? digest)
    {
        await _node.SendBodyAsync("PUT", Raw, "");

        Assert.Equal(digest, (await _node.SendAsync("GET", Raw, "Want-Content-Digest: " + want))["Content-Digest"]);
    }

    [Theory]
    [InlineData("sha-256=:ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=:")]
    [InlineData("md5=:AAAA:, sha-256=:ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=:")]
    [InlineData("crc32c=:AAAAAA==:;p=1")]
    [InlineData("sha-512=:3a81oZNherrMQXNJriBBMRLm+k6JqX6iCp7u5ktV05ohkpkqJ0/BqDa6PCOj/uu9RU1EI2Q86A4qmslPpUyknw==:")]
    public async Task A_body_that_matches_its_digest_is_stored(string digest)
    {
        Assert.Equal(201, (await _node.SendBodyAsync("PUT", Raw, "abc", "Content-Digest: " + digest)).Status);
    }

    [Theory]
    [InlineData("sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:", "digest-mismatch")]
    [InlineData("md5=:AAAA:, sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:", "digest-mismatch")]
    [InlineData("sha-256=:ungW:", "header-invalid")]
    [InlineData("sha-256=ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=", "header-invalid")]
    [InlineData("sha-256=:?:", "header-invalid")]
    [InlineData("sha-256=:AAAA:x", "header-invalid")]
    [InlineData("sha-256", "header-invalid")]
    [InlineData("", "header-invalid")]
    public async Task A_body_that_does_not_is_refused_before_anything_is_applied(string digest, string code)
    {
        foreach (var (method, target, type) in new[]
        {
            ("PUT", Raw, "text/plain"), ("POST", Raw, "text/plain"), ("POST", Envelope, "application/json"),
            ("PATCH", Raw, "application/merge-patch+json"),
        })
        {
            var answer = await _node.SendBodyAsync(
                method, target, "abc", "Content-Type: " + type, "Content-Digest: " + digest);
            Assert.Equal((400, code), (answer.Status, answer.Problem.Code));
        }

        Assert.Empty(_node.Partitions.Commands);
    }

    [Theory]
    [InlineData("?format=xml")]
    [InlineData("?format=")]
    [InlineData("?format=Raw")]
    [InlineData("?format=raw&format=raw")]
    public async Task A_format_that_is_none_is_refused(string query)
    {
        Assert.Equal("query-invalid", (await _node.SendAsync("GET", Raw + query)).Problem.Code);
        Assert.Equal("query-invalid", (await _node.SendBodyAsync("PUT", Envelope + query, "v")).Problem.Code);
    }
}
