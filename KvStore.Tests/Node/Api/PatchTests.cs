using KvStore.Core.Primitives;
using KvStore.Core.State;
using KvStore.Node.Replication;

namespace KvStore.Tests.Node.Api;

/// <summary>Changes of a part of a value, under both paths alike.</summary>
public sealed class PatchTests : IAsyncLifetime
{
    private const string Raw = "/buckets/default/keys/k";
    private const string Merge = "Content-Type: application/merge-patch+json";
    private const string Increment = "Content-Type: application/vnd.kvstore.increment+json";
    private ApiNode _node = null!;

    public async ValueTask InitializeAsync() =>
        _node = await ApiNode.StartAsync(configure: options => options.MaxValueBytes = 1000);

    public ValueTask DisposeAsync() => _node.DisposeAsync();

    [Theory]
    [InlineData("/v1/k")]
    [InlineData(Raw)]
    public async Task A_merge_patch_changes_what_it_names(string target)
    {
        await _node.PostAsync("/v1/k", """{"value":{"a":1.0,"b":{"c":[1]}}}""");

        var patched = await _node.SendBodyAsync("PATCH", target, """{"a":null,"b":{"d":"x"}}""", Merge);
        Assert.Equal(200, patched.Status);
        Assert.Equal("""{"key":"k","value":{"b":{"c":[1],"d":"x"}},"version":2}""", patched.Body);
        Assert.Equal(("2", "application/json"), (patched["Kv-Version"], patched["Content-Type"]));
        Assert.Equal(patched["ETag"], (await _node.SendAsync("GET", target))["ETag"]);
        Assert.Equal("""{"b":{"c":[1],"d":"x"}}""", (await _node.SendAsync("GET", Raw)).Body);
    }

    [Theory]
    [InlineData("/v1/k")]
    [InlineData(Raw)]
    public async Task An_increment_adds_and_answers_the_sum(string target)
    {
        var first = await _node.SendBodyAsync("PATCH", target, """{"by":5,"initial":10}""", Increment);
        var second = await _node.SendBodyAsync("PATCH", target, "{}", Increment + "; charset=utf-8");
        var third = await _node.SendBodyAsync("PATCH", target, """{"by":-20}""", Increment, "If-Match: *");

        Assert.Equal((200, """{"key":"k","value":15,"version":1}"""), (first.Status, first.Body));
        Assert.Equal((200, """{"key":"k","value":16,"version":2}"""), (second.Status, second.Body));
        Assert.Equal((200, """{"key":"k","value":-4,"version":3}"""), (third.Status, third.Body));
        Assert.Equal("-4", (await _node.SendAsync("GET", Raw)).Body);
    }

    [Fact]
    public async Task A_number_stored_as_text_is_answered_as_a_number()
    {
        await _node.SendBodyAsync("PUT", Raw, "7", "Content-Type: text/plain");

        Assert.Equal(
            """{"key":"k","value":8,"version":2}""", (await _node.SendBodyAsync("PATCH", Raw, "{}", Increment)).Body);
        Assert.Equal("text/plain", (await _node.SendAsync("GET", Raw))["Content-Type"]);
    }

    [Fact]
    public async Task A_repeated_increment_adds_once_and_answers_the_first_sum_whatever_came_since()
    {
        var first = await _node.SendBodyAsync("PATCH", Raw, "{}", Increment, "Idempotency-Key: i");
        await _node.SendBodyAsync("PATCH", Raw, "{}", Increment);
        var again = await _node.SendBodyAsync("PATCH", Raw, "{}", Increment, "Idempotency-Key: i");

        Assert.Equal(first.Body, again.Body);
        Assert.Equal(("true", first["ETag"]), (again["Idempotency-Replayed"], again["ETag"]));
        Assert.Equal("2", (await _node.SendAsync("GET", Raw)).Body);
    }

    [Fact]
    public async Task A_repeated_merge_answers_the_entry_as_long_as_it_is_what_was_written()
    {
        await _node.PostAsync("/v1/k", """{"value":{}}""");
        var first = await _node.SendBodyAsync("PATCH", Raw, """{"a":1}""", Merge, "Idempotency-Key: i");
        var again = await _node.SendBodyAsync("PATCH", Raw, """{"a":1}""", Merge, "Idempotency-Key: i");
        await _node.SendBodyAsync("PATCH", Raw, """{"b":1}""", Merge);
        var late = await _node.SendBodyAsync("PATCH", Raw, """{"a":1}""", Merge, "Idempotency-Key: i");

        Assert.Equal((200, first.Body, "true"), (again.Status, again.Body, again["Idempotency-Replayed"]));
        Assert.Equal((204, "", "true"), (late.Status, late.Body, late["Idempotency-Replayed"]));
        Assert.Equal((first["ETag"], "2"), (late["ETag"], late["Kv-Version"]));
    }

    [Fact]
    public async Task A_patch_keeps_the_time_that_a_value_has_unless_it_says_another()
    {
        var put = await _node.SendBodyAsync("PUT", Raw, "1", "Kv-Ttl: 1h");
        var kept = await _node.SendBodyAsync("PATCH", Raw, "{}", Increment);
        var ended = await _node.SendBodyAsync("PATCH", Raw + "?ttl=none", "{}", Merge);

        Assert.Equal(put["Kv-Expires-At"], kept["Kv-Expires-At"]);
        Assert.Equal((200, null), (ended.Status, ended["Kv-Expires-At"]));
    }

    [Theory]
    [InlineData("abc", "{}", Increment, 422, "value-not-a-number")]
    [InlineData("1.0", "{}", Increment, 422, "value-not-a-number")]
    [InlineData("9223372036854775807", "{}", Increment, 422, "number-overflow")]
    [InlineData("-9223372036854775808", "{\"by\":-1}", Increment, 422, "number-overflow")]
    [InlineData("abc", "{\"a\":1}", Merge, 422, "value-not-json")]
    [InlineData("", "{\"a\":1}", Merge, 422, "value-not-json")]
    [InlineData("{\"a\":1,\"a\":2}", "{\"a\":1}", Merge, 422, "value-not-json")]
    [InlineData("{\"\\ud800\":1}", "{\"a\":1}", Merge, 422, "value-not-json")]
    public async Task What_cannot_be_changed_so_is_left_as_it_is(
        string stored, string patch, string type, int status, string code)
    {
        await _node.SendBodyAsync("PUT", Raw, stored, "Content-Type: application/json");

        foreach (var target in new[] { Raw, "/v1/k" })
        {
            var answer = await _node.SendBodyAsync("PATCH", target, patch, type);
            Assert.Equal((status, code), (answer.Status, answer.Problem.Code));
        }

        Assert.Equal(stored, (await _node.SendAsync("GET", Raw)).Body);
    }

    [Fact]
    public async Task A_merge_needs_a_value_and_room_for_what_comes_of_it()
    {
        var absent = await _node.SendBodyAsync("PATCH", Raw, "{}", Merge);
        Assert.Equal((404, "not-found"), (absent.Status, absent.Problem.Code));
        await _node.SendBodyAsync("PUT", Raw, $$"""{"a":"{{new string('x', 500)}}"}""");
        var tooMuch = await _node.SendBodyAsync("PATCH", Raw, $$"""{"b":"{{new string('x', 500)}}"}""", Merge);
        Assert.Equal((413, "value-too-large"), (tooMuch.Status, tooMuch.Problem.Code));
        var beyond = await _node.SendBodyAsync("PATCH", Raw, new string(' ', 1001), Merge);
        Assert.Equal((413, "value-too-large"), (beyond.Status, beyond.Problem.Code));
    }

    [Fact]
    public async Task A_condition_holds_for_a_patch_too()
    {
        var put = await _node.SendBodyAsync("PUT", Raw, "1");
        var changed = await _node.SendBodyAsync("PATCH", Raw, "{}", Increment, $"If-Match: {put["ETag"]}");
        var late = await _node.SendBodyAsync("PATCH", Raw, "{}", Increment, $"If-Match: {put["ETag"]}");
        var present = await _node.SendBodyAsync("PATCH", Raw, "{}", Increment, "If-None-Match: *");

        Assert.Equal(200, changed.Status);
        Assert.Equal((412, changed["ETag"]), (late.Status, late.Problem.CurrentEtag));
        Assert.Equal(412, present.Status);
    }

    [Theory]
    [InlineData("")]
    [InlineData("{")]
    [InlineData("{} x")]
    [InlineData("{\"a\":1,\"a\":2}")]
    [InlineData("{\"a\":{\"b\":1,\"\\u0062\":2}}")]
    [InlineData("{\"a\":1e999}")]
    [InlineData("{\"a\":NaN}")]
    [InlineData("{\"\\ud800\":1}")]
    [InlineData("\uFEFF{}")]
    public async Task A_patch_that_two_readers_could_read_differently_is_refused(string patch) =>
        await AssertBodyRefused(patch, Merge);

    [Theory]
    [InlineData("")]
    [InlineData("1")]
    [InlineData("[]")]
    [InlineData("{\"by\":\"1\"}")]
    [InlineData("{\"by\":1.5}")]
    [InlineData("{\"by\":1e3}")]
    [InlineData("{\"by\":null}")]
    [InlineData("{\"by\":9223372036854775808}")]
    [InlineData("{\"by\":1,\"by\":1}")]
    [InlineData("{\"by\":1,\"b\\u0079\":1}")]
    [InlineData("{\"By\":1}")]
    [InlineData("{\"by\":1,\"other\":1}")]
    [InlineData("{\"by\":1}{}")]
    public async Task An_increment_that_is_not_exact_is_refused(string body) =>
        await AssertBodyRefused(body, Increment);

    [Fact]
    public async Task A_patch_may_be_32_levels_deep_and_no_deeper()
    {
        await _node.SendBodyAsync("PUT", Raw, "{}");
        Assert.Equal(200, (await _node.SendBodyAsync("PATCH", Raw, Nested(32), Merge)).Status);
        Assert.Equal(400, (await _node.SendBodyAsync("PATCH", Raw, Nested(33), Merge)).Status);

        static string Nested(int depth) => new string('[', depth) + new string(']', depth);
    }

    [Theory]
    [InlineData("X: y")]
    [InlineData("Content-Type: application/json")]
    [InlineData("Content-Type: application/json-patch+json")]
    [InlineData("Content-Type: application/merge-patch+json; charset=utf-16")]
    public async Task A_patch_of_another_kind_is_told_which_are_taken(string type)
    {
        var answer = await _node.SendBodyAsync("PATCH", Raw, "{}", type);

        Assert.Equal((415, "unsupported-media-type"), (answer.Status, answer.Problem.Code));
        Assert.Equal("application/merge-patch+json, application/vnd.kvstore.increment+json", answer["Accept-Patch"]);
        Assert.Empty(_node.Partitions.Commands);
    }

    [Theory]
    [InlineData(WriteStatus.MemoryFull, 503, "overloaded")]
    public async Task What_the_state_does_not_take_has_an_answer(WriteStatus status, int code, string problem)
    {
        var result = new WriteResult(status, KeyVersion.None, IsReplay: false);
        _node.Partitions.OnWrite = (_, _) => new(new WriteOutcome.Committed(result, 2, 3));

        var answer = await _node.SendBodyAsync("PATCH", Raw, "{}", Increment);
        Assert.Equal((code, problem), (answer.Status, answer.Problem.Code));
        Assert.Equal(status is WriteStatus.MemoryFull, answer["Retry-After"] is not null);
    }

    private async Task AssertBodyRefused(string body, string type)
    {
        var answer = await _node.SendBodyAsync("PATCH", Raw, body, type);
        Assert.Equal((400, "body-invalid"), (answer.Status, answer.Problem.Code));
        Assert.EndsWith(".", answer.Problem.Detail, StringComparison.Ordinal);
        Assert.Empty(_node.Partitions.Commands);
    }
}
