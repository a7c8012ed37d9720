using System.Globalization;
using System.Net;
using System.Net.Sockets;
using KvStore.Contracts;
using KvStore.Core.Primitives;
using KvStore.Node.Replication;
using Microsoft.Extensions.Time.Testing;

namespace KvStore.Tests.Node.Api;

public sealed class PrimaryForwarderTests : IAsyncLifetime
{
    private readonly FakeCluster _cluster = new();
    private ApiNode _node = null!;

    public async ValueTask InitializeAsync()
    {
        _node = await ApiNode.StartAsync(_cluster, member: 1);
        _cluster.MovePrimary(2);
    }

    public ValueTask DisposeAsync() => _node.DisposeAsync();

    [Fact]
    public async Task A_node_that_is_not_the_primary_asks_it()
    {
        await using var primary = await ApiNode.StartAsync(_cluster, member: 2);

        var created = await _node.SendBodyAsync("PUT", "/v1/a%2Fb", [0, 13, 10, 255], "Content-Type: image/png");
        var read = await _node.SendAsync("GET", "/v1/a/b");
        var head = await _node.SendAsync("HEAD", "/v1/a/b");
        var same = await _node.SendAsync("GET", "/v1/a/b", $"If-None-Match: {created["ETag"]}");
        var conflict = await _node.SendBodyAsync("PUT", "/v1/a/b", "x", "If-None-Match: *");
        var deleted = await _node.SendAsync("DELETE", "/v1/a/b", $"If-Match: {created["ETag"]}");

        Assert.Equal((201, "node2", "/v1/a/b"), (created.Status, created["Kv-Served-By"], created["Location"]));
        Assert.Equal("""{"key":"a/b","base64":"AA0K/w==","contentType":"image/png","version":1}""", read.Body);
        Assert.Equal(("application/json", "node2"), (read["Content-Type"], read["Kv-Served-By"]));
        Assert.Equal((200, "", read["Content-Length"]), (head.Status, head.Body, head["Content-Length"]));
        Assert.Equal((304, created["ETag"]), (same.Status, same["ETag"]));
        Assert.Equal((412, created["ETag"]), (conflict.Status, conflict.Problem.CurrentEtag));
        Assert.Equal("node2", conflict.Problem.Node);
        Assert.Equal((200, """{"key":"a/b","deleted":true}"""), (deleted.Status, deleted.Body));
    }

    [Fact]
    public async Task Who_must_not_forward_names_the_owner()
    {
        var answer = await _node.SendAsync("GET", "/v1/k", "Kv-Forward: never");

        Assert.Equal((421, "not-primary", "node2"), (answer.Status, answer.Problem.Code, answer["Kv-Owner"]));
        _cluster.MovePrimary(0);
        var write = await _node.SendBodyAsync("PUT", "/v1/k", "v", "Kv-Forward: never");
        Assert.Equal((421, Applied.No, null), (write.Status, write.Problem.Applied, write["Kv-Owner"]));
    }

    [Theory]
    [InlineData("/v1/a%2Fb%252Fc")]
    [InlineData("/v1/%61%62?consistency=%73trong")]
    [InlineData("/v1/a;b=c@d:e!$&'()*+,~?timeout=5s&ack=all")]
    [InlineData("/v1/%E2%82%AC%7e?")]
    [InlineData("/v1/a%2F..%2Fb")]
    public async Task The_target_goes_on_byte_for_byte(string target)
    {
        await using var peer = Peer(ScriptedPeer.Answer(200, "{}"));

        Assert.Equal(200, (await _node.SendAsync("GET", target)).Status);
        Assert.StartsWith($"GET {target} HTTP/1.1\r\n", Assert.Single(peer.Requests), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Only_what_the_request_means_goes_on()
    {
        await using var peer = Peer(ScriptedPeer.Answer(204));

        await _node.SendBodyAsync(
            "PUT", "/v1/k?timeout=5s", "v", "Kv-Timeout: 3s", "X-Forwarded-For: 6.6.6.6", "Cookie: c", "Kv-Role: x",
            "If-Match: \"a\"", "If-Match: \"b\"", "Idempotency-Key: mine", "Content-Type: text/x; a=\"b\"");
        var sent = Assert.Single(peer.Requests);
        Assert.Equal("never", ScriptedPeer.HeaderOf(sent, "Kv-Forward"));
        Assert.InRange(Milliseconds(ScriptedPeer.HeaderOf(sent, "Kv-Timeout")), 1, 2750);
        Assert.Equal("strong", ScriptedPeer.HeaderOf(sent, "Kv-Consistency"));
        Assert.Equal("quorum", ScriptedPeer.HeaderOf(sent, "Kv-Ack"));
        Assert.Equal("\"a\",\"b\"", ScriptedPeer.HeaderOf(sent, "If-Match"));
        Assert.Equal("mine", ScriptedPeer.HeaderOf(sent, "Idempotency-Key"));
        Assert.Equal("text/x; a=\"b\"", ScriptedPeer.HeaderOf(sent, "Content-Type"));
        Assert.EndsWith("\r\n\r\nv", sent, StringComparison.Ordinal);
        foreach (var absent in new[] { "X-Forwarded-For", "Cookie", "Kv-Role" })
            Assert.Null(ScriptedPeer.HeaderOf(sent, absent));
    }

    [Fact]
    public async Task A_refused_connection_waits_for_the_next_primary()
    {
        _cluster.Addresses[new NodeId(2)] = UnusedAddress();

        var held = _node.SendBodyAsync("PUT", "/v1/k", "v");
        while (_node.Partitions.Commands.Count < 3)
            await Task.Yield();
        Assert.False(held.IsCompleted);
        _cluster.MovePrimary(1);
        Assert.Equal((201, "node1"), ((await held).Status, (await held)["Kv-Served-By"]));
        Assert.Equal(1, _cluster.Applied);
    }

    /// <summary>It would hardly be answered in time, and then nobody knew whether the write was applied.</summary>
    [Fact]
    public async Task A_write_that_is_not_applied_is_not_sent_on_again_when_its_time_is_all_but_over()
    {
        var time = new FakeTimeProvider();
        await using var node = await ApiNode.StartAsync(_cluster, member: 3, time: time);
        await using var peer = Peer(ScriptedPeer.Problem(421, "not-primary"));    // and then silence
        var pending = node.SendBodyAsync("PUT", "/v1/k", "v", "Kv-Timeout: 10s");
        await peer.ArrivedAsync();
        time.Advance(TimeSpan.FromSeconds(9.8));
        while (!pending.IsCompleted)
        {
            time.Advance(TimeSpan.FromMilliseconds(1));
            await Task.WhenAny(pending, Task.Delay(TimeSpan.FromMilliseconds(20)));
        }

        var answer = await pending;
        Assert.Equal((503, "no-quorum", Applied.No), (answer.Status, answer.Problem.Code, answer.Problem.Applied));
        Assert.Single(peer.Requests);
    }

    [Theory]
    [InlineData(421, "not-primary", "no")]
    [InlineData(503, "no-quorum", "no")]
    [InlineData(503, "not-ready", "no")]
    [InlineData(503, "draining", "no")]
    [InlineData(504, "deadline-exceeded", "unknown")]
    public async Task A_node_that_cannot_say_is_asked_again(int status, string code, string applied)
    {
        var cannot = ScriptedPeer.Problem(status, code, applied);
        await using var peer = Peer(cannot, cannot, ScriptedPeer.Answer(201));

        Assert.Equal(201, (await _node.SendBodyAsync("PUT", "/v1/k", "v")).Status);
        Assert.Equal(3, peer.Requests.Count);
        Assert.All(peer.Requests, sent => Assert.EndsWith("\r\n\r\nv", sent, StringComparison.Ordinal));
        Assert.Single(peer.Requests.Select(sent => ScriptedPeer.HeaderOf(sent, "Kv-Hop-Request-Id")).Distinct());
    }

    [Theory]
    [InlineData(429, "overloaded")]
    [InlineData(409, "idempotency-expired")]
    [InlineData(412, "precondition-failed")]
    [InlineData(500, "internal")]
    [InlineData(507, "disk-low")]
    public async Task A_node_that_can_say_is_believed(int status, string code)
    {
        await using var peer = Peer(ScriptedPeer.Problem(status, code));

        var answer = await _node.SendBodyAsync("PUT", "/v1/k", "v");
        Assert.Equal((status, code), (answer.Status, answer.Problem.Code));
        Assert.Single(peer.Requests);
    }

    [Fact]
    public async Task A_write_whose_answer_was_lost_is_applied_once()
    {
        await using var next = await ApiNode.StartAsync(_cluster, member: 3);
        await using var peer = Peer(ScriptedPeer.Reset);

        var held = _node.SendBodyAsync("PUT", "/v1/k", "v", "Kv-Hop-Request-Id: hop-of-the-balancer");
        await peer.ArrivedAsync();
        _cluster.MovePrimary(3);
        Assert.Equal((201, "node3"), ((await held).Status, (await held)["Kv-Served-By"]));
        Assert.Equal("hop-of-the-balancer", ScriptedPeer.HeaderOf(Assert.Single(peer.Requests), "Kv-Hop-Request-Id"));
        var again = await _node.SendBodyAsync("PUT", "/v1/k", "v", "Kv-Hop-Request-Id: hop-of-the-balancer");
        Assert.Equal((201, null), (again.Status, again["Idempotency-Replayed"]));
        Assert.Equal(1, _cluster.Applied);
    }

    [Fact]
    public async Task An_answer_that_breaks_off_is_asked_for_again()
    {
        await using var peer = Peer(
            "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"key\"", ScriptedPeer.Answer(200, "{\"whole\":1}"));

        Assert.Equal("{\"whole\":1}", (await _node.SendAsync("GET", "/v1/k")).Body);
    }

    [Fact]
    public async Task A_primary_that_hangs_is_left_for_the_next_one()
    {
        await using var next = await ApiNode.StartAsync(_cluster, member: 3);
        await using var peer = Peer(ScriptedPeer.Silence);

        var held = _node.SendBodyAsync("PUT", "/v1/k?timeout=30s", "v");
        await peer.ArrivedAsync();
        _cluster.MovePrimary(3);
        Assert.Equal((201, "node3"), ((await held).Status, (await held)["Kv-Served-By"]));
    }

    [Fact]
    public async Task At_the_deadline_it_is_said_whether_anything_may_be_applied()
    {
        await using var peer = Peer();
        var write = await _node.SendBodyAsync("PUT", "/v1/k?timeout=150ms", "v");
        var read = await _node.SendAsync("GET", "/v1/k?timeout=150ms");
        _cluster.Addresses[new NodeId(2)] = UnusedAddress();
        var unsent = await _node.SendBodyAsync("PUT", "/v1/k?timeout=150ms", "v");

        Assert.Equal((504, Applied.Unknown), (write.Status, write.Problem.Applied));
        Assert.Equal((503, Applied.No), (read.Status, read.Problem.Applied));
        Assert.Equal((503, "no-quorum", Applied.No), (unsent.Status, unsent.Problem.Code, unsent.Problem.Applied));
    }

    [Theory]
    [InlineData(429, "overloaded")]
    [InlineData(409, "idempotency-expired")]
    public async Task A_refusal_elsewhere_does_not_undo_an_unknown_attempt(int status, string code)
    {
        await using var peer = Peer(ScriptedPeer.Reset, ScriptedPeer.Problem(status, code));

        var answer = await _node.SendBodyAsync("PUT", "/v1/k?timeout=300ms", "v");
        Assert.Equal((504, Applied.Unknown), (answer.Status, answer.Problem.Applied));
    }

    [Fact]
    public async Task An_eventual_read_without_a_copy_here_asks_any_copy()
    {
        await using var second = await ApiNode.StartAsync(_cluster, member: 2);
        await using var third = await ApiNode.StartAsync(_cluster, member: 3);
        _node.Partitions.HasReplicas = false;
        await _node.SendBodyAsync("PUT", "/v1/k", "v");
        _cluster.MovePrimary(0);

        var read = await _node.SendAsync("GET", "/v1/k?consistency=eventual");
        Assert.Equal((200, "eventual"), (read.Status, read["Kv-Consistency"]));
        Assert.Contains(read["Kv-Served-By"], new[] { "node2", "node3" });
    }

    [Fact]
    public async Task A_belief_that_is_wrong_does_not_hide_the_primary()
    {
        await using var stale = await ApiNode.StartAsync(_cluster, member: 2);
        await using var primary = await ApiNode.StartAsync(_cluster, member: 3);
        stale.Partitions.OnWrite = (_, _) =>
            new(new WriteOutcome.NotPrimary(NodeId.None));
        primary.Partitions.OnWrite = (command, _) =>
            new(new WriteOutcome.Committed(_cluster.Apply(command), 3, 3));

        Assert.Equal("node3", (await _node.SendBodyAsync("PUT", "/v1/k", "v"))["Kv-Served-By"]);
    }

    private static int Milliseconds(string? text)
    {
        Assert.NotNull(text);
        Assert.EndsWith("ms", text, StringComparison.Ordinal);
        return int.Parse(text.AsSpan(0, text.Length - 2), CultureInfo.InvariantCulture);
    }

    private static Uri UnusedAddress()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return new Uri($"http://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}");
    }

    private ScriptedPeer Peer(params IEnumerable<string> answers)
    {
        var peer = new ScriptedPeer(answers);
        _cluster.Addresses[new NodeId(2)] = peer.Address;
        return peer;
    }
}
