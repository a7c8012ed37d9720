using System.Text.Json;
using KvStore.Core.Primitives;
using KvStore.Core.State;
using KvStore.Node.Replication;
using KvStore.Tests.Node.Transactions;
using static KvStore.Tests.Core.State.Commands;

namespace KvStore.Tests.Node.Api;

/// <summary>Transactions over HTTP, of one partition and of several; and what a locked key means to others.</summary>
public sealed class TransactionApiTests : IAsyncLifetime
{
    private const string Path = "/buckets/default/txn";
    private static readonly string Far = PartitionStates.KeyElsewhere("far", "near");

    private readonly FakeCluster _cluster = new();
    private readonly PartitionStates _states = new();
    private ApiNode _node = null!;

    public async ValueTask InitializeAsync() => _node = await ApiNode.StartAsync(_cluster, reached: _states);

    public ValueTask DisposeAsync() => _node.DisposeAsync();

    [Theory]
    [InlineData("{near}2")]
    [InlineData("far")]
    public async Task All_is_done_or_nothing_and_every_answer_says_which(string second)
    {
        second = second == "far" ? Far : second;
        var first = await PostAsync(
            $$"""
            {"if":[{"key":"near","exists":false}],
             "then":[{"op":"put","key":"near","value":1},
             {"op":"increment","key":"{{second}}","by":2}]}
            """);
        Assert.Equal(200, first.Status);
        Assert.True(first.Json.GetProperty("succeeded").GetBoolean());
        Assert.Equal(JsonValueKind.String, first.Json.GetProperty("version").ValueKind);
        Assert.Equal([201, 201], StatusesOf(first));
        var etag = first.Json.GetProperty("results")[1].GetProperty("etag").GetString()!;

        var failed = await PostAsync(
            $$"""
            {"if":[{"key":"near","value":1},{"key":"{{second}}","version":{"gt":1000} },
             {"key":"none","exists":true}],
             "then":[{"op":"delete","key":"near"}]}
            """);
        Assert.Equal((412, "precondition-failed"), (failed.Status, failed.Problem.Code));
        Assert.Equal(
            [(1, second, etag), (2, "none", null)],
            failed.Problem.Failed!.Select(item => (item.Index, item.Key!, item.CurrentEtag)));

        var otherwise = await PostAsync(
            $$"""
            {"if":[{"key":"{{second}}","value":3}],
             "else":[{"op":"get","key":"{{second}}"},{"op":"get","key":"near"},
             {"op":"get","key":"none"}]}
            """);
        Assert.False(otherwise.Json.GetProperty("succeeded").GetBoolean());
        Assert.Equal([200, 200, 404], StatusesOf(otherwise));
        Assert.Equal(2, otherwise.Json.GetProperty("results")[0].GetProperty("value").GetInt64());

        var tagged = await PostAsync(
            $$"""
            {"if":[{"key":"{{second}}","etag":{{JsonSerializer.Serialize(etag)}}}],
             "then":[{"op":"delete","key":"near"},
             {"op":"delete","key":"{{second}}"}]}
            """);
        Assert.Equal([204, 204], StatusesOf(tagged));
        Assert.Null(_states.TextOf("near"));
        Assert.Null(_states.TextOf(second));
    }

    [Theory]
    [InlineData("{near}2")]
    [InlineData("far")]
    public async Task A_retry_gets_the_first_answer(string second)
    {
        second = second == "far" ? Far : second;
        var body =
            $$"""
            {
             "then":[{"op":"increment","key":"near"},{"op":"increment","key":"{{second}}"},
             {"op":"get","key":"{near}x"}]}
            """;
        var first = await PostAsync(body, "Idempotency-Key: once");
        var again = await PostAsync(body, "Idempotency-Key: once");
        Assert.Equal((200, first.Body), (again.Status, again.Body));
        Assert.Equal((null, "true"), (first["Idempotency-Replayed"], again["Idempotency-Replayed"]));
        Assert.Equal("1", _states.TextOf("near"));
        var other = await PostAsync(
            $$"""{"then":[{"op":"increment","key":"near","by":2},{"op":"increment","key":"{{second}}"}]}""",
            "Idempotency-Key: once");
        Assert.Equal((422, "idempotency-mismatch"), (other.Status, other.Problem.Code));
    }

    [Theory]
    [InlineData("{near}2")]
    [InlineData("far")]
    public async Task An_operation_that_cannot_be_done_is_named(string second)
    {
        second = second == "far" ? Far : second;
        await PostAsync($$"""{"then":[{"op":"put","key":"{{second}}","value":"text"}]}""");
        var body = $$"""{"then":[{"op":"put","key":"near","value":1},{"op":"increment","key":"{{second}}"}]}""";
        var failed = await PostAsync(body, "Idempotency-Key: once");
        Assert.Equal((422, "value-not-a-number"), (failed.Status, failed.Problem.Code));
        var item = Assert.Single(failed.Problem.Failed!);
        Assert.Equal((1, second, "value-not-a-number"), (item.Index, item.Key, item.Code));
        Assert.Null(_states.TextOf("near"));

        var again = await PostAsync(body, "Idempotency-Key: once");
        Assert.Equal((422, "value-not-a-number"), (again.Status, again.Problem.Code));
        Assert.Equal((null, "true"), (failed["Idempotency-Replayed"], again["Idempotency-Replayed"]));
    }

    [Theory]
    [InlineData("""{}""", 400, "body-invalid")]
    [InlineData("""{"then":[]}""", 400, "body-invalid")]
    [InlineData("""{"when":[]}""", 400, "body-invalid")]
    [InlineData("""{"then":[{"op":"delete","key":"a"},{"op":"put","key":"a","value":1}]}""", 400, "body-invalid")]
    [InlineData("""{"if":[{"key":"a"}],"then":[]}""", 400, "body-invalid")]
    [InlineData("""{"if":[{"key":"a","exists":true,"value":1}]}""", 400, "body-invalid")]
    [InlineData("""{"if":[{"key":"a","exists":1}]}""", 400, "body-invalid")]
    [InlineData("""{"if":[{"key":"a","version":{"gt":1,"lt":3}}]}""", 400, "body-invalid")]
    [InlineData("""{"if":[{"key":"a","version":{"ge":1}}]}""", 400, "body-invalid")]
    [InlineData("""{"if":[{"key":"a","version":{"gt":-1}}]}""", 400, "body-invalid")]
    [InlineData("""{"if":[{"key":"a","etag":"x"}]}""", 400, "body-invalid")]
    public async Task What_cannot_be_read_is_refused(string body, int status, string code)
    {
        var answer = await PostAsync(body);
        Assert.Equal((status, code), (answer.Status, answer.Problem.Code));
        Assert.Empty(_states.Commands);
    }

    [Fact]
    public async Task A_transaction_has_128_items_and_4_MiB_at_most()
    {
        static string Gets(int count) => string.Join(
            ',', Enumerable.Range(0, count).Select(number => $$"""{"op":"get","key":"{t}{{number}}"}"""));
        Assert.Equal(200, (await PostAsync($$"""{"then":[{{Gets(64)}}],"else":[{{Gets(64)}}]}""")).Status);
        var many = await PostAsync($$"""{"then":[{{Gets(64)}}],"else":[{{Gets(65)}}]}""");
        Assert.Equal((413, "txn-too-large"), (many.Status, many.Problem.Code));
        var large = await PostAsync(new string(' ', (4 << 20) + 1));
        Assert.Equal((413, "txn-too-large"), (large.Status, large.Problem.Code));
    }

    [Fact]
    public async Task What_is_not_known_to_be_decided_is_said_to_be_unknown()
    {
        _states.OnWrite = (_, command) => command is Command.Decide ? new WriteOutcome.Indeterminate() : null;
        var answer = await PostAsync(
            $$"""{"then":[{"op":"put","key":"near","value":1},{"op":"put","key":"{{Far}}","value":1}]}""");
        Assert.Equal((504, KvStore.Contracts.Applied.Unknown), (answer.Status, answer.Problem.Applied));
    }

    [Fact]
    public async Task A_request_for_a_locked_key_waits_until_it_is_free_and_then_sees_what_was_done()
    {
        Lock("k");
        var read = _node.SendAsync("GET", "/v1/k");
        var write = _node.SendBodyAsync("PUT", "/v1/k", "2", "Content-Type: application/json");
        await _node.Partitions.LockWaits.Task;
        var eventual = await _node.SendAsync("GET", "/v1/k?consistency=eventual");
        Assert.Equal(404, eventual.Status);
        Assert.False(read.IsCompleted);
        _cluster.Apply(new Command.Finish { TimeMs = 0, RequestId = HopId(1), Outcome = TransactionOutcome.Then });
        Assert.Equal(200, (await read).Status);
        Assert.Equal(204, (await write).Status);
    }

    [Fact]
    public async Task A_key_that_stays_locked_until_the_deadline_is_refused_and_may_be_tried_again()
    {
        Lock("k");
        foreach (var answer in new[]
        {
            await _node.SendAsync("GET", "/v1/k?timeout=50ms"),
            await _node.SendBodyAsync("PUT", "/v1/k?timeout=50ms", "2", "Content-Type: application/json"),
        })
        {
            Assert.Equal((503, "locked", true, KvStore.Contracts.Applied.No), (
                answer.Status, answer.Problem.Code, answer.Problem.Retryable, answer.Problem.Applied));
            Assert.InRange(answer.RetryAfterSeconds, 1, 3);
        }
    }

    private void Lock(string key) => _cluster.Apply(new Command.Prepare
    {
        TimeMs = 0,
        RequestId = HopId(1),
        Client = ClientId(1),
        Fingerprint = 1,
        Participants = [new PartitionId(0), new PartitionId(1)],
        Part = new Command.Transaction
        {
            TimeMs = 0,
            Bucket = BucketId.Default,
            Then = [PutOf(key, "1", type: "application/json")],
        },
    });

    private static List<int> StatusesOf(RawResponse answer) =>
    [
        .. answer.Json.GetProperty("results").EnumerateArray()
            .Select(result => result.GetProperty("status").GetInt32()),
    ];

    private Task<RawResponse> PostAsync(string body, params string[] headers) => _node.PostAsync(Path, body, headers);
}
