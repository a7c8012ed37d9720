using System.Globalization;
using KvStore.Core.State;
using KvStore.Node.Replication;

namespace KvStore.Tests.Node.Api;

/// <summary>How long keys are kept, and that what is due is not given out.</summary>
public sealed class TtlTests : IAsyncLifetime
{
    private const string Raw = "/buckets/default/keys/k";
    private readonly ShiftedTime _time = new();
    private ApiNode _node = null!;

    public async ValueTask InitializeAsync() => _node = await ApiNode.StartAsync(time: _time);

    public ValueTask DisposeAsync() => _node.DisposeAsync();

    [Theory]
    [InlineData("PUT", "?ttl=60", "X: y")]
    [InlineData("PUT", "", "Kv-Ttl: 60s")]
    [InlineData("POST", "?ttl=1m", "kv-ttl: 60000ms")]
    public async Task A_value_is_kept_for_as_long_as_is_asked_in_header_or_query(
        string method, string query, string header)
    {
        var before = _time.GetUtcNow();
        var stored = await _node.SendBodyAsync(method, Raw + query, "v", header);

        var put = Assert.IsType<Operation.Put>(_node.Partitions.OnlyOperation);
        Assert.Equal(Ttl.After(60_000), put.Ttl);
        var expires = stored["Kv-Expires-At"]!;
        Assert.InRange(
            DateTimeOffset.Parse(expires, CultureInfo.InvariantCulture),
            before.AddSeconds(59.9), _time.GetUtcNow().AddSeconds(60.1));
        Assert.Matches(@"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$", expires);
        foreach (var target in new[] { Raw, "/v1/k", Raw + "?format=meta" })
        {
            var read = await _node.SendAsync("GET", target);
            Assert.Equal((expires, stored["Expires"]), (read["Kv-Expires-At"], read["Expires"]));
            Assert.True(DateTimeOffset.TryParseExact(
                read["Expires"], "R", CultureInfo.InvariantCulture, DateTimeStyles.None, out _));
        }
    }

    [Fact]
    public async Task An_envelope_can_say_it_too_and_must_not_disagree()
    {
        var posted = await _node.PostAsync("/v1/k", """{"value":1,"ttl":"2h"}""");
        Assert.Equal((200, true), (posted.Status, posted["Kv-Expires-At"] is not null));
        Assert.Equal(Ttl.After(7_200_000), Assert.IsType<Operation.Put>(_node.Partitions.OnlyOperation).Ttl);

        Assert.Equal(200, (await _node.PostAsync("/v1/k?ttl=120m", """{"value":1,"ttl":"2h"}""")).Status);
        var other = await _node.PostAsync("/v1/k?ttl=1h", """{"value":1,"ttl":"2h"}""");
        Assert.Equal((400, "body-invalid"), (other.Status, other.Problem.Code));
        Assert.Equal(200, (await _node.PostAsync("/v1/k", """{"ttl":"none","base64":""}""")).Status);
        Assert.Null((await _node.SendAsync("GET", "/v1/k"))["Kv-Expires-At"]);
    }

    [Theory]
    [InlineData("0")]
    [InlineData("0s")]
    [InlineData("-1s")]
    [InlineData("1.5s")]
    [InlineData("3651d")]
    [InlineData("9223372036854775807")]
    [InlineData("99999999999999999999s")]
    [InlineData("soon")]
    [InlineData("None")]
    [InlineData("")]
    public async Task What_is_no_time_to_live_is_refused(string ttl)
    {
        Assert.Equal((400, "query-invalid"), Refused(await _node.SendBodyAsync("PUT", $"{Raw}?ttl={ttl}", "v")));
        Assert.Equal((400, "header-invalid"), Refused(await _node.SendBodyAsync("PUT", Raw, "v", $"Kv-Ttl: {ttl}")));
        Assert.Equal(
            (400, "body-invalid"), Refused(await _node.PostAsync("/v1/k", $$"""{"value":1,"ttl":"{{ttl}}"}""")));
        Assert.Equal((400, "query-invalid"), Refused(await _node.SendAsync("POST", $"{Raw}?touch&ttl={ttl}")));
        Assert.Empty(_node.Partitions.Commands);
    }

    [Fact]
    public async Task Header_and_query_must_not_disagree_and_reads_take_none()
    {
        Assert.Equal(
            (400, "query-invalid"), Refused(await _node.SendBodyAsync("PUT", Raw + "?ttl=1h", "v", "Kv-Ttl: 1s")));
        Assert.Equal(
            (400, "header-invalid"), Refused(await _node.SendBodyAsync("PUT", Raw, "v", "Kv-Ttl: 1", "Kv-Ttl: 1")));
        foreach (var method in new[] { "GET", "DELETE" })
        {
            Assert.Equal((400, "query-invalid"), Refused(await _node.SendAsync(method, Raw + "?ttl=1h")));
            Assert.Equal((400, "header-invalid"), Refused(await _node.SendAsync(method, Raw, "Kv-Ttl: 1h")));
        }

        Assert.Empty(_node.Partitions.Commands);
    }

    [Fact]
    public async Task A_put_that_says_nothing_ends_the_time_and_keep_keeps_it()
    {
        var first = await _node.SendBodyAsync("PUT", Raw + "?ttl=1h", "v");
        var kept = await _node.SendBodyAsync("PUT", Raw + "?ttl=keep", "w");
        var ended = await _node.SendBodyAsync("PUT", Raw, "x");

        Assert.Equal(first["Kv-Expires-At"], kept["Kv-Expires-At"]);
        Assert.Null(ended["Kv-Expires-At"]);
    }

    [Theory]
    [InlineData(Raw, 204, "")]
    [InlineData("/v1/k", 200, """{"key":"k","value":"v","contentType":"text/plain","version":2}""")]
    public async Task A_touch_changes_the_time_and_nothing_else(string target, int status, string body)
    {
        await _node.SendBodyAsync("PUT", Raw, "v", "Content-Type: text/plain", "Kv-Meta-a: b");

        var touched = await _node.SendAsync(
            "POST", target + "?touch", "Kv-Ttl: 1h", "Idempotency-Key: t", "Content-Length: 0");
        Assert.Equal((status, body, "2"), (touched.Status, touched.Body, touched["Kv-Version"]));
        var read = await _node.SendAsync("GET", Raw);
        Assert.Equal(("v", "b"), (read.Body, read["Kv-Meta-a"]));
        Assert.Equal((touched["Kv-Expires-At"], touched["ETag"]), (read["Kv-Expires-At"], read["ETag"]));
        Assert.NotNull(read["Kv-Expires-At"]);
        var again = await _node.SendAsync("POST", target + "?touch", "Kv-Ttl: 1h", "Idempotency-Key: t");
        Assert.Equal(
            (status, body, "true", touched["ETag"], touched["Kv-Expires-At"]),
            (again.Status, again.Body, again["Idempotency-Replayed"], again["ETag"], again["Kv-Expires-At"]));
        var forever = await _node.SendAsync("POST", target + "?ttl=none&touch=");
        Assert.Equal((status, null), (forever.Status, forever["Kv-Expires-At"]));
    }

    [Fact]
    public async Task A_touch_needs_a_key_that_is_there_and_a_time_and_no_body()
    {
        Assert.Equal((404, "not-found"), Refused(await _node.SendAsync("POST", Raw + "?touch&ttl=1h")));
        var condition = await _node.SendAsync("POST", Raw + "?touch&ttl=1h", "If-Match: *");
        Assert.Equal((412, "precondition-failed"), Refused(condition));
        Assert.Equal((400, "query-invalid"), Refused(await _node.SendAsync("POST", Raw + "?touch")));
        Assert.Equal((400, "query-invalid"), Refused(await _node.SendAsync("POST", Raw + "?touch&touch&ttl=1h")));
        Assert.Equal((400, "query-invalid"), Refused(await _node.SendAsync("POST", Raw + "?touch=1&ttl=1h")));
        Assert.Equal((400, "query-invalid"), Refused(await _node.SendAsync("PATCH", Raw + "?touch&ttl=1h")));
        Assert.Equal((400, "query-invalid"), Refused(await _node.SendAsync("POST", "/v1?touch&ttl=1h")));
        var body = await _node.SendBodyAsync("POST", Raw + "?touch&ttl=1h", "v");
        Assert.Equal((400, "body-not-allowed"), Refused(body));
    }

    [Fact]
    public async Task What_is_due_ends_by_a_committed_command_before_a_strong_read_answers()
    {
        await _node.SendBodyAsync("PUT", Raw + "?ttl=1h", "v");
        _time.Shift = TimeSpan.FromMinutes(59);
        Assert.Equal(200, (await _node.SendAsync("GET", Raw)).Status);
        Assert.Single(_node.Partitions.Commands);

        _time.Shift = TimeSpan.FromMinutes(60);
        Assert.Equal(200, (await _node.SendAsync("GET", Raw + "?consistency=eventual")).Status);
        var late = await _node.SendAsync("GET", Raw);
        Assert.Equal((404, "not-found"), Refused(late));
        Assert.IsType<Command.Expire>(_node.Partitions.Commands.Last());
        Assert.Equal(404, (await _node.SendAsync("GET", Raw + "?consistency=eventual")).Status);
        Assert.Equal(404, (await _node.SendAsync("HEAD", Raw)).Status);
        Assert.Equal(2, _node.Partitions.Commands.Count);
        Assert.Equal(201, (await _node.SendBodyAsync("PUT", Raw + "?ttl=keep", "w")).Status);
    }

    [Fact]
    public async Task What_is_due_and_cannot_be_ended_is_not_given_out()
    {
        await _node.SendBodyAsync("PUT", Raw + "?ttl=1h", "v");
        _time.Shift = TimeSpan.FromHours(1);

        _node.Partitions.OnWrite = (_, _) => new(new WriteOutcome.Overloaded());
        Assert.Equal((503, "overloaded"), Refused(await _node.SendAsync("GET", Raw)));
        _node.Partitions.OnWrite = (_, _) => new(new WriteOutcome.Indeterminate());
        Assert.Equal((503, "no-quorum"), Refused(await _node.SendAsync("GET", Raw + "?timeout=50ms")));
        var rounds = 0;
        _node.Partitions.OnWrite = (_, _) => new(rounds++ == 0 ? new WriteOutcome.Indeterminate() : null);
        Assert.Equal((404, "not-found"), Refused(await _node.SendAsync("GET", Raw)));
    }

    [Fact]
    public async Task An_answer_that_tells_when_a_value_ends_waits_for_a_majority()
    {
        await _node.SendBodyAsync("PUT", Raw + "?ack=one&ttl=1h", "v");

        Assert.Equal(Ack.Quorum, Assert.Single(_node.Partitions.Acks));
    }

    private static (int, string) Refused(RawResponse answer) => (answer.Status, answer.Problem.Code);
}
