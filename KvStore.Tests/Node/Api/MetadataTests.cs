using KvStore.Core.State;

namespace KvStore.Tests.Node.Api;

/// <summary>What a writer tells of a value, in headers of his own.</summary>
public sealed class MetadataTests : IAsyncLifetime
{
    private const string Raw = "/buckets/default/keys/k";
    private ApiNode _node = null!;

    public async ValueTask InitializeAsync() => _node = await ApiNode.StartAsync();

    public ValueTask DisposeAsync() => _node.DisposeAsync();

    [Theory]
    [InlineData("PUT", Raw)]
    [InlineData("POST", Raw)]
    [InlineData("POST", "/v1/k")]
    public async Task What_is_told_is_given_back_under_every_face(string method, string target)
    {
        var stored = await _node.SendBodyAsync(
            method, target, """{"value":1}""", "Content-Type: application/json", "Kv-Meta-Author: Ann  B; (c) 100%",
            "kv-meta-x.y_z: ", "Prefer: return=representation");

        Assert.Equal("Ann  B; (c) 100%", stored["Kv-Meta-author"]);
        foreach (var face in new[] { Raw, "/v1/k", Raw + "?format=meta" })
        {
            var read = await _node.SendAsync("GET", face);
            Assert.Equal(("Ann  B; (c) 100%", ""), (read["kv-meta-author"], read["Kv-Meta-x.y_z"]));
            Assert.Contains("Kv-Meta-author", read.Headers.Select(header => header.Key));
        }
    }

    [Theory]
    [InlineData("/buckets/default/batch", "ops")]
    [InlineData("/buckets/default/txn", "then")]
    public async Task Operations_store_it_and_give_it_back_as_the_headers_do(string target, string list)
    {
        var stored = await ManyAsync(
            target, list, """{"op":"put","key":"k","value":1,"meta":{"Author":"A  B","e":""}}""");
        Assert.False(stored.Json.GetProperty("results")[0].TryGetProperty("meta", out _));
        Assert.Equal("A  B", (await _node.SendAsync("GET", Raw))["Kv-Meta-author"]);

        var read = await ManyAsync(target, list, """{"op":"get","key":"k"}""");
        var meta = read.Json.GetProperty("results")[0].GetProperty("meta");
        Assert.Equal("""{"author":"A  B","e":""}""", meta.GetRawText());
        await ManyAsync(target, list, """{"op":"put","key":"k","base64":"AA==","meta":{}}""");
        read = await ManyAsync(target, list, """{"op":"get","key":"k"}""");
        Assert.False(read.Json.GetProperty("results")[0].TryGetProperty("meta", out _));
    }

    [Theory]
    [InlineData("""{"op":"put","key":"k","value":1,"meta":[]}""", "ops[0]: meta must be an object of strings.")]
    [InlineData("""{"op":"put","key":"k","value":1,"meta":{"a":1}}""", "an object of strings")]
    [InlineData("""{"op":"put","key":"k","value":1,"meta":{"":"b"}}""", "1 to 255 token characters")]
    [InlineData("""{"op":"put","key":"k","value":1,"meta":{"a b":"b"}}""", "1 to 255 token characters")]
    [InlineData("""{"op":"put","key":"k","value":1,"meta":{"a":"\n"}}""", "visible ASCII")]
    [InlineData("""{"op":"put","key":"k","value":1,"meta":{"a":"b "}}""", "with spaces inside only")]
    [InlineData("""{"op":"put","key":"k","value":1,"meta":{"a":"b","A":"c"}}""", "is there twice")]
    [InlineData("""{"op":"get","key":"k","meta":{"a":"b"}}""", "An operation is")]
    [InlineData("""{"op":"increment","key":"k","meta":{"a":"b"}}""", "An operation is")]
    public async Task What_an_operation_cannot_keep_is_refused_with_its_place(string operation, string why)
    {
        var answer = await ManyAsync("/buckets/default/batch", "ops", operation);
        Assert.Equal((400, "body-invalid"), (answer.Status, answer.Problem.Code));
        Assert.Contains(why, answer.Problem.Detail, StringComparison.Ordinal);
        Assert.Empty(_node.Cluster.Commands);
    }

    [Fact]
    public async Task An_operation_has_the_limits_of_the_headers()
    {
        Assert.Equal(201, await PutAsync(new string('x', 2047)));
        Assert.Equal(400, await PutAsync(new string('x', 2048)));

        async Task<int> PutAsync(string value)
        {
            var operation = $$$"""{"op":"put","key":"k","value":1,"meta":{"a":"{{{value}}}"}}""";
            var answer = await ManyAsync("/buckets/default/batch", "ops", operation);
            return answer.Status == 200
                ? answer.Json.GetProperty("results")[0].GetProperty("status").GetInt32()
                : answer.Status;
        }
    }

    [Fact]
    public async Task A_put_without_any_clears_them_and_a_patch_keeps_them()
    {
        await _node.SendBodyAsync("PUT", Raw, "1", "Kv-Meta-a: b");
        await _node.SendBodyAsync("PATCH", Raw, "{}", "Content-Type: application/vnd.kvstore.increment+json");
        Assert.Equal("b", (await _node.SendAsync("GET", Raw))["Kv-Meta-a"]);

        await _node.SendBodyAsync("PUT", Raw, "1");
        Assert.Null((await _node.SendAsync("GET", Raw))["Kv-Meta-a"]);
    }

    [Fact]
    public async Task A_repeated_request_may_order_its_headers_otherwise()
    {
        await _node.SendBodyAsync("PUT", Raw, "v", "Idempotency-Key: i", "Kv-Meta-a: 1", "Kv-Meta-b: 2");
        var again = await _node.SendBodyAsync("PUT", Raw, "v", "Idempotency-Key: i", "KV-META-B: 2", "Kv-Meta-A: 1");
        var other = await _node.SendBodyAsync("PUT", Raw, "v", "Idempotency-Key: i", "Kv-Meta-a: 1");

        Assert.Equal((201, "true"), (again.Status, again["Idempotency-Replayed"]));
        Assert.Equal((422, "idempotency-mismatch"), (other.Status, other.Problem.Code));
    }

    [Fact]
    public async Task All_of_them_have_a_limit_and_the_largest_fit()
    {
        var longest = "Kv-Meta-a: " + new string('x', 2047);
        Assert.Equal(201, (await _node.SendBodyAsync("PUT", Raw, "v", longest)).Status);
        Assert.Equal(2047, (await _node.SendAsync("GET", Raw))["Kv-Meta-a"]!.Length);
        Assert.Equal(400, (await _node.SendBodyAsync("PUT", Raw, "v", longest + "x")).Status);
        string[] many = [.. Enumerable.Range(0, 32).Select(number => $"Kv-Meta-{number}: {number}")];
        Assert.Equal(204, (await _node.SendBodyAsync("PUT", Raw, "v", many)).Status);
        Assert.Equal("31", (await _node.SendAsync("GET", Raw))["Kv-Meta-31"]);
        Assert.Equal(400, (await _node.SendBodyAsync("PUT", Raw, "v", [.. many, "Kv-Meta-32: 32"])).Status);
        var put = (Operation.Put)((Command.Change)_node.Partitions.Commands.First()).Operation;
        Assert.True(put.Metadata.Length <= CommandFormat.MaxMetadataBytes);
    }

    [Theory]
    [InlineData("PUT", "Kv-Meta-: a")]
    [InlineData("PUT", "Kv-Meta-a: b\r\nkv-meta-A: b")]
    [InlineData("PUT", "Kv-Meta-a: b\tc")]
    [InlineData("GET", "Kv-Meta-a: b")]
    [InlineData("HEAD", "Kv-Meta-a: b")]
    [InlineData("DELETE", "Kv-Meta-a: b")]
    [InlineData("PATCH", "Content-Type: application/merge-patch+json\r\nKv-Meta-a: b")]
    public async Task What_cannot_be_kept_is_refused(string method, string header)
    {
        var answer = await _node.SendAsync(method, Raw, header);

        Assert.Equal(400, answer.Status);
        Assert.Empty(_node.Partitions.Commands);
    }

    [Fact]
    public async Task A_name_beyond_255_characters_is_refused()
    {
        var name = new string('n', 255);
        Assert.Equal(201, (await _node.SendBodyAsync("PUT", Raw, "v", $"Kv-Meta-{name}: a")).Status);
        Assert.Equal("a", (await _node.SendAsync("GET", Raw))["Kv-Meta-" + name]);
        Assert.Equal(400, (await _node.SendBodyAsync("PUT", Raw, "v", $"Kv-Meta-{name}n: a")).Status);
    }

    private Task<RawResponse> ManyAsync(string target, string list, string operation) =>
        _node.PostAsync(target, $$"""{"{{list}}":[{{operation}}]}""");
}
