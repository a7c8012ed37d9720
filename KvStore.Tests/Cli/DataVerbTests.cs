using System.Text;

namespace KvStore.Tests.Cli;

/// <summary>The verbs for buckets and many keys: what they send, what they print, how they end.</summary>
public sealed class DataVerbTests
{
    [Fact]
    public async Task A_bucket_goes_into_the_path_of_every_verb_of_a_key()
    {
        await using var server = await FakeServer.StartAsync(
            200, """{"key":"a/b","value":1,"version":7}""", headers: [("Kv-Expires-At", "2026-05-01T00:00:00.000Z")]);
        var terminal = new MemoryTerminal();

        Assert.Equal(0, await RunAsync(server, terminal, "get", "a/b", "--bucket", "pics"));
        Assert.Equal("/buckets/pics/keys/a/b?format=json", server.Target);
        Assert.Equal("1", terminal.Output);
        Assert.Equal(0, await RunAsync(server, new(), "put", ".", "v", "-b", "pics", "--ttl", "60s"));
        Assert.Equal(("/buckets/pics/keys?key=.", "60s"), (server.Target, server.Headers["Kv-Ttl"]));
        Assert.Equal(0, await RunAsync(server, new(), "delete", "k", "-b", "pics"));
        Assert.Equal(("DELETE", "/buckets/pics/keys/k"), (server.Method, server.Target));
        Assert.Equal(2, await RunAsync(server, terminal, "get", "k", "--bucket", "Pics"));
        Assert.Contains("63 characters", terminal.Errors);
    }

    [Fact]
    public async Task Incr_adds_and_prints_the_sum()
    {
        await using var server = await FakeServer.StartAsync(
            200, """{"key":"n","value":42,"version":9}""", headers: [("ETag", "\"t\"")]);
        var terminal = new MemoryTerminal();

        Assert.Equal(0, await RunAsync(server, terminal, "incr", "n", "-3", "--initial", "10"));
        Assert.Equal(("PATCH", "/v1/n"), (server.Method, server.Target));
        Assert.Equal("application/vnd.kvstore.increment+json", server.Headers["Content-Type"]);
        Assert.Equal("""{"by":-3,"initial":10}""", Encoding.UTF8.GetString(server.Body));
        Assert.Contains("-7", server.Headers["Idempotency-Key"]);
        Assert.Equal("42", terminal.Output.TrimEnd());
        Assert.Equal(2, await RunAsync(server, new(), "incr", "n", "much"));
    }

    [Fact]
    public async Task Touch_sends_the_time_alone()
    {
        await using var server = await FakeServer.StartAsync(
            200, """{"key":"k","value":1,"version":9}""", headers: [("Kv-Version", "9"), ("ETag", "\"t\"")]);
        var terminal = new MemoryTerminal();

        Assert.Equal(0, await RunAsync(server, terminal, "touch", "k", "2h"));
        Assert.Equal(("POST", "/v1/k?touch", "2h"), (server.Method, server.Target, server.Headers["Kv-Ttl"]));
        Assert.Empty(server.Body);
        Assert.Equal("""{"key":"k","version":9,"etag":"\"t\""}""", terminal.Output.TrimEnd());
    }

    [Fact]
    public async Task Ls_asks_for_what_was_selected_and_prints_keys()
    {
        await using var server = await FakeServer.StartAsync(
            200,
            """{"items":[{"key":"a b","etag":"\"t\"","size":3}],"prefixes":["dir/"],"cursor":null,"snapshot":"s"}""");
        var terminal = new MemoryTerminal();

        Assert.Equal(0, await RunAsync(
            server, terminal, "ls", "a", "--delimiter", "/", "-r", "--start", "a", "--end", "b&c", "-n", "5"));
        Assert.Equal(
            "/buckets/default/keys?limit=5&prefix=a&start=a&end=b%26c&delimiter=%2F&order=desc", server.Target);
        Assert.Equal(["a b", "dir/"], terminal.Output.TrimEnd().Split('\n'));
    }

    [Fact]
    public async Task Txn_sends_standard_input_and_tells_by_its_exit_code_whether_it_succeeded()
    {
        const string body = """{"then":[{"op":"delete","key":"k"}]}""";
        await using var done = await FakeServer.StartAsync(200, """{"succeeded":true,"results":[]}""");
        await using var not = await FakeServer.StartAsync(200, """{"succeeded":false,"results":[]}""");
        var terminal = new MemoryTerminal { Input = Encoding.UTF8.GetBytes(body) };

        Assert.Equal(0, await RunAsync(done, terminal, "txn", "--bucket", "b"));
        Assert.Equal(("/buckets/b/txn", body), (done.Target, Encoding.UTF8.GetString(done.Body)));
        Assert.Equal("""{"succeeded":true,"results":[]}""", terminal.Output.TrimEnd());
        Assert.Equal(4, await RunAsync(not, new MemoryTerminal(), "txn"));
        var raw = new MemoryTerminal();
        Assert.Equal(4, await RunAsync(not, raw, "txn", "-o", "raw"));
        Assert.Equal("false", raw.Output.TrimEnd());
        var wrong = new MemoryTerminal();
        Assert.Equal(2, await RunAsync(done, wrong, "txn", "/no/such/file"));
        Assert.Contains("cannot be read", wrong.Errors);
    }

    [Fact]
    public async Task Txn_as_a_table_shows_what_came_of_each_operation()
    {
        await using var server = await FakeServer.StartAsync(
            200,
            """
            {"succeeded":true,"version":"9","results":[{"status":200,"key":"a [b]","value":{"n":1},"version":7},
            {"status":204,"key":"gone"}]}
            """);
        var terminal = new MemoryTerminal();

        Assert.Equal(0, await RunAsync(server, terminal, "txn", "-o", "table"));
        Assert.Matches("succeeded +yes", terminal.Output);
        Assert.Matches("""a \[b\] +200 +7 +\{"n":1\}""", terminal.Output);
        Assert.Matches("gone +204", terminal.Output);
    }

    [Theory]
    [InlineData("table", "^[0-9]{2}:[0-9]{2}:[0-9]{2}  delete  k  3$")]
    [InlineData("raw", "^k$")]
    public async Task Watch_prints_changes_also_for_people_and_for_loops(string format, string line)
    {
        const string stream = "id: c1\nevent: delete\ndata: {\"key\":\"k\",\"version\":3}\n\n"
            + "event: end\ndata: {\"reason\":\"bucket-gone\"}\n\n";
        await using var server = await FakeServer.StartAsync(200, stream, "text/event-stream");
        var terminal = new MemoryTerminal();

        Assert.Equal(3, await RunAsync(server, terminal, "watch", "-o", format));
        Assert.Matches(line, terminal.Output.TrimEnd());
    }

    [Fact]
    public async Task Watch_prints_changes_and_ends_with_its_bucket()
    {
        const string stream = "retry: 1\n\nid: c1\nevent: put\ndata: {\"key\":\"k\",\"version\":3}\n\n"
            + "event: progress\ndata: {}\n\nevent: end\ndata: {\"reason\":\"bucket-gone\"}\n\n";
        await using var server = await FakeServer.StartAsync(200, stream, "text/event-stream");
        var terminal = new MemoryTerminal();

        Assert.Equal(3, await RunAsync(server, terminal, "watch", "a/", "--kinds", "put,expire", "--since", "c0"));
        Assert.Equal(
            "/buckets/default/watch?prefix=a%2F&values=none&kinds=put%2Cexpire&since=c0", server.Target);
        Assert.Equal("text/event-stream", server.Headers["Accept"]);
        Assert.Equal(
            """{"event":"put","data":{"key":"k","version":3},"cursor":"c1"}""", terminal.Output.TrimEnd());
        Assert.Contains("dropped", terminal.Errors);
    }

    [Fact]
    public async Task Buckets_are_made_set_listed_and_dropped()
    {
        const string one = """{"name":"b","id":2,"settings":{"defaultTtl":"60s"}}""";
        await using var server = await FakeServer.StartAsync(200, one);
        await using var list = await FakeServer.StartAsync(200, $$"""{"items":[{{one}}],"cursor":null}""");
        var terminal = new MemoryTerminal();

        Assert.Equal(0, await RunAsync(
            server, terminal, "bucket", "create", "b", "--default-ttl", "60s", "--require-conditional-writes", "true"));
        Assert.Equal(("PUT", "/buckets/b", "*"), (server.Method, server.Target, server.Headers["If-None-Match"]));
        Assert.Equal(
            """{"defaultTtl":"60s","requireConditionalWrites":true}""", Encoding.UTF8.GetString(server.Body));
        Assert.Equal(one, terminal.Output.TrimEnd());
        Assert.Equal(0, await RunAsync(server, new(), "bucket", "set", "b", "--max-value-bytes", "10"));
        Assert.Equal(
            ("PATCH", "application/merge-patch+json"), (server.Method, server.Headers["Content-Type"]));
        Assert.Equal("""{"maxValueBytes":10}""", Encoding.UTF8.GetString(server.Body));

        var names = new MemoryTerminal();
        Assert.Equal(0, await RunAsync(list, names, "bucket", "list", "-o", "raw"));
        Assert.Equal("b", names.Output.TrimEnd());

        var unsure = new MemoryTerminal();
        Assert.Equal(2, await RunAsync(server, unsure, "bucket", "drop", "b"));
        Assert.Contains("--yes", unsure.Errors);
        Assert.NotEqual("DELETE", server.Method);
        var dropped = new MemoryTerminal();
        Assert.Equal(0, await RunAsync(server, dropped, "bucket", "drop", "b", "--yes", "-o", "table"));
        Assert.Matches("dropped +b", dropped.Output);
        Assert.Equal(("DELETE", "/buckets/b"), (server.Method, server.Target));
    }

    private static Task<int> RunAsync(FakeServer server, MemoryTerminal terminal, params string[] args)
    {
        terminal.Variables["KVSTORE_SERVER"] = server.Url;
        return terminal.RunAsync(args);
    }
}
