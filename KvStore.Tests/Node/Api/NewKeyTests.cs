using KvStore.Core.Primitives;
using KvStore.Node.Replication;

namespace KvStore.Tests.Node.Api;

/// <summary>Values whose key the server chooses.</summary>
public sealed class NewKeyTests : IAsyncLifetime
{
    private const string Keys = "/buckets/default/keys";
    private readonly FakeCluster _cluster = new();
    private ApiNode _node = null!;

    public async ValueTask InitializeAsync() => _node = await ApiNode.StartAsync(_cluster);

    public ValueTask DisposeAsync() => _node.DisposeAsync();

    [Fact]
    public async Task A_value_without_a_key_gets_one_of_its_own()
    {
        var before = TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds();
        var first = await _node.SendBodyAsync("POST", Keys + "?ttl=1h", "v", "Content-Type: text/plain");
        var second = await _node.SendBodyAsync("POST", Keys, "w");

        Assert.Equal((201, "", "1"), (first.Status, first.Body, first["Kv-Version"]));
        Assert.NotNull(first["Kv-Expires-At"]);
        Assert.NotEqual(first["Location"], second["Location"]);
        var key = KeyIn(first);
        Assert.Equal((7, key.ToString("D")), (key.Version, first["Location"]![(Keys.Length + 1)..]));
        var after = TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds();
        Assert.InRange(Convert.ToInt64(key.ToString("N")[..12], 16), before, after);
        Assert.Equal("v", (await _node.SendAsync("GET", first["Location"]!)).Body);
    }

    [Fact]
    public async Task Under_the_envelopes_path_the_entry_tells_it()
    {
        var posted = await _node.PostAsync("/v1", """{"value":1}""");

        var key = posted.Json.GetProperty("key").GetString();
        Assert.Equal((201, "/v1/" + key), (posted.Status, posted["Location"]));
        Assert.Equal(1, (await _node.SendAsync("GET", "/v1/" + key)).Json.GetProperty("value").GetInt32());
    }

    [Theory]
    [InlineData("Idempotency-Key: order-7", "Idempotency-Key: order-7")]
    [InlineData("Kv-Hop-Request-Id: hop-7", "Kv-Hop-Request-Id: hop-7")]
    public async Task A_repeated_request_meets_the_same_key_and_is_applied_once(string name, string again)
    {
        var first = await _node.SendBodyAsync("POST", Keys, "v", name);
        var second = await _node.SendBodyAsync("POST", Keys, "v", again);

        Assert.Equal((201, first["Location"], first["ETag"]), (second.Status, second["Location"], second["ETag"]));
        Assert.Equal(1, _cluster.Applied);
        var other = await _node.SendBodyAsync("POST", Keys, "w", again);
        Assert.Equal((422, "idempotency-mismatch"), (other.Status, other.Problem.Code));
    }

    [Fact]
    public async Task A_name_that_carries_its_time_gives_it_to_the_key_in_either_case()
    {
        var name = Guid.CreateVersion7();
        var first = await _node.SendBodyAsync("POST", Keys, "v", $"Idempotency-Key: {name}");
        var second = await _node.SendBodyAsync(
            "POST", Keys, "v", $"Idempotency-Key: {name.ToString().ToUpperInvariant()}");

        Assert.Equal(first["Location"], second["Location"]);
        Assert.Equal(name.ToString("N")[..12], KeyIn(first).ToString("N")[..12]);
        Assert.NotEqual(name, KeyIn(first));
        Assert.Equal(1, _cluster.Applied);
    }

    [Fact]
    public async Task A_key_that_is_there_is_never_replaced()
    {
        var first = await _node.SendBodyAsync("POST", Keys, "v", "Idempotency-Key: i");
        await _node.SendBodyAsync("PUT", first["Location"]!, "changed");
        _node.Partitions.OnWrite = (command, _) => new(new WriteOutcome.Committed(
            _cluster.Apply(command with { RequestId = null }), 2, 3));    // as if it had been forgotten

        Assert.Equal(412, (await _node.SendBodyAsync("POST", Keys, "v", "Idempotency-Key: i")).Status);
        Assert.Equal("changed", (await _node.SendAsync("GET", first["Location"]!)).Body);
    }

    [Fact]
    public async Task Another_node_chooses_the_same_key()
    {
        await using var primary = await ApiNode.StartAsync(_cluster, member: 2);
        _cluster.MovePrimary(2);

        var posted = await _node.SendBodyAsync("POST", Keys, "v");
        Assert.Equal((201, "node2"), (posted.Status, posted["Kv-Served-By"]));
        Assert.Equal("v", (await _node.SendAsync("GET", posted["Location"]!)).Body);
        Assert.Equal(1, _cluster.Applied);
    }

    [Fact]
    public async Task What_the_key_was_made_of_goes_on_with_the_request()
    {
        await using var peer = new ScriptedPeer(ScriptedPeer.Answer(201), ScriptedPeer.Answer(201));
        _cluster.Addresses[new NodeId(2)] = peer.Address;
        _cluster.MovePrimary(2);

        await _node.SendBodyAsync("POST", Keys, "v");
        var name = ScriptedPeer.HeaderOf(Assert.Single(peer.Requests), "Kv-Hop-Request-Id");
        Assert.Equal(7, Guid.ParseExact(name!, "N").Version);    // not the counted one of a write to a named key
    }

    [Theory]
    [InlineData("If-Match: *", 400)]
    [InlineData("Idempotency-Key: a b", 400)]
    [InlineData("If-None-Match: *", 201)]
    public async Task What_is_asked_of_a_new_key_must_be_possible(string header, int status) =>
        Assert.Equal(status, (await _node.SendBodyAsync("POST", Keys, "v", header)).Status);

    private static Guid KeyIn(RawResponse answer) => Guid.ParseExact(answer["Location"]![(Keys.Length + 1)..], "D");
}
