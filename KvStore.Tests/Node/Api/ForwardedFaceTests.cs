namespace KvStore.Tests.Node.Api;

/// <summary>A node that is not the primary comes to the answer that the primary would give.</summary>
public sealed class ForwardedFaceTests : IAsyncLifetime
{
    private const string Raw = "/buckets/default/keys/k";
    private static readonly string[] Changing = ["Date", "Kv-Request-Id"];
    private readonly FakeCluster _cluster = new();
    private ApiNode _other = null!;
    private ApiNode _primary = null!;

    public async ValueTask InitializeAsync()
    {
        _other = await ApiNode.StartAsync(_cluster, member: 1);
        _primary = await ApiNode.StartAsync(_cluster, member: 2);
        _cluster.MovePrimary(2);
    }

    public async ValueTask DisposeAsync()
    {
        await _other.DisposeAsync();
        await _primary.DisposeAsync();
    }

    [Theory]
    [InlineData(Raw, "X: y")]
    [InlineData(Raw, "Accept: application/vnd.kvstore.entry+json")]
    [InlineData(Raw, "Accept: image/png")]
    [InlineData(Raw, "Range: bytes=1-2\r\nWant-Content-Digest: sha-256")]
    [InlineData(Raw, "Range: bytes=1-2\r\nIf-Range: \"other\"")]
    [InlineData(Raw, "Range: bytes=90-")]
    [InlineData("/v1/k", "Accept: application/json;q=0.1, application/vnd.kvstore.entry+json")]
    [InlineData("/v1/k?format=meta", "X: y")]
    public async Task A_read_is_answered_alike(string target, string header)
    {
        await _primary.SendBodyAsync(
            "PUT", Raw, "0123456789", "Content-Type: text/plain", "Kv-Ttl: 1h", "Kv-Meta-a: b");

        foreach (var method in new[] { "GET", "HEAD" })
        {
            var (direct, forwarded) = (
                await _primary.SendAsync(method, target, header), await _other.SendAsync(method, target, header));
            Assert.Equal(direct.Status, forwarded.Status);
            Assert.Equal(WithoutTrace(direct), WithoutTrace(forwarded));
            Assert.Equal(Lines(direct), Lines(forwarded));
        }
    }

    [Fact]
    public async Task A_write_brings_all_that_it_says()
    {
        var put = await _other.SendBodyAsync(
            "PUT", Raw, "1", "Content-Type: text/plain", "Kv-Ttl: 1h", "Kv-Meta-A: b", "kv-meta-c: d, e",
            "Prefer: wait=1, return=representation");
        Assert.Equal((201, "1", "text/plain"), (put.Status, put.Body, put["Content-Type"]));
        Assert.Equal(
            ("node2", "b", "d, e", "return=representation"),
            (put["Kv-Served-By"], put["Kv-Meta-a"], put["Kv-Meta-c"], put["Preference-Applied"]));
        Assert.NotNull(put["Kv-Expires-At"]);

        var patched = await _other.SendBodyAsync(
            "PATCH", Raw, "{\"by\":4}", "Content-Type: application/vnd.kvstore.increment+json");
        Assert.Equal((200, """{"key":"k","value":5,"version":2}"""), (patched.Status, patched.Body));
        Assert.Equal(put["Kv-Expires-At"], patched["Kv-Expires-At"]);
        var touched = await _other.SendAsync("POST", Raw + "?touch&ttl=none");
        Assert.Equal((204, null), (touched.Status, touched["Kv-Expires-At"]));
        Assert.Equal((204, "node2"), (await _other.SendAsync("DELETE", Raw)) is var gone
            ? (gone.Status, gone["Kv-Served-By"]) : default);
    }

    [Fact]
    public async Task A_digest_is_verified_by_whoever_reads_the_body()
    {
        const string OfAbc = "Content-Digest: sha-256=:ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=:";

        Assert.Equal(201, (await _other.SendBodyAsync("PUT", Raw, "abc", OfAbc)).Status);
        Assert.Equal("digest-mismatch", (await _other.SendBodyAsync("PUT", Raw, "abd", OfAbc)).Problem.Code);
        Assert.Equal(1, _cluster.Applied);
    }

    private static string WithoutTrace(RawResponse answer) => answer.Status == 200 || answer.Body.Length == 0
        ? answer.Body
        : answer.Body.Split("\"traceId\"")[0];

    private static string[] Lines(RawResponse answer) =>
        [.. answer.Headers.Where(header => !Changing.Contains(header.Key))
            .Select(header => $"{header.Key}: {string.Join("|", header)}").Order()];
}
