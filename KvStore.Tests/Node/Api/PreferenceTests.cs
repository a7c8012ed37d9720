using KvStore.Core.Primitives;
using KvStore.Node.Replication;

namespace KvStore.Tests.Node.Api;

/// <summary>What the answer to a write carries, by <c>Prefer: return=</c> (RFC 7240).</summary>
public sealed class PreferenceTests : IAsyncLifetime
{
    private const string Raw = "/buckets/default/keys/k";
    private const string Minimal = "return=minimal";
    private const string Representation = "return=representation";
    private ApiNode _node = null!;

    public async ValueTask InitializeAsync() => _node = await ApiNode.StartAsync();

    public ValueTask DisposeAsync() => _node.DisposeAsync();

    [Theory]
    [InlineData("POST", "/v1/k", "{\"value\":1}", "application/json")]
    [InlineData("PATCH", "/v1/k", "{}", "application/vnd.kvstore.increment+json")]
    [InlineData("PATCH", Raw, "{}", "application/merge-patch+json")]
    [InlineData("PUT", Raw, "2", "text/plain")]
    [InlineData("POST", "/v1/k?touch&ttl=1h", "", "text/plain")]
    public async Task Minimal_is_no_body(string method, string target, string body, string type)
    {
        await _node.SendBodyAsync("PUT", Raw, "1");

        var answer = await _node.SendBodyAsync(method, target, body, "Content-Type: " + type, "Prefer: " + Minimal);
        Assert.Equal((204, "", Minimal), (answer.Status, answer.Body, answer["Preference-Applied"]));
        Assert.Equal(("2", null), (answer["Kv-Version"], answer["Content-Type"]));
        Assert.NotNull(answer["ETag"]);
        Assert.Equal(204, (await _node.SendAsync("DELETE", "/v1/k", "Prefer: " + Minimal)).Status);
    }

    [Fact]
    public async Task Representation_is_the_entry_in_the_face_of_the_path()
    {
        var raw = await _node.SendBodyAsync("PUT", Raw, "v", "Content-Type: text/x", "Prefer: " + Representation);
        Assert.Equal((201, "v", "text/x"), (raw.Status, raw.Body, raw["Content-Type"]));
        Assert.Equal((Representation, Raw), (raw["Preference-Applied"], raw["Location"]));
        var json = await _node.SendBodyAsync("PUT", "/v1/k", "w", "Content-Type: text/x", "Prefer: " + Representation);
        Assert.Equal(
            (200, """{"key":"k","value":"w","contentType":"text/x","version":2}"""), (json.Status, json.Body));
        var meta = await _node.SendBodyAsync("PUT", Raw + "?format=meta", "x", "Prefer: " + Representation);
        Assert.Equal((200, 1), (meta.Status, meta.Json.GetProperty("size").GetInt32()));
        var touched = await _node.SendAsync("POST", Raw + "?touch&ttl=1h", "Prefer: " + Representation);
        Assert.Equal((200, "x"), (touched.Status, touched.Body));
    }

    [Fact]
    public async Task A_repeated_write_represents_what_it_stored()
    {
        foreach (var _ in new[] { 1, 2 })
        {
            var put = await _node.SendBodyAsync(
                "PUT", Raw, "v", "Prefer: " + Representation, "Idempotency-Key: i", "Kv-Meta-a: b");
            Assert.Equal((201, "v", "b"), (put.Status, put.Body, put["Kv-Meta-a"]));
            await _node.SendBodyAsync("PUT", Raw, "w");
        }
    }

    [Theory]
    [InlineData("respond-async")]
    [InlineData("return")]
    [InlineData("return=")]
    [InlineData("return=everything")]
    [InlineData("wait=10, foo; return=minimal")]
    public async Task A_preference_that_is_not_known_is_ignored(string prefer)
    {
        var answer = await _node.PostAsync("/v1/k", """{"value":1}""", "Prefer: " + prefer);

        Assert.Equal((200, null), (answer.Status, answer["Preference-Applied"]));
        Assert.NotEmpty(answer.Body);
    }

    [Theory]
    [InlineData("Prefer: wait=10, return=minimal")]
    [InlineData("Prefer: wait=10\r\nPrefer: Return = \"minimal\"; a=b")]
    [InlineData("Prefer: return=minimal, return=representation")]
    public async Task The_first_of_several_counts(string header) =>
        Assert.Equal(204, (await _node.PostAsync("/v1/k", """{"value":1}""", header)).Status);

    [Fact]
    public async Task A_representation_waits_for_a_majority_and_an_envelope_need_not()
    {
        var version = new KeyVersion(new Term(2), new LogIndex(9));
        await _node.SendBodyAsync("PUT", Raw + "?ack=one", "v", "Prefer: " + Representation);
        _node.Partitions.OnWrite = (_, _) => new(new WriteOutcome.Flushed(version, 1, 3));
        var posted = await _node.PostAsync("/v1/k?ack=one", """{"value":1}""");

        Assert.Equal([Ack.Quorum, Ack.One], _node.Partitions.Acks);
        Assert.Equal("""{"key":"k","value":1,"version":9}""", posted.Body);
    }
}
