using System.Text;
using System.Text.Json;
using KvStore.Contracts;

namespace KvStore.Tests.Cli;

public sealed class VerbTests
{
    private const string Etag = "\"00000000c0ffee00-1-42\"";

    [Theory]
    [InlineData("plain", "/v1/plain")]
    [InlineData("a/b", "/v1/a/b")]
    [InlineData("/leading", "/v1?key=%2Fleading")]
    [InlineData("a%2Fb", "/v1/a%252Fb")]
    [InlineData("100%", "/v1/100%25")]
    [InlineData("two words", "/v1/two%20words")]
    [InlineData("über/€", "/v1/%C3%BCber/%E2%82%AC")]
    [InlineData("a/../b", "/v1?key=a%2F..%2Fb")]
    [InlineData("..", "/v1?key=..")]
    [InlineData(".", "/v1?key=.")]
    [InlineData("", "/v1?key=")]
    [InlineData("q?x=1#y", "/v1/q%3Fx%3D1%23y")]
    [InlineData("@file", "/v1/%40file")]
    [InlineData("-5", "/v1/-5")]
    public async Task A_key_goes_out_encoded_and_otherwise_as_it_is(string key, string target)
    {
        await using var server = await FakeServer.StartAsync(204);

        Assert.Equal(0, await RunAsync(server, "put", "--", key, "value"));
        Assert.Equal(target, server.Target);
        if (KeyPath.Parse(server.Target) is KeyTarget.Key read)
            Assert.Equal(key, Encoding.UTF8.GetString(read.Bytes.Span));
        else
            Assert.Empty(key);    // no server takes it, and each says why
    }

    [Fact]
    public async Task Put_sends_all_that_was_asked_for()
    {
        await using var server = await FakeServer.StartAsync(
            201, headers: [("ETag", Etag), ("Kv-Version", "42"), ("Kv-Copies", "2/3"), ("Kv-Served-By", "node2")]);
        var terminal = new MemoryTerminal();

        Assert.Equal(0, await RunAsync(
            server, terminal, "put", "k", "{}",
            "--content-type", "application/json", "--ack", "all", "--if-match", "00000000c0ffee00-1-41"));
        Assert.Equal("PUT", server.Method);
        Assert.Equal("{}", Encoding.UTF8.GetString(server.Body));
        Assert.Equal("application/json", server.Headers["Content-Type"]);
        Assert.Equal("all", server.Headers["Kv-Ack"]);
        Assert.Equal("\"00000000c0ffee00-1-41\"", server.Headers["If-Match"]);
        Assert.Matches("^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-", server.Headers["Idempotency-Key"]);
        Assert.Equal(
            """{"key":"k","created":true,"version":42,"etag":"\"00000000c0ffee00-1-42\"","""
            + """
            "contentType":"application/json","copies":"2/3","servedBy":"node2"}
            """,
            terminal.Output.TrimEnd());
    }

    [Fact]
    public async Task Every_write_has_an_idempotency_key_of_its_own()
    {
        await using var server = await FakeServer.StartAsync(200, """{"key":"k","deleted":true}""");

        Assert.Equal(0, await RunAsync(server, "del", "k", "--if-match", "*"));
        Assert.Equal("DELETE", server.Method);
        Assert.Equal("*", server.Headers["If-Match"]);
        var first = server.Headers["Idempotency-Key"];
        Assert.Equal(0, await RunAsync(server, "delete", "k"));
        Assert.NotEqual(first, server.Headers["Idempotency-Key"]);
        Assert.Equal(0, await RunAsync(server, "put", "k", "v", "--if-none-match", "*"));
        Assert.Equal("*", server.Headers["If-None-Match"]);
        Assert.NotEqual(first, server.Headers["Idempotency-Key"]);
    }

    [Theory]
    [InlineData(new byte[] { 0, 1, 0xFF, 0xFE, 10 }, "application/octet-stream")]
    [InlineData(new byte[] { 0xC3, 0xBC, 10 }, "text/plain; charset=utf-8")]
    [InlineData(new byte[0], "text/plain; charset=utf-8")]
    public async Task Put_takes_the_value_from_standard_input_byte_for_byte(byte[] value, string type)
    {
        await using var server = await FakeServer.StartAsync(204);

        foreach (var args in (string[][])[["put", "k"], ["put", "k", "-"]])
        {
            Assert.Equal(0, await RunAsync(server, new MemoryTerminal { Input = value }, args));
            Assert.Equal(value, server.Body);
            Assert.Equal(type, server.Headers["Content-Type"]);
        }
    }

    [Theory]
    [InlineData("""{"key":"k","value":"line\n","contentType":"text/plain","version":1}""", "line\n")]
    [InlineData("""{"key":"k","value":"text","version":1}""", "\"text\"")]
    [InlineData("""{"key":"k","value":{"n": 1.50},"version":1}""", "{\"n\": 1.50}")]
    [InlineData("""{"key":"k","value":null,"version":1}""", "null")]
    [InlineData("""{"key":"k","value":"x","contentType":"application/ld+json","version":1}""", "\"x\"")]
    [InlineData("""{"key":"k","base64":"AAH/","contentType":"image/png","version":1}""", "\0\u0001ÿ")]
    public async Task Get_prints_into_a_pipe_the_bytes_that_were_stored(string answer, string latin1)
    {
        await using var server = await FakeServer.StartAsync(200, answer);

        foreach (var args in (string[][])[["get", "k"], ["get", "k", "-o", "raw"]])
        {
            var pipe = new MemoryTerminal();
            Assert.Equal(0, await RunAsync(server, pipe, args));
            Assert.Equal(Encoding.Latin1.GetBytes(latin1), pipe.OutputBytes);
        }
    }

    [Fact]
    public async Task Get_on_a_terminal_ends_the_line_and_keeps_bytes_that_are_no_text_away_from_it()
    {
        await using var text = await FakeServer.StartAsync(
            200, """{"key":"k","value":"v","contentType":"text/plain","version":1}""");
        await using var binary = await FakeServer.StartAsync(
            200, """{"key":"k","base64":"AAH/","contentType":"image/png","version":1}""");

        var terminal = new MemoryTerminal { IsOutputTerminal = true };
        Assert.Equal(0, await RunAsync(text, terminal, "get", "k"));
        Assert.Equal("v\n", terminal.Output.ReplaceLineEndings("\n"));

        terminal = new MemoryTerminal { IsOutputTerminal = true };
        Assert.Equal(1, await RunAsync(binary, terminal, "get", "k"));
        Assert.Empty(terminal.Output);
        Assert.Contains("3 bytes of image/png", terminal.Errors);
    }

    [Fact]
    public async Task Get_as_JSON_says_also_what_the_headers_say()
    {
        await using var server = await FakeServer.StartAsync(
            200,
            """{"key":"k","value":{"n":1},"version":7}""",
            headers:
            [
                ("ETag", Etag), ("Kv-Consistency", "eventual"), ("Kv-Staleness-Ms", "12"), ("Kv-Served-By", "node3"),
            ]);
        var terminal = new MemoryTerminal();

        Assert.Equal(0, await RunAsync(server, terminal, "get", "k", "--consistency", "eventual", "-o", "json"));
        Assert.Equal("eventual", server.Headers["Kv-Consistency"]);
        Assert.Equal(
            """{"key":"k","value":{"n":1},"contentType":"application/json","version":7,"""
            + """
            "etag":"\"00000000c0ffee00-1-42\"","consistency":"eventual","stalenessMs":12,"servedBy":"node3"}
            """,
            terminal.Output.TrimEnd());
    }

    [Theory]
    [InlineData("not-found", 3)]
    [InlineData("precondition-failed", 4)]
    [InlineData("no-quorum", 5)]
    [InlineData("not-ready", 5)]
    [InlineData("overloaded", 5)]
    [InlineData("draining", 5)]
    [InlineData("deadline-exceeded", 5)]
    [InlineData("route-not-found", 1)]
    [InlineData("key-invalid", 1)]
    [InlineData("value-too-large", 1)]
    [InlineData("internal", 1)]
    public async Task A_refusal_is_one_line_with_its_code_and_an_exit_code(string code, int exitCode)
    {
        var type = ProblemType.All.Single(candidate => candidate.Code == code);
        var problem = JsonSerializer.Serialize(Problem.Of(type, "Something\nhappened."), ContractsJson.Default.Problem);
        await using var server = await FakeServer.StartAsync(type.Status, problem, Problem.MediaType);

        foreach (var args in (string[][])[["get", "k"], ["put", "k", "v"], ["delete", "k"]])
        {
            var terminal = new MemoryTerminal();
            Assert.Equal(exitCode, await RunAsync(server, terminal, args));
            Assert.Equal($"kv: {type.Title}: Something happened ({code}).", terminal.Errors.TrimEnd());
            Assert.Empty(terminal.Output);
        }
    }

    [Fact]
    public async Task A_write_that_may_have_happened_says_so()
    {
        var problem = Problem.Of(ProblemType.DeadlineExceeded, applied: Applied.Unknown);
        await using var server = await FakeServer.StartAsync(
            504, JsonSerializer.Serialize(problem, ContractsJson.Default.Problem), Problem.MediaType);
        var terminal = new MemoryTerminal();

        Assert.Equal(5, await RunAsync(server, terminal, "put", "k", "v"));
        Assert.Contains("Whether the write was applied is not known.", terminal.Errors);
    }

    [Fact]
    public async Task Where_JSON_was_asked_for_a_refusal_is_JSON_too()
    {
        var problem = Problem.Of(ProblemType.PreconditionFailed, "It has\nanother.") with { CurrentEtag = Etag };
        await using var server = await FakeServer.StartAsync(
            412, JsonSerializer.Serialize(problem, ContractsJson.Default.Problem), Problem.MediaType);
        var terminal = new MemoryTerminal();

        Assert.Equal(4, await RunAsync(server, terminal, "put", "k", "v", "-o", "json"));
        Assert.Empty(terminal.Output);
        Assert.Equal(
            """{"error":"The stored version is different: It has another (precondition-failed). The ETag is """
            + """\"00000000c0ffee00-1-42\".","exitCode":4,"code":"precondition-failed","applied":"no"}""",
            terminal.Errors.TrimEnd());
    }

    [Fact]
    public async Task Where_JSON_was_asked_for_a_wrong_command_line_is_explained_in_JSON_too()
    {
        var terminal = new MemoryTerminal();

        Assert.Equal(2, await terminal.RunAsync("get", "key", "--output=json", "--consistency", "stong"));
        using var line = JsonDocument.Parse(terminal.Errors);
        Assert.Equal(2, line.RootElement.GetProperty("exitCode").GetInt32());
        Assert.EndsWith("`kv get --help` says what is taken.", line.RootElement.GetProperty("error").GetString());
    }

    [Theory]
    [InlineData(502, 5)]
    [InlineData(404, 1)]
    [InlineData(302, 1)]
    public async Task Somebody_elses_answer_is_told_from_a_refusal(int status, int exitCode)
    {
        await using var server = await FakeServer.StartAsync(status, "<html>", "text/html");
        var terminal = new MemoryTerminal();

        Assert.Equal(exitCode, await RunAsync(server, terminal, "get", "k"));
        Assert.Contains("is it a KvStore?", terminal.Errors);
    }

    [Theory]
    [InlineData(200, "healthy", 0)]
    [InlineData(200, "degraded", 0)]
    [InlineData(503, "unavailable", 5)]
    public async Task Status_says_how_the_cluster_is_also_by_its_exit_code(int status, string word, int exitCode)
    {
        var health = new ClusterHealth(word, [new NodeHealth("node1", "http://10.0.0.1:8001", "down", 64)], 3);
        await using var server = await FakeServer.StartAsync(
            status, JsonSerializer.Serialize(health, ContractsJson.Default.ClusterHealth));

        var terminal = new MemoryTerminal();
        Assert.Equal(exitCode, await RunAsync(server, terminal, "status", "-o", "raw"));
        Assert.Equal("/health", server.Target);
        Assert.Equal(word, terminal.Output.TrimEnd());

        var table = new MemoryTerminal();
        Assert.Equal(exitCode, await RunAsync(server, table, "status", "-o", "table"));
        Assert.Contains(word, table.Output);
        Assert.Matches("1 node1 +down +64 .*http://10.0.0.1:8001", table.Output);
        Assert.DoesNotContain('\u001b', table.Output);
    }

    private static Task<int> RunAsync(FakeServer server, params string[] args) =>
        RunAsync(server, new MemoryTerminal(), args);

    private static Task<int> RunAsync(FakeServer server, MemoryTerminal terminal, params string[] args)
    {
        terminal.Variables["KVSTORE_SERVER"] = server.Url;
        return terminal.RunAsync(args);
    }
}
