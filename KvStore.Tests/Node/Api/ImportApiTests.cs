using System.Globalization;
using System.Text;
using System.Text.Json;
using KvStore.Contracts;
using KvStore.Core.State;
using KvStore.Node.Api;
using KvStore.Node.Replication;

namespace KvStore.Tests.Node.Api;

/// <summary>Imports at one node: what is taken, what is refused, and what is told of it.</summary>
public sealed class ImportApiTests : IAsyncLifetime
{
    private const string Import = "/buckets/b/import";
    private const string Lines = "content-type: application/x-ndjson";

    private ApiNode _node = null!;

    public async ValueTask InitializeAsync()
    {
        _node = await ApiNode.StartAsync(configure: options => options.MaxValueBytes = 1000, time: new NewYear());
        Assert.Equal(201, (await _node.SendAsync("PUT", "/buckets/b", "Content-Length: 0")).Status);
    }

    public ValueTask DisposeAsync() => _node.DisposeAsync();

    [Fact]
    public async Task Lines_by_hand_are_as_good_as_those_of_an_export()
    {
        var answer = await ImportAsync(
            "",
            """{"key":"a","value":{"n":1}}""" + "\r",
            "",
            """{"key64":"Yg","base64":"AAEC","contentType":"image/png","meta":{"Who":"me"}}""",
            """{"key":"c","value":"text","contentType":"text/plain","etag":"x","version":1,"size":9,"modified":null}""",
            """{"cursor":"c","count":3}""");

        Assert.Equal((5L, 3L, 0L, false), (answer.Lines, answer.Applied, answer.Refused, answer.End));
        Assert.Equal("""{"n":1}""", await ValueOfAsync("a"));
        var second = await _node.SendAsync("GET", "/buckets/b/keys/b");
        Assert.Equal(("image/png", "me"), (second["Content-Type"], second["Kv-Meta-Who"]));
        Assert.Equal("text", await ValueOfAsync("c"));
    }

    [Fact]
    public async Task To_import_again_stores_the_same_and_create_leaves_alone_what_is_there()
    {
        string[] lines = ["""{"key":"a","value":1}""", """{"key":"b","value":2}"""];
        Assert.Equal((2L, 0L), Counts(await ImportAsync("", lines)));
        Assert.Equal((2L, 0L), Counts(await ImportAsync("?mode=overwrite", lines)));
        Assert.Equal(
            (1L, 2L), Counts(await ImportAsync("?mode=create", [.. lines, """{"key":"c","value":3}"""])));
        Assert.Equal((1L, 1L), Counts(await ImportAsync(
            "?mode=create", """{"key":"twice","value":1}""", """{"key":"twice","value":2}""")));
        Assert.Equal("1", await ValueOfAsync("twice"));

        static (long Applied, long Existing) Counts(ImportResponse answer) => (answer.Applied, answer.Existing);
    }

    [Fact]
    public async Task An_entry_ends_when_it_did_or_with_the_buckets_own_time_or_not_at_all()
    {
        await SetAsync("""{"defaultTtl":"60s"}""");
        var answer = await ImportAsync(
            "",
            """{"key":"then","value":1,"expires":"2026-01-01T01:00:00.500+01:00"}""",
            """{"key":"never","value":1,"expires":null}""",
            """{"key":"usual","value":1}""",
            """{"key":"past","value":1,"expires":"2026-01-01T00:00:00Z"}""");

        Assert.Equal((3L, 1L), (answer.Applied, answer.Expired));
        var puts = _node.Cluster.Commands
            .Select(sent => sent.Command).OfType<Command.Batch>()
            .SelectMany(batch => batch.Operations).Cast<Operation.Put>()
            .ToDictionary(put => Encoding.UTF8.GetString(put.Key.Span), put => put.Ttl);
        Assert.Equal(3, puts.Count);
        Assert.Equal(Ttl.Until(1_767_225_600_500), puts["then"]);
        Assert.Equal(Ttl.None, puts["never"]);
        Assert.Equal(Ttl.After(60_000), puts["usual"]);
    }

    [Fact]
    public async Task What_the_bucket_does_not_take_is_told_by_line_and_the_rest_is_stored()
    {
        await SetAsync("""{"maxValueBytes":5}""");
        var large = """{"key":"large","value":"123456","contentType":"text/plain"}""";
        var answer = await ImportAsync(
            "", ["""{"key":"a","value":1}""", .. Enumerable.Repeat(large, 150), """{"key":"z","value":1}"""]);

        Assert.Equal((2L, 150L, 100), (answer.Applied, answer.Refused, answer.Refusals.Length));
        Assert.Equal((2L, "large", "value-too-large"), (
            answer.Refusals[0].Line, answer.Refusals[0].Key, answer.Refusals[0].Code));
    }

    [Fact]
    public async Task A_bucket_of_conditional_writes_is_imported_into_where_nothing_is()
    {
        await SetAsync("""{"requireConditionalWrites":true}""");
        await RefusedAsync("", 428, "precondition-required", """{"key":"a","value":1}""");
        Assert.Equal(1, (await ImportAsync("?mode=create", """{"key":"a","value":1}""")).Applied);
    }

    [Theory]
    [InlineData("not JSON")]
    [InlineData("[]")]
    [InlineData("""{"key":"a"}""")]
    [InlineData("""{"value":1}""")]
    [InlineData("""{"key":"a","key64":"YQ","value":1}""")]
    [InlineData("""{"key":"","value":1}""")]
    [InlineData("""{"key":"a","value":1,"base64":"AA=="}""")]
    [InlineData("""{"key":"a","base64":"A"}""")]
    [InlineData("""{"key":"a","value":1,"value":2}""")]
    [InlineData("""{"key":"a","value":1,"ttl":"5s"}""")]
    [InlineData("""{"key":"a","value":1,"contentType":"text/plain"}""")]
    [InlineData("""{"key":"a","value":"x","contentType":"image/png"}""")]
    [InlineData("""{"key":"a","value":1,"contentType":"nonsense"}""")]
    [InlineData("""{"key":"a","value":1,"expires":"tomorrow"}""")]
    [InlineData("""{"key":"a","value":1,"expires":"2027-01-01T00:00:00"}""")]
    [InlineData("""{"key":"a","value":1,"expires":5}""")]
    [InlineData("""{"key":"a","value":1,"meta":{"x":1}}""")]
    [InlineData("""{"key":"a","value":1,"meta":{"x":"1","X":"2"}}""")]
    [InlineData("""{"key":"a","value":1,"meta":{"x y":"1"}}""")]
    [InlineData("""{"key":"a","value":1,"meta":{"x":"é"}}""")]
    [InlineData("""{"prefix":"a"}""")]
    [InlineData("""{"end":false,"count":2}""")]
    [InlineData("""{"end":true}""")]
    [InlineData("""{"key":"a","value":1,"cursor":"x"}""")]
    [InlineData("""{"cursor":"x"}""")]
    [InlineData("""{"cursor":1,"count":1}""")]
    public async Task A_line_that_is_no_entry_ends_the_import_behind_those_before_it(string bad)
    {
        var problem = await RefusedAsync(
            "", 400, "body-invalid", """{"key":"x","value":1}""", "", bad, """{"key":"y","value":1}""");

        Assert.StartsWith("Line 3: ", problem.Detail);
        Assert.Equal((2L, 1L, Applied.Yes), (problem.Import!.Lines, problem.Import.Applied, problem.Applied));
        Assert.Equal("1", await ValueOfAsync("x"));
        Assert.Equal(404, (await _node.SendAsync("GET", "/buckets/b/keys/y")).Status);
        var rest = await RefusedAsync("?first_line=3", 400, "body-invalid", bad);
        Assert.Equal(("Line 3: ", 2L, Applied.No), (rest.Detail![..8], rest.Import!.Lines, rest.Applied));
    }

    [Fact]
    public async Task An_entry_that_would_be_kept_too_long_is_refused_and_the_others_are_stored()
    {
        var answer = await ImportAsync(
            "", """{"key":"a","value":1,"expires":"2050-01-01T00:00:00Z"}""", """{"key":"b","value":1}""");
        Assert.Equal((1L, 1L), (answer.Applied, answer.Refused));
        Assert.Contains("ten years", Assert.Single(answer.Refusals).Detail);
    }

    [Fact]
    public async Task A_last_line_that_counts_what_did_not_come_is_told()
    {
        string[] one = ["""{"key":"a","value":1}"""];
        Assert.True((await ImportAsync("", [.. one, """{"end":true,"count":1,"snapshot":"s"}"""])).End);
        Assert.True((await ImportAsync(
            "", [.. one, """{"end":true,"count":1}""", .. one, .. one, """{"end":true,"count":2}"""])).End);
        Assert.False((await ImportAsync("", [.. one, """{"end":true,"count":1}""", .. one])).End);
        Assert.False((await ImportAsync("?first_line=9", [.. one, """{"end":true,"count":9}"""])).End);    // who knows

        var problem = await RefusedAsync("", 400, "body-invalid", [.. one, """{"end":true,"count":2}"""]);
        Assert.Contains("2 entries were exported, and 1 came", problem.Detail);
        Assert.Equal((Applied.Yes, 1L, false), (problem.Applied, problem.Import!.Applied, problem.Import.End));
    }

    [Fact]
    public async Task A_body_may_be_as_long_as_it_likes_but_no_line_of_it()
    {
        var lines = Enumerable.Range(0, 20_000)
            .Select(number => $$"""{"key":"k{{number % 50}}","value":"{{new string('v', 900)}}"}""").ToArray();
        var answer = await ImportAsync("", lines);
        Assert.Equal((20_000L, 20_000L), (answer.Lines, answer.Applied));
        Assert.All(_node.Cluster.Commands, sent => Assert.True(
            sent.Command is not Command.Batch batch || batch.Operations.Length <= CommandFormat.MaxOperations));

        var problem = await RefusedAsync("", 413, "value-too-large", [lines[0], new string(' ', 70_000)]);
        Assert.StartsWith("Line 2: ", problem.Detail);
        Assert.Equal((1L, 1L), (problem.Import!.Lines, problem.Import.Applied));
    }

    [Fact]
    public async Task What_is_refused_for_the_moment_is_sent_again()
    {
        var left = 3;
        _node.Cluster.OnWrite = (_, command) => ValueTask.FromResult<WriteOutcome?>(
            command is Command.Batch && Interlocked.Decrement(ref left) >= 0 ? new WriteOutcome.Overloaded() : null);
        var lines = Enumerable.Range(0, 40).Select(number => $$"""{"key":"{{number}}","value":1}""");
        Assert.Equal(40, (await ImportAsync("", [.. lines])).Applied);
    }

    [Fact]
    public async Task What_is_refused_for_the_moment_is_sent_again_also_where_a_key_comes_twice()
    {
        var left = 3;
        _node.Cluster.OnWrite = (_, command) => ValueTask.FromResult<WriteOutcome?>(
            command is Command.Batch && Interlocked.Decrement(ref left) >= 0 ? new WriteOutcome.Overloaded() : null);
        var answer = await ImportAsync(
            "", """{"key":"a","value":1}""", """{"key":"a","value":2}""", """{"key":"a","value":3}""");
        Assert.Equal(3, answer.Applied);
        Assert.Equal("3", await ValueOfAsync("a"));
    }

    [Fact]
    public async Task A_node_without_a_copy_of_the_partition_reads_when_an_entry_ends_by_its_own_clock()
    {
        _node.Partitions.HoldsCopies = false;
        var answer = await ImportAsync(
            "",
            """{"key":"then","value":1,"expires":"2026-06-01T00:00:00Z"}""",
            """{"key":"past","value":1,"expires":"2026-01-01T00:00:00Z"}""");
        Assert.Equal((1L, 1L), (answer.Applied, answer.Expired));
    }

    [Fact]
    public async Task What_may_be_stored_or_not_ends_the_import_and_is_not_among_what_is_done()
    {
        _node.Cluster.OnWrite = (_, command) => ValueTask.FromResult<WriteOutcome?>(
            command is Command.Batch { Operations: var operations }
                && operations.Any(operation => operation.Key.Span.SequenceEqual("lost"u8))
                    ? new WriteOutcome.Indeterminate()
                    : null);
        var many = Enumerable.Range(0, 1000).Select(number => $$"""{"key":"{{number}}","value":1}""");
        var problem = await RefusedAsync("", 504, "deadline-exceeded", [.. many, """{"key":"lost","value":1}"""]);

        Assert.Equal((Applied.Unknown, 1000L), (problem.Applied, problem.Import!.Lines));
        Assert.Contains("from 1001 to 1001", problem.Detail);
    }

    [Fact]
    public async Task A_node_that_stops_begins_no_other_batch()
    {
        _node.Cluster.OnWrite = (_, _) =>
        {
            _node.Status.IsStopping = true;
            return ValueTask.FromResult<WriteOutcome?>(null);
        };
        var problem = await RefusedAsync("", 503, "draining", [.. Enumerable.Range(0, 1500)
            .Select(number => $$"""{"key":"{{number}}","value":1}""")]);
        Assert.Equal((1000L, 1000L), (problem.Import!.Lines, problem.Import.Applied));
        Assert.Equal(503, (await _node.SendBodyAsync("POST", Import, "", Lines)).Status);
    }

    [Theory]
    [InlineData("?mode=fail", 400, "query-invalid", Lines)]
    [InlineData("?first_line=0", 400, "query-invalid", Lines)]
    [InlineData("?skip=5", 400, "query-invalid", Lines)]
    [InlineData("?timeout=0", 400, "query-invalid", Lines)]
    [InlineData("", 415, "unsupported-media-type", "content-type: application/json")]
    [InlineData("", 415, "unsupported-media-type", "x: y")]
    [InlineData("", 415, "unsupported-encoding", Lines, "content-encoding: gzip")]
    [InlineData("", 400, "condition-invalid", Lines, "if-none-match: *")]
    [InlineData("", 400, "header-invalid", Lines, "kv-ttl: 5s")]
    public async Task A_request_that_is_no_import_is_refused(
        string query, int status, string code, params string[] headers)
    {
        var answer = await _node.SendBodyAsync("POST", Import + query, """{"key":"a","value":1}""", headers);
        Assert.Equal((status, code, "no"), (
            answer.Status,
            answer.Json.GetProperty("code").GetString(),
            answer.Json.GetProperty("applied").GetString()));
    }

    [Fact]
    public async Task Where_there_is_no_bucket_or_no_such_method_nothing_is_imported()
    {
        Assert.Equal(404, (await _node.SendBodyAsync("POST", "/buckets/none/import", "", Lines)).Status);
        Assert.Equal(400, (await _node.SendBodyAsync("POST", "/buckets/No/import", "", Lines)).Status);
        Assert.Equal(405, (await _node.SendBodyAsync("PUT", Import, "", Lines)).Status);
        Assert.Equal(0, (await ImportAsync("")).Lines);
    }

    [Fact]
    public async Task Lines_are_cut_the_same_however_they_come()
    {
        byte[] text = [.. Encoding.UTF8.GetBytes("one\n\ntwo\n"), .. new byte[100_000], (byte)'\n', .. "last"u8];
        foreach (var step in (int[])[1, 7, 65_536, 200_000])
        {
            var reader = new LineReader(new Drip(text, step), maxBytes: 100_000);
            List<int> lengths = [];
            while (await reader.NextAsync(CancellationToken.None) is { } line)
                lengths.Add(line.Length);
            Assert.Equal([3, 0, 3, 100_000, 4], lengths);
            Assert.False(reader.IsTooLong);
        }

        var less = new LineReader(new Drip(text, 7), maxBytes: 99_999);
        while (await less.NextAsync(CancellationToken.None) is not null)
        {
        }

        Assert.True(less.IsTooLong);
    }

    private async Task SetAsync(string settings) => Assert.Equal(200, (await _node.SendBodyAsync(
        "PATCH", "/buckets/b", settings, "content-type: application/merge-patch+json")).Status);

    private async Task<string> ValueOfAsync(string key) =>
        (await _node.SendAsync("GET", $"/buckets/b/keys/{key}")).Body;

    private async Task<ImportResponse> ImportAsync(string query, params string[] lines)
    {
        var answer = await _node.SendBodyAsync("POST", Import + query, string.Join('\n', lines), Lines);
        Assert.True(answer.Status == 200, answer.Body);
        return JsonSerializer.Deserialize(answer.Body, ContractsJson.Default.ImportResponse)!;
    }

    private async Task<Problem> RefusedAsync(string query, int status, string code, params string[] lines)
    {
        var answer = await _node.SendBodyAsync("POST", Import + query, string.Join('\n', lines), Lines);
        Assert.True(answer.Status == status, answer.Status.ToString(CultureInfo.InvariantCulture) + answer.Body);
        var problem = JsonSerializer.Deserialize(answer.Body, ContractsJson.Default.Problem)!;
        Assert.Equal(code, problem.Code);
        return problem;
    }

    /// <summary>Time passes, but the clock stands still.</summary>
    private sealed class NewYear : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);
    }

    /// <summary>Gives some bytes at a time.</summary>
    private sealed class Drip(byte[] bytes, int step) : MemoryStream(bytes)
    {
        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            base.ReadAsync(buffer[..Math.Min(step, buffer.Length)], cancellationToken);
    }
}
