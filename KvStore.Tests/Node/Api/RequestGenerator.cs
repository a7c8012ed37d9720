using System.Text;

namespace KvStore.Tests.Node.Api;

/// <summary>
/// Makes requests over the whole of the API: right ones, and such that something of is wrong. Each is framed as it
/// says,
/// or in a way that must be refused, so that it is known where the next one begins.
/// </summary>
internal sealed class RequestGenerator(Random random)
{
    private sealed record Form(string[] Methods, string[] Targets, string[] Types, string[] Bodies);

    private static readonly string[] Methods =
        ["GET", "HEAD", "PUT", "POST", "PATCH", "DELETE", "OPTIONS", "TRACE", "FOO", "get", "CONNECT"];

    private const string Json = "application/json";

    private static readonly string[] Values = ["v", "", "12", "{\"a\":[1,2]}", "\0\u00ff", "9223372036854775807"];

    private static readonly string[] Entries =
    [
        """{"value":1}""", """{"value":{"a":[1,{"b":null}]},"ttl":"1h"}""", """{"value":"text"}""",
        """{"base64":"AAEC","contentType":"image/png"}""",
    ];

    private static readonly string[] Keys = ["/v1/k0", "/v1/k1", "/v1/a%2Fb", "/v1?key=k0", "/v1?key64=azA"];

    private static readonly string[] RawKeys =
        ["/buckets/default/keys/k0", "/buckets/b0/keys/k1", "/buckets/b1/keys?key=a", "/buckets/none/keys/k"];

    private static readonly Form[] Forms =
    [
        new(["GET", "HEAD", "DELETE", "OPTIONS"], [.. Keys, .. RawKeys], [], []),
        new(["PUT"], [.. Keys, .. RawKeys], ["text/plain", Json, "image/png"], Values),
        new(["POST"], [.. Keys, "/v1", "/v1/"], [Json], Entries),
        new(["POST", "PUT"], [.. RawKeys, "/buckets/b0/keys"], ["application/vnd.kvstore.entry+json"], Entries),
        new(["POST"], ["/v1/k0?touch", "/buckets/b0/keys/k1?touch&ttl=1h", "/v1/k1?touch&ttl=2s"], [], []),
        new(
            ["PATCH"],
            [.. Keys, .. RawKeys],
            ["application/merge-patch+json", "application/vnd.kvstore.increment+json"],
            ["""{"by":1}""", """{"by":-5,"initial":7}""", """{"a":{"b":null},"c":1}"""]),
        new(
            ["GET", "HEAD", "DELETE", "OPTIONS"],
            ["/v1", "/buckets/b0/keys", "/v1?prefix=k", "/v1?prefix=&dry_run=true"],
            [],
            []),
        new(["GET", "HEAD"], ["/buckets", "/buckets/b0", "/buckets/default", "/buckets?limit=1"], [], []),
        new(
            ["PUT", "PATCH", "DELETE"],
            ["/buckets/b0", "/buckets/b1", "/buckets/b2"],
            [Json, "application/merge-patch+json"],
            ["{}", """{"maxValueBytes":100}""", """{"defaultTtl":"1h","cacheControl":"max-age=5"}"""]),
        new(
            ["POST"],
            ["/buckets/default/batch", "/buckets/b0/batch", "/buckets/b1/batch?stop_on_error=true"],
            [Json],
            [
                """{"ops":[{"op":"get","key":"k0"},{"op":"put","key":"k1","value":{"n":1},"ttl":"60s"}]}""",
                """{"ops":[{"op":"delete","key":"k1"},{"op":"increment","key":"n","by":1,"initial":3}]}""",
                """{"ops":[{"op":"put","key64":"azA","base64":"AAEC","contentType":"image/png","ifNoneMatch":"*"}]}""",
                """{"ops":[{"op":"touch","key":"k0","ttl":"1h"},{"op":"merge","key":"k1","patch":{"a":1}}]}""",
            ]),
        new(
            ["POST"],
            ["/buckets/default/txn", "/buckets/b0/txn"],
            [Json],
            [
                """{"if":[{"key":"k0","exists":false}],"then":[{"op":"put","key":"k0","value":1}],"else":[]}""",
                """{"if":[{"key":"n","version":{"gt":3}},{"key":"s","value":1}],"then":[{"op":"get","key":"s"}]}""",
                """{"then":[{"op":"increment","key":"n"},{"op":"put","key":"{t}","value":0}]}""",
                """{"if":[{"key":"k1","etag":"\"0000000000c0ffee-1-1\""}],"then":[{"op":"delete","key":"k1"}]}""",
            ]),
        new(["GET"], ["/buckets/default/watch", "/buckets/b0/watch?since=now&kinds=put"], [], []),
        new(["GET"], ["/buckets/default/export", "/buckets/b0/export?prefix=k"], [], []),
        new(
            ["POST"],
            ["/buckets/default/import", "/buckets/b0/import?mode=create", "/buckets/b1/import?first_line=3"],
            ["application/x-ndjson"],
            [
                "{\"key\":\"k0\",\"value\":1}\n{\"key\":\"k1\",\"value\":\"t\",\"contentType\":\"text/plain\"}\n",
                "{\"key64\":\"azA\",\"base64\":\"AAEC\",\"meta\":{\"a\":\"b\"},\"expires\":\"2030-01-01T00:00:00Z\"}",
                "{\"cursor\":\"x\"}\n\n{\"key\":\"a\",\"value\":{}}\n{\"end\":true,\"count\":1,\"snapshot\":\"x\"}\n",
            ]),
        new(
            ["GET", "HEAD"],
            ["/nowhere", "/buckets/b0/nothing", "/v2/a", "/buckets//keys/a", "/buckets/b0/keys/"],
            [],
            []),
    ];

    private static readonly string[] Queries =
    [
        "consistency=eventual", "consistency=strong", "consistency=bounded", "max_staleness=5s", "ack=one", "ack=all",
        "timeout=1s", "timeout=1ms", "timeout=0", "ttl=1h", "ttl=0", "format=raw", "format=json", "format=meta",
        "touch",
        "prefix=k", "prefix=%ff", "start=a", "end=b", "delimiter=/", "limit=1", "limit=0", "order=desc", "values=full",
        "values=meta", "count=true", "cursor=x", "confirm=0", "confirm=2", "dry_run=true", "stop_on_error=true",
        "mode=create", "first_line=2", "since=now", "since=x", "kinds=put,delete", "heartbeat=1s", "key=%zz", "key=",
        "key64=%", "x", "=", "&", "%00=%00", "consistency=%65ventual", "timeout=%31s", "prefix=\u00e9",
    ];

    private static readonly string[] Headers =
    [
        "Accept: */*", "Accept: application/json", "Accept: text/html", "Accept: ,;q=", "Accept: application/x-ndjson",
        "Accept: application/vnd.kvstore.entry+json", "Accept: text/event-stream", "If-Match: *", "If-None-Match: *",
        "If-Match: \"0000000000c0ffee-1-1\"", "If-Match: ", "If-Match: W/\"a\"", "If-None-Match: \"a\"",
        "If-Modified-Since: Sat, 01 Jan 2000 00:00:00 GMT", "If-Range: \"a\"", "Range: bytes=0-0", "Range: bytes=-1",
        "Range: bytes=5-1", "Range: lines=1", "Idempotency-Key: a",
        "Idempotency-Key: 0192d6a0-0000-7000-8000-000000000000",
        "Idempotency-Key: ", "Idempotency-Key: a b", "Kv-Ack: one", "Kv-Ack: all", "Kv-Ack: ", "Kv-Timeout: 1s",
        "Kv-Timeout: 1ms", "Kv-Timeout: x", "Kv-Forward: never", "Kv-Consistency: eventual", "Kv-Consistency: session",
        "Kv-Consistency: ", "Kv-Hop-Request-Id: h", "Kv-Session: ", "Kv-Session: AQ", "Kv-Ttl: 1h", "Kv-Ttl: keep",
        "Kv-Ttl: none", "Kv-Ttl: -1", "Kv-Meta-a: b", "Kv-Meta-: b", "Kv-Meta-a: %00", "Kv-Version: 1", "Kv-X: y",
        "Prefer: return=representation", "Prefer: return=minimal, wait=0", "Prefer: wait=0", "Prefer: =;,",
        "Prefer: wait=x",
        "Content-Digest: sha-256=:AA==:", "Content-Digest: x=:", "Want-Content-Digest: sha-256=10",
        "Cache-Control: max-age=5", "Cache-Control: max-age=x", "Last-Event-ID: x", "Expect: 100-continue",
        "Connection: upgrade", "Upgrade: h2c", "Connection: Kv-Ack, If-Match", "TE: trailers", "Trailer: X",
        "Content-Encoding: gzip", "Content-Encoding: ", "Content-Type: text/plain", "Content-Type: \"",
        "Content-Type: ",
        "X-Forwarded-For: 10.0.0.1", "Forwarded: for=x", "Origin: http://x", "X: \u00e9",
        "Cookie: a=b", "Authorization: Bearer x", "traceparent: 00-x", "Kv-Forward: x",
    ];

    private static readonly string[] Pieces =
    [
        "\"", "{", "}", "[", "]", ",", ":", "\\ud800", "\\u0000", "1e999", "-", "null", "true", "\0", "\u00ff",
        "\u00ef\u00bb\u00bf", "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", "9223372036854775808", "NaN",
        "\n", "\r\n", " ",
        "\"a\":1,", "0", "\"key\":\"\"", "\"ttl\":\"0\"", "{}", "[]", "\"\"",
    ];

    private static readonly string[] TargetPieces =
        ["%2F", "%00", "%zz", "%", "//", "/../", "/./", "%2e", "\\", "%5c", "#", "?", "&", "=", "%FF", "\u00e9",
         "*", "/", "é"];

    /// <summary>Makes one more.</summary>
    public (string Method, byte[] Request) Next()
    {
        var form = Pick(Forms);
        var method = random.Next(12) == 0 ? Pick(Methods) : Pick(form.Methods);
        var head = new StringBuilder($"{method} {TargetOf(form)} HTTP/1.1\r\nHost: localhost\r\n");
        for (var count = random.Next(4); count > 0; count--)
            head.Append(Pick(Headers)).Append("\r\n");
        var hasBody = form.Bodies.Length > 0 && random.Next(12) > 0;
        if (!hasBody && random.Next(20) > 0)
            return (method, Bytes(head.Append("\r\n").ToString()));
        if (form.Types.Length > 0 && random.Next(12) > 0)
            head.Append($"Content-Type: {Pick(form.Types)}\r\n");
        var body = hasBody ? Pick(form.Bodies) : Pick(Pieces);
        for (var times = random.Next(3); times > 0; times--)
            body = Mutate(body, Pieces);
        return (method, Bytes(Frame(head, body)));
    }

    private string TargetOf(Form form)
    {
        var target = Pick(form.Targets);
        for (var count = random.Next(3); count > 0 && random.Next(2) == 0; count--)
            target += (target.Contains('?', StringComparison.Ordinal) ? "&" : "?") + Pick(Queries);
        return random.Next(10) == 0 ? Mutate(target, TargetPieces) : target;
    }

    private string Frame(StringBuilder head, string body)
    {
        switch (random.Next(24))
        {
            case 0:    // refused, whatever is in it
                head.Append($"Content-Length: {random.Next(9)}\r\nTransfer-Encoding: chunked\r\n\r\n");
                return head.Append(Chunks(body)).ToString();
            case 1:
                head.Append("Transfer-Encoding: gzip, chunked\r\n\r\n");
                return head.Append(Chunks(body)).ToString();
            case < 6:
                return head.Append("Transfer-Encoding: chunked\r\n\r\n").Append(Chunks(body)).ToString();
            default:
                return head.Append($"Content-Length: {body.Length}\r\n\r\n").Append(body).ToString();
        }
    }

    private string Chunks(string body)
    {
        var chunks = new StringBuilder();
        while (body.Length > 0)
        {
            var size = random.Next(1, body.Length + 1);
            chunks.Append($"{size:x}{(random.Next(8) == 0 ? ";a=b" : "")}\r\n{body[..size]}\r\n");
            body = body[size..];
        }

        return chunks.Append("0\r\n").Append(random.Next(8) == 0 ? "X: trailer\r\n" : "").Append("\r\n").ToString();
    }

    private string Mutate(string text, string[] pieces)
    {
        var (at, other) = (random.Next(text.Length + 1), random.Next(text.Length + 1));
        var (from, to) = (Math.Min(at, other), Math.Max(at, other));
        return random.Next(5) switch
        {
            0 => text[..at],
            1 => text[..from] + text[to..],
            2 => text[..to] + text[from..],
            3 when text.Length > at => text[..at] + (char)random.Next(1, 256) + text[(at + 1)..],
            _ => text[..at] + Pick(pieces) + text[at..],
        };
    }

    private static byte[] Bytes(string text) => Encoding.Latin1.GetBytes(text);

    private T Pick<T>(T[] from) => from[random.Next(from.Length)];
}
