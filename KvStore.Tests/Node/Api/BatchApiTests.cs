using KvStore.Core.Primitives;
using KvStore.Core.State;
using KvStore.Node.Replication;

namespace KvStore.Tests.Node.Api;

/// <summary>Batches over HTTP: each operation for itself, and as few commands as there are partitions.</summary>
public sealed class BatchApiTests : IAsyncLifetime
{
    private const string Batch = "/buckets/default/batch";
    private ApiNode _node = null!;

    public async ValueTask InitializeAsync() => _node = await ApiNode.StartAsync();

    public ValueTask DisposeAsync() => _node.DisposeAsync();

    [Fact]
    public async Task Every_operation_has_its_own_answer_in_the_order_of_the_request()
    {
        var answer = await BatchAsync(
            """{"op":"put","key":"a","value":{"n":1}}""",
            """{"op":"put","key":"b","base64":"AAEC","contentType":"image/png"}""",
            """{"op":"get","key":"a"}""",
            """{"op":"get","key64":"Yg"}""",
            """{"op":"get","key":"none"}""",
            """{"op":"increment","key":"n","by":5,"initial":2}""",
            """{"op":"merge","key":"a","patch":{"m":2}}""",
            """{"op":"put","key":"a","value":1,"ifNoneMatch":"*"}""",
            """{"op":"touch","key":"a","ttl":"60s"}""",
            """{"op":"delete","key":"b"}""",
            """{"op":"merge","key":"n","patch":{}}""",
            """{"op":"increment","key":"a"}""");

        Assert.Equal(200, answer.Status);
        var results = answer.Json.GetProperty("results").EnumerateArray().ToList();
        Assert.Equal(
            [201, 201, 200, 200, 404, 201, 200, 412, 200, 204, 200, 422],
            results.Select(result => result.GetProperty("status").GetInt32()));
        Assert.Equal("""{"n":1}""", results[2].GetProperty("value").GetRawText());
        Assert.Equal(("b", "AAEC", "image/png"), (
            results[3].GetProperty("key").GetString(),
            results[3].GetProperty("base64").GetString(),
            results[3].GetProperty("contentType").GetString()));
        Assert.Equal(7, results[5].GetProperty("value").GetInt64());
        Assert.Equal(
            ("precondition-failed", results[6].GetProperty("etag").GetString()),
            (results[7].GetProperty("problem").GetProperty("code").GetString(),
                results[7].GetProperty("problem").GetProperty("currentEtag").GetString()));
        Assert.Equal("value-not-a-number", results[11].GetProperty("problem").GetProperty("code").GetString());
        Assert.NotNull(answer["Kv-Session"]);
    }

    [Fact]
    public async Task A_thousand_writes_are_as_many_commands_as_there_are_partitions()
    {
        var answer = await BatchAsync(
            [.. Enumerable.Range(0, 1000).Select(number => $$"""{"op":"put","key":"k{{number}}","value":1}""")]);
        Assert.Equal(200, answer.Status);
        Assert.All(StatusesOf(answer), status => Assert.Equal(201, status));
        Assert.Equal(16, _node.Cluster.Commands.Count);
        Assert.Equal(16, _node.Cluster.Commands.Select(sent => sent.Partition).Distinct().Count());
    }

    [Theory]
    [InlineData("POST", Batch)]
    [InlineData("POST", "/buckets/default/txn")]
    [InlineData("PUT", "/buckets/cart")]
    [InlineData("DELETE", "/v1?prefix=a&dry_run=true")]
    [InlineData("PUT", "/buckets/default/keys/k")]
    public async Task Two_names_of_one_request_are_refused_alike_everywhere(string method, string target)
    {
        foreach (var names in new[] { "Idempotency-Key: a\r\nIdempotency-Key: b", "Idempotency-Key: a, b" })
        {
            var answer = await _node.SendAsync(method, target, names);
            Assert.Equal((400, "idempotency-key-invalid"), (answer.Status, answer.Problem.Code));
        }
    }

    [Fact]
    public async Task Reads_alone_are_no_commands()
    {
        await BatchAsync("""{"op":"put","key":"a","value":1}""");
        var answer = await BatchAsync("""{"op":"get","key":"a"}""", """{"op":"get","key":"{a}b"}""");
        Assert.Equal([200, 404], StatusesOf(answer));
        Assert.Single(_node.Cluster.Commands);
        Assert.Equal(2, Assert.Single(_node.Cluster.KeyReads).Query.Keys.Length);
    }

    [Fact]
    public async Task A_key_that_is_written_twice_is_written_in_order()
    {
        var answer = await BatchAsync(
            """{"op":"put","key":"a","value":1}""",
            """{"op":"increment","key":"a"}""",
            """{"op":"get","key":"a"}""",
            """{"op":"increment","key":"a"}""");
        Assert.Equal([201, 200, 200, 200], StatusesOf(answer));
        Assert.Equal(3, _node.Cluster.Commands.Count);
        var values = answer.Json.GetProperty("results").EnumerateArray().Skip(1)
            .Select(result => result.GetProperty("value").GetInt64());
        Assert.Equal([2, 2, 3], values);
    }

    [Fact]
    public async Task A_key_that_is_touched_is_there_until_its_time_is_up()
    {
        await BatchAsync("""{"op":"put","key":"a","value":1}""");
        await BatchAsync("""{"op":"touch","key":"a","ttl":"60s"}""");
        Assert.Equal([200], StatusesOf(await BatchAsync("""{"op":"get","key":"a"}""")));
    }

    [Fact]
    public async Task A_retry_changes_nothing_and_is_told_the_same()
    {
        string[] operations =
        [
            """{"op":"increment","key":"n"}""", """{"op":"increment","key":"other"}""", """{"op":"get","key":"{n}x"}""",
        ];
        var first = await BatchAsync(operations, "Idempotency-Key: once");
        var again = await BatchAsync(operations, "Idempotency-Key: once");
        Assert.Equal(first.Body, again.Body);
        Assert.Null(first["Idempotency-Replayed"]);
        Assert.Equal("true", again["Idempotency-Replayed"]);
        var other = await BatchAsync(["""{"op":"increment","key":"n","by":2}"""], "Idempotency-Key: once");
        Assert.Equal([422], StatusesOf(other));
    }

    [Fact]
    public async Task A_replayed_read_has_its_value_as_long_as_that_is_stored()
    {
        await BatchAsync("""{"op":"put","key":"{t}a","value":"v"}""");
        string[] operations = ["""{"op":"get","key":"{t}a"}""", """{"op":"increment","key":"{t}n"}"""];
        var first = await BatchAsync(operations, "Idempotency-Key: reads");
        Assert.Equal(first.Body, (await BatchAsync(operations, "Idempotency-Key: reads")).Body);
        await BatchAsync("""{"op":"put","key":"{t}a","value":"w"}""");
        var later = (await BatchAsync(operations, "Idempotency-Key: reads")).Json.GetProperty("results")[0];
        Assert.Equal(200, later.GetProperty("status").GetInt32());
        Assert.False(later.TryGetProperty("value", out _));
    }

    [Fact]
    public async Task With_stop_on_error_nothing_after_the_first_failure_is_tried()
    {
        var answer = await SendAsync(
            Batch + "?stop_on_error=true",
            """{"op":"put","key":"a","value":1}""",
            """{"op":"get","key":"none"}""",
            """{"op":"put","key":"b","value":1}""");
        Assert.Equal([201, 404, 424], StatusesOf(answer));
        Assert.Single(_node.Cluster.Commands);
    }

    [Fact]
    public async Task A_partition_that_does_not_answer_costs_its_own_operations_alone()
    {
        var lost = FakeCluster.View.Ring.PartitionOf("a"u8);
        _node.Cluster.OnWrite = (partition, _) => ValueTask.FromResult<WriteOutcome?>(
            partition == lost ? new WriteOutcome.Indeterminate() : null);
        var answer = await BatchAsync("""{"op":"put","key":"a","value":1}""", """{"op":"put","key":"b","value":1}""");
        Assert.Equal([504, 201], StatusesOf(answer));
        var problem = answer.Json.GetProperty("results")[0].GetProperty("problem");
        Assert.Equal("unknown", problem.GetProperty("applied").GetString());

        _node.Cluster.OnWrite = (_, _) => ValueTask.FromResult<WriteOutcome?>(new WriteOutcome.DiskLow());
        Assert.Equal([507], StatusesOf(await BatchAsync("""{"op":"put","key":"a","value":1}""")));
        _node.Cluster.OnWrite = (_, _) => ValueTask.FromResult<WriteOutcome?>(new WriteOutcome.NotPrimary(NodeId.None));
        Assert.Equal([503], StatusesOf(await BatchAsync("""{"op":"put","key":"a","value":1}""")));
    }

    [Fact]
    public async Task Values_that_do_not_fit_into_one_answer_are_refused_and_not_cut()
    {
        var value = $"\"{new string('x', 1_000_000)}\"";
        for (var number = 0; number < 5; number++)
        {
            var put = await BatchAsync($$"""{"op":"put","key":"k{{number}}","value":{{value}}}""");
            Assert.Equal([201], StatusesOf(put));
        }

        var answer = await BatchAsync(
            [.. Enumerable.Range(0, 5).Select(number => $$"""{"op":"get","key":"k{{number}}"}""")]);
        Assert.Equal([200, 200, 200, 200, 413], StatusesOf(answer).Order());
    }

    [Fact]
    public async Task A_buckets_settings_count_for_each_operation()
    {
        const string settings = """{"maxValueBytes":4,"requireConditionalWrites":true,"defaultTtl":"60s"}""";
        await _node.SendBodyAsync("PUT", "/buckets/strict", settings, "Content-Type: application/json");
        var answer = await SendAsync(
            "/buckets/strict/batch",
            """{"op":"put","key":"a","value":"long"}""",
            """{"op":"put","key":"a","value":"long","ifNoneMatch":"*"}""",
            """{"op":"put","key":"a","value":12,"ifNoneMatch":"*"}""",
            """{"op":"get","key":"a"}""");
        Assert.Equal([428, 413, 201, 200], StatusesOf(answer));
        var put = _node.Cluster.Commands.Select(sent => sent.Command).OfType<Command.Batch>()
            .SelectMany(batch => batch.Operations).OfType<Operation.Put>().Single();
        Assert.Equal(Ttl.After(60_000), put.Ttl);
    }

    [Theory]
    [InlineData("""{}""")]
    [InlineData("""{"ops":[]}""")]
    [InlineData("""{"ops":{}}""")]
    [InlineData("""{"ops":[],"ops":[]}""")]
    [InlineData("""{"ops":[{"op":"get","key":"a"}],"more":[]}""")]
    [InlineData("""{"ops":[{"op":"get","key":"a"}]} x""")]
    [InlineData("\uFEFF{\"ops\":[{\"op\":\"get\",\"key\":\"a\"}]}")]
    [InlineData("""[]""")]
    public async Task A_body_of_another_shape_is_refused(string body)
    {
        var answer = await _node.PostAsync(Batch, body);
        Assert.Equal((400, "body-invalid"), (answer.Status, answer.Problem.Code));
        Assert.Empty(_node.Cluster.Commands);
    }

    [Theory]
    [InlineData("""5""")]
    [InlineData("""{"op":"get"}""")]
    [InlineData("""{"op":"get","key":"a","key64":"YQ"}""")]
    [InlineData("""{"op":"get","key":"a","value":1}""")]
    [InlineData("""{"op":"get","key":"a","ifMatch":"*"}""")]
    [InlineData("""{"op":"get","key":""}""")]
    [InlineData("""{"op":"get","key":"a\u0000"}""")]
    [InlineData("""{"op":"get","key64":"Y="}""")]
    [InlineData("""{"op":"grab","key":"a"}""")]
    [InlineData("""{"op":"put","key":"a"}""")]
    [InlineData("""{"op":"put","key":"a","value":1,"base64":"AA=="}""")]
    [InlineData("""{"op":"put","key":"a","value":1,"contentType":"a/b"}""")]
    [InlineData("""{"op":"put","key":"a","value":1,"unknown":1}""")]
    [InlineData("""{"op":"put","key":"a","value":{"x":1,"x":2}}""")]
    [InlineData("""{"op":"put","key":"a","key":"b","value":1}""")]
    [InlineData("""{"op":"put","key":"a","value":"\ud800"}""")]
    [InlineData("""{"op":"put","key":"a","value":1e999}""")]
    [InlineData("""{"op":"put","key":"a","value":1,"ttl":5}""")]
    [InlineData("""{"op":"put","key":"a","value":1,"ttl":"soon"}""")]
    [InlineData("""{"op":"put","key":"a","value":1,"ifMatch":"W/\"x\""}""")]
    [InlineData("""{"op":"put","key":"a","value":1,"ifMatch":"*","ifNoneMatch":"*"}""")]
    [InlineData("""{"op":"touch","key":"a"}""")]
    [InlineData("""{"op":"increment","key":"a","by":1.5}""")]
    [InlineData("""{"op":"increment","key":"a","by":9223372036854775808}""")]
    [InlineData("""{"op":"merge","key":"a"}""")]
    public async Task An_operation_that_cannot_be_read_is_named_by_its_place(string operation)
    {
        var answer = await BatchAsync("""{"op":"put","key":"first","value":1}""", operation);
        Assert.Equal((400, "body-invalid"), (answer.Status, answer.Problem.Code));
        Assert.StartsWith("ops[1]: ", answer.Problem.Detail, StringComparison.Ordinal);
        Assert.Empty(_node.Cluster.Commands);
    }

    [Fact]
    public async Task Values_nest_as_deep_as_elsewhere_and_no_deeper()
    {
        static string Nested(int depth) => new string('[', depth) + new string(']', depth);
        Assert.Equal([201], StatusesOf(await BatchAsync($$"""{"op":"put","key":"a","value":{{Nested(32)}}}""")));
        Assert.Equal(400, (await BatchAsync($$"""{"op":"put","key":"a","value":{{Nested(33)}}}""")).Status);
    }

    [Fact]
    public async Task Heads_and_sizes_are_checked_before_anything_is_done()
    {
        var get = """{"op":"get","key":"a"}""";
        Assert.Equal(400, (await BatchAsync([.. Enumerable.Repeat(get, 1001)])).Status);
        Assert.Equal(413, (await _node.PostAsync(Batch, new string(' ', (4 << 20) + 1))).Status);
        Assert.Equal(415, (await _node.SendBodyAsync("POST", Batch, "{}", "Content-Type: text/plain")).Status);
        Assert.Equal(400, (await SendAsync(Batch + "?stop_on_error=maybe", get)).Status);
        Assert.Equal(400, (await BatchAsync([get], "If-Match: *")).Status);
        Assert.Equal(400, (await BatchAsync([get], "Kv-Session: x")).Status);
        Assert.Equal(404, (await SendAsync("/buckets/none/batch", get)).Status);
        Assert.Equal(405, (await _node.SendAsync("GET", Batch)).Status);
    }

    private static List<int> StatusesOf(RawResponse answer) =>
    [
        .. answer.Json.GetProperty("results").EnumerateArray()
            .Select(result => result.GetProperty("status").GetInt32()),
    ];

    private Task<RawResponse> BatchAsync(params string[] operations) => SendAsync(Batch, operations);

    private Task<RawResponse> BatchAsync(string[] operations, string header) =>
        _node.PostAsync(Batch, $$"""{"ops":[{{string.Join(',', operations)}}]}""", header);

    private Task<RawResponse> SendAsync(string target, params string[] operations) =>
        _node.PostAsync(target, $$"""{"ops":[{{string.Join(',', operations)}}]}""");
}
