using System.Text;

namespace KvStore.Tests.Node.Api;

/// <summary>Anything at all over a socket: never a 500, and never the end.</summary>
public sealed class HttpFuzzTests(ITestOutputHelper output)
{
    private const int Requests = 400;

    /// <summary>A request that is cut short would be waited for; a whole one is answered long before.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(150);

    private static readonly string[] Methods =
        ["GET", "HEAD", "PUT", "POST", "DELETE", "OPTIONS", "PATCH", "TRACE", "CONNECT", "get", "", "P\0T", "M-SEARCH"];

    private static readonly string[] Targets =
    [
        "/v1/k", "/v1/", "/v1", "/", "*", "/v1/%", "/v1/%00", "/v1/a/../b", "//", "http://h/v1/k", "/ready", "?",
        "/buckets/default/keys/k", "/buckets/default/keys", "/buckets/b/keys/%", "/buckets/%/keys/k", "/buckets//",
    ];

    private static readonly string[] Queries =
    [
        "?consistency=eventual", "?ack=one", "?timeout=1ms", "?x", "?a=b&a=b", "?%zz=%", "?ack=%6fne", "?key=k",
        "?key64=aw", "?key64=%", "?ack=one&key=%zz",
    ];

    private static readonly string[] Headers =
    [
        "Content-Type: application/json", "Content-Type: text/plain", "Content-Type: \"", "Content-Type:",
        "Accept: */*",
        "Accept: ,;q=", "Accept: text/html", "If-Match: *", "If-Match: \"0000000000c0ffee-1-1\"", "If-Match: \"",
        "If-Match: ,",
        "If-None-Match: *", "If-None-Match: W/", "Idempotency-Key: a", "Idempotency-Key: b", "Idempotency-Key: \t",
        "Kv-Ack: all", "Kv-Ack: ", "Kv-Timeout: 1ms", "Kv-Timeout: 0x1", "Kv-Forward: never", "Kv-X: y", "Kv-: y",
        "Kv-Consistency: eventual", "Kv-Hop-Request-Id: h", "Content-Encoding: gzip", "Expect: 100-continue",
        "Transfer-Encoding: chunked", "Content-Length: 5", "Content-Length: -5", "Connection: upgrade", "Upgrade: h2c",
        "If-Modified-Since: x", "Range: bytes=0-", ": empty", "no colon", "X: \u00ff",
    ];

    private static readonly string[] Bodies =
    [
        "", "x", "{}", "{\"value\":1}", "{\"value\":{\"a\":[1,2,{\"a\":null}]}}", "{\"value\":",
        "{\"base64\":\"AA==\"}",
        "{\"value\":\"\\ud800\"}", "[[[[", "\0\0\0", "5\r\nhello\r\n0\r\n\r\n", "-1\r\n", "null", "{\"value\":1e400}",
    ];

    [Theory]
    [InlineData(1)]
    [InlineData(20260)]
    public async Task Nothing_that_is_sent_is_answered_by_500_or_the_end(int seed)
    {
        output.WriteLine($"seed {seed}");
        await using var node = await ApiNode.StartAsync();
        var random = new Random(seed);
        var statuses = new SortedDictionary<int, int>();
        for (var count = 0; count < Requests; count++)
        {
            var request = Make(random);
            var answer = await RawHttp.SendAsync(node.Address, request, Patience);
            Assert.True(answer.Status is 0 or (>= 200 and < 500) or 503 or 504 or 505, Describe(seed, request, answer));
            statuses[answer.Status] = statuses.GetValueOrDefault(answer.Status) + 1;
        }

        output.WriteLine(string.Join(", ", statuses.Select(pair => $"{pair.Key}: {pair.Value}")));
        Assert.True(statuses.Count >= 8, "The requests are too much alike.");
        Assert.Empty(node.Crashes);
        Assert.Equal(200, (await node.PostAsync("/v1/k", """{"value":1}""")).Status);
    }

    private static byte[] Make(Random random)
    {
        var isSane = random.Next(4) > 0;    // three in four get past the server's own parser
        var method = isSane ? Methods[random.Next(6)] : Pick(random, Methods);
        var target = isSane && random.Next(2) == 0 ? "/v1/k" + random.Next(4) : Pick(random, Targets);
        if (random.Next(3) == 0)
            target += Pick(random, Queries);
        var headers = Enumerable.Range(0, random.Next(5)).Select(_ => Pick(random, Headers)).ToList();
        var body = Pick(random, Bodies);
        if (isSane)
        {
            headers.RemoveAll(header => header.StartsWith("Content-Length", StringComparison.Ordinal));
            headers.Add($"Content-Length: {body.Length}");
        }

        byte[] request = [.. RawHttp.Head(method, target, headers), .. Encoding.Latin1.GetBytes(body)];
        if (random.Next(8) == 0)
            request[random.Next(request.Length)] = (byte)random.Next(256);
        return random.Next(16) == 0 ? request[..random.Next(request.Length)] : request;
    }

    private static string Describe(int seed, byte[] request, RawResponse answer) =>
        $"seed {seed}: {Encoding.Latin1.GetString(request)}\n=> {answer.Status} {answer.Body}";

    private static string Pick(Random random, string[] from) => from[random.Next(from.Length)];
}
