using System.Collections.Concurrent;
using System.Text;
using System.Text.Json;
using KvStore.Contracts;
using Microsoft.AspNetCore.Http;

namespace KvStore.Tests.Cli;

/// <summary>
/// <c>kv export</c> and <c>kv import</c>: what they do when an answer breaks off, and what is left then.
/// </summary>
public sealed class ExportImportVerbTests : IDisposable
{
    private const string Broken = "\u0004";    // here the connection is cut
    private const string Gone = "\u0005";      // here a refusal is answered
    private const string Refused = "\u0006";   // likewise: nothing was applied
    private const string Draining = "\u0007";  // likewise: something was

    private static readonly Dictionary<string, (ProblemType Type, Applied Applied)> Refusals = new()
    {
        [Gone] = (ProblemType.CursorCompacted, Applied.No),
        [Refused] = (ProblemType.NoQuorum, Applied.No),
        [Draining] = (ProblemType.Draining, Applied.Yes),
    };

    private readonly string _directory = Directory.CreateTempSubdirectory("kvstore-export-").FullName;
    private readonly ConcurrentQueue<(string Target, string Body)> _requests = new();

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public async Task An_export_goes_on_after_a_cut_where_its_last_cursor_says()
    {
        await using var server = await ServerAsync(
            Lines("a", "b") + Cursor("c1", 2) + Lines("half") + Broken,
            Lines("c") + Cursor("c2", 3) + Lines("d")[..7] + Broken,
            Lines("d") + End(4));
        var terminal = new MemoryTerminal();

        Assert.Equal(0, await RunAsync(server, terminal, "export", "-b", "pics", "--prefix", "x/"));
        Assert.Equal(Lines("a", "b", "c", "d") + End(4), terminal.Output);
        Assert.Contains("4 entries of pics exported", terminal.Errors);
        const string target = "/buckets/pics/export?prefix=x%2F";
        Assert.Equal(
            [target, target + "&cursor=c1", target + "&cursor=c2"], _requests.Select(request => request.Target));
        Assert.Equal("application/x-ndjson", server.Headers["Accept"]);
    }

    [Fact]
    public async Task A_file_is_there_when_it_is_whole_also_where_the_export_had_to_begin_anew()
    {
        await using var server = await ServerAsync(
            Lines("a", "b") + Cursor("c1", 2) + Broken, Gone, Lines("a2") + Cursor("c2", 1) + Lines("b2") + End(2));
        var terminal = new MemoryTerminal();
        var file = Path.Combine(_directory, "out");

        Assert.Equal(0, await RunAsync(server, terminal, "export", "--out", file, "-o", "json"));
        Assert.Equal(Lines("a2", "b2") + End(2), await File.ReadAllTextAsync(file));
        Assert.Equal([file], Directory.GetFiles(_directory));
        Assert.Contains("\"bucket\":\"default\",\"entries\":2", terminal.Output);
        Assert.Contains("begins anew", terminal.Errors);
    }

    [Fact]
    public async Task What_is_printed_is_not_printed_twice_so_it_fails_where_a_file_would_begin_anew()
    {
        await using var server = await ServerAsync(Lines("a") + Cursor("c1", 1) + Broken, Gone);
        var terminal = new MemoryTerminal();

        Assert.Equal(1, await RunAsync(server, terminal, "export"));
        Assert.Contains("not whole", terminal.Errors);
        Assert.Equal(Lines("a"), terminal.Output);
    }

    [Theory]
    [InlineData("{\"key\":\"a\"}\n", "broke off", 5)]
    [InlineData("{\"key\":\"a\"}\n\u0004", "broke off", 5)]
    [InlineData("{\"key\":\"a\"}\n{\"end\":true,\"count\":2,\"snapshot\":\"s\"}\n", "1 entries came", 1)]
    [InlineData("{\"key\":\"a\"}\n{\"cursor\":1}\n", "not what a KvStore says", 1)]
    public async Task An_answer_that_is_not_whole_leaves_no_file(string answer, string errors, int code)
    {
        await using var server = await ServerAsync(answer);
        var terminal = new MemoryTerminal();
        var file = Path.Combine(_directory, "out");

        Assert.Equal(code, await RunAsync(server, terminal, "export", "--out", file));
        Assert.Contains(errors, terminal.Errors);
        Assert.Empty(Directory.GetFiles(_directory));
    }

    [Fact]
    public async Task An_import_sends_lines_part_by_part_and_adds_up_what_came_of_them()
    {
        const string refusal = """{"line":2,"key":"k","code":"value-too-large","detail":"It is\ntoo large."}""";
        await using var server = await ServerAsync(
            Answer(applied: 9_999, refused: 1, refusal), Answer(applied: 1, refused: 0));
        var lines = Lines([.. Enumerable.Range(0, 10_000).Select(number => $"{number}")]);
        var terminal = new MemoryTerminal
        {
            Input = Encoding.UTF8.GetBytes(lines + Cursor("c", 10_000) + Lines("z") + End(10_001)),
        };

        Assert.Equal(1, await RunAsync(server, terminal, "import", "-b", "pics", "--mode", "create"));
        Assert.Equal(
            ["/buckets/pics/import?mode=create&first_line=1", "/buckets/pics/import?mode=create&first_line=10001"],
            _requests.Select(request => request.Target));
        Assert.Equal(lines, _requests.First().Body);
        Assert.Equal(Cursor("c", 10_000) + Lines("z") + "\n", _requests.Last().Body);
        Assert.Equal("application/x-ndjson", server.Headers["Content-Type"]);
        Assert.Equal(
            """{"bucket":"pics","applied":10000,"existing":0,"repeated":0,"expired":0,"refused":1,"end":true}""",
            terminal.Output.TrimEnd());
        Assert.Contains("kv: line 2, k: It is too large. (value-too-large)", terminal.Errors);
    }

    [Fact]
    public async Task Where_JSON_was_asked_for_what_an_import_left_out_is_JSON_too()
    {
        const string refusal = """{"line":1,"key":"k","code":"value-too-large","detail":"It is\ntoo large."}""";
        await using var server = await ServerAsync(Answer(applied: 0, refused: 2, refusal));
        var terminal = new MemoryTerminal { Input = Encoding.UTF8.GetBytes(Lines("k") + End(1)) };

        Assert.Equal(1, await RunAsync(server, terminal, "import", "-o", "json"));
        Assert.Equal(
            [
                """{"note":"line 1, k: It is too large. (value-too-large)","code":"value-too-large","line":1,"""
                    + """
                    "key":"k"}
                    """,
                """{"note":"and 1 more near these"}""",
            ],
            terminal.Errors.TrimEnd().Split(Environment.NewLine));
    }

    [Fact]
    public async Task A_part_that_got_no_answer_is_sent_again_once_another_did()
    {
        await using var server = await ServerAsync(
            Answer(applied: 10_000, refused: 0), Broken, Answer(applied: 1, refused: 0));
        var file = Path.Combine(_directory, "in");
        await File.WriteAllTextAsync(
            file, Lines([.. Enumerable.Range(0, 10_001).Select(number => $"{number}")]).TrimEnd('\n'));
        var terminal = new MemoryTerminal();

        Assert.Equal(0, await RunAsync(server, terminal, "import", "--in", file));
        Assert.Equal(3, _requests.Count);
        Assert.Equal(_requests.ElementAt(1), _requests.ElementAt(2));
        Assert.Contains("last line of an export was not there", terminal.Errors);
    }

    [Theory]
    [InlineData(Broken, 3)]
    [InlineData(Draining, 3)]
    [InlineData(Refused, 0)]
    public async Task Of_a_part_that_was_sent_again_it_is_said_that_what_was_there_may_be_its_own(
        string answer, int repeated)
    {
        var lines = Lines([.. Enumerable.Range(0, 10_001).Select(number => $"{number}")]);
        var inWords = repeated > 0 ? $"5 were there (at most {repeated} of them stored by this" : "5 were there, ";
        foreach (var (format, said) in ((string, string)[])
            [("json", $"\"existing\":5,\"repeated\":{repeated},"), ("table", inWords)])
        {
            await using var server = await ServerAsync(
                Answer(applied: 9_998, refused: 0, existing: 2), answer, Answer(applied: 0, refused: 0, existing: 3));
            var terminal = new MemoryTerminal { Input = Encoding.UTF8.GetBytes(lines) };

            Assert.Equal(0, await RunAsync(server, terminal, "import", "--mode", "create", "-o", format));
            Assert.Contains(said, terminal.Output);
        }
    }

    [Fact]
    public async Task An_import_of_what_is_not_whole_or_not_there_says_so()
    {
        await using var server = await ServerAsync(Answer(applied: 1, refused: 0));
        var terminal = new MemoryTerminal { Input = Encoding.UTF8.GetBytes(Lines("a") + End(2)) };
        Assert.Equal(1, await RunAsync(server, terminal, "import"));
        Assert.Contains("2 entries were exported, and 1 came", terminal.Errors);
        Assert.Single(_requests);

        var wrong = new MemoryTerminal();
        Assert.Equal(2, await RunAsync(server, wrong, "import", "--in", Path.Combine(_directory, "none")));
        Assert.Contains("cannot be read", wrong.Errors);
        Assert.Equal(2, await RunAsync(server, new(), "import", "--mode", "fail"));
    }

    private static string Lines(params string[] keys) => string.Concat(keys.Select(key => $"{{\"key\":\"{key}\"}}\n"));

    private static string Cursor(string cursor, long count) => $"{{\"cursor\":\"{cursor}\",\"count\":{count}}}\n";

    private static string End(long count) => $"{{\"end\":true,\"count\":{count},\"snapshot\":\"s\"}}\n";

    private static string Answer(long applied, long refused, string refusals = "", long existing = 0) => $$"""
        {"lines":1,"applied":{{applied}},"existing":{{existing}},"expired":0,"refused":{{refused}},
        "refusals":[{{refusals}}],"end":false}
        """;

    private static Task<int> RunAsync(FakeServer server, MemoryTerminal terminal, params string[] args)
    {
        terminal.Variables["KVSTORE_SERVER"] = server.Url;
        return terminal.RunAsync(args);
    }

    /// <summary>Gives one answer after the other.</summary>
    private Task<FakeServer> ServerAsync(params string[] answers)
    {
        var left = new Queue<string>(answers);
        FakeServer? server = null;
        return StartAsync();

        async Task<FakeServer> StartAsync() => server = await FakeServer.StartAsync(async context =>
        {
            _requests.Enqueue((server!.Target, Encoding.UTF8.GetString(server.Body)));
            var answer = left.Dequeue();
            if (Refusals.TryGetValue(answer, out var refusal))
            {
                context.Response.StatusCode = refusal.Type.Status;
                context.Response.ContentType = Problem.MediaType;
                await context.Response.WriteAsync(JsonSerializer.Serialize(
                    Problem.Of(refusal.Type, applied: refusal.Applied), ContractsJson.Default.Problem));
                return;
            }

            context.Response.ContentType = "application/x-ndjson";
            if (answer.EndsWith(Broken, StringComparison.Ordinal))
                context.Response.ContentLength = answer.Length;    // one more than there is: then the connection ends
            await context.Response.WriteAsync(answer.TrimEnd(Broken[0]));
        });
    }
}
