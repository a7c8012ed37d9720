using KvStore.Contracts;
using KvStore.Core.Primitives;

namespace KvStore.Tests.Node.Api;

/// <summary>The four consistency words, on a primary and a backup with HTTP between them.</summary>
public sealed class ConsistencyTests : IAsyncLifetime
{
    private static readonly ulong Cluster = FakeCluster.View.ClusterId;
    private static readonly int Partition = FakeCluster.View.Ring.PartitionOf("k"u8).Value;
    private readonly FakeCluster _cluster = new();
    private ApiNode _primary = null!;
    private ApiNode _backup = null!;

    public async ValueTask InitializeAsync()
    {
        _primary = await ApiNode.StartAsync(_cluster);
        _backup = await ApiNode.StartAsync(_cluster, member: 2);
    }

    public async ValueTask DisposeAsync()
    {
        await _primary.DisposeAsync();
        await _backup.DisposeAsync();
    }

    [Fact]
    public async Task Every_write_gives_a_session_also_one_that_changed_nothing()
    {
        var put = await _primary.SendBodyAsync("PUT", "/v1/k", "v");
        var failed = await _primary.SendBodyAsync("PUT", "/v1/k", "w", "If-None-Match: *");
        var absent = await _backup.SendAsync("DELETE", "/v1/absent");

        Assert.Equal((201, 1), (put.Status, IndexIn(put)));
        Assert.Equal((412, 2), (failed.Status, IndexIn(failed)));    // it was decided there
        Assert.Equal(404, absent.Status);
        Assert.NotNull(absent["Kv-Session"]);
    }

    [Theory]
    [InlineData("?consistency=session", "X: y", true)]
    [InlineData("", "Kv-Consistency: session", true)]
    [InlineData("", "X: y", false)]
    [InlineData("?consistency=eventual", "X: y", false)]
    public async Task A_read_gives_a_session_when_one_was_asked_for(string query, string header, bool isGiven)
    {
        await _primary.SendBodyAsync("PUT", "/v1/k", "v");
        foreach (var node in (ApiNode[])[_primary, _backup])
        {
            Assert.Equal(isGiven, (await node.SendAsync("GET", "/v1/k" + query, header))["Kv-Session"] is not null);
            Assert.Equal(isGiven, (await node.SendAsync("GET", "/v1/no" + query, header))["Kv-Session"] is not null);
        }
    }

    [Fact]
    public async Task A_session_read_on_a_copy_that_is_behind_waits_for_it_and_then_sees_its_own_write()
    {
        _backup.Partitions.FallBehind();
        var written = await _primary.SendBodyAsync("PUT", "/v1/k", "v");
        _primary.Partitions.OnRead = _ => throw new InvalidOperationException("The primary must not be asked.");
        var reading = _backup.SendAsync("GET", "/v1/k?consistency=session", Token(written));
        Assert.Equal(new LogIndex(1), await _backup.Partitions.Waits.Task);
        _backup.Partitions.CatchUp();

        var read = await reading;
        Assert.Equal(
            (200, "session", "node2", "backup"),
            (read.Status, read["Kv-Consistency"], read["Kv-Served-By"], read["Kv-Role"]));
        Assert.Equal(1, IndexIn(read));
        Assert.NotNull(read["Kv-Staleness-Ms"]);
    }

    [Theory]
    [InlineData("?consistency=session")]
    [InlineData("?consistency=eventual")]
    [InlineData("?max_staleness=60s")]
    public async Task What_a_copy_does_not_have_in_time_comes_from_the_primary(string query)
    {
        _backup.Partitions.FallBehind();
        var written = await _primary.SendBodyAsync("PUT", "/v1/k", "v");
        var read = await _backup.SendAsync("GET", "/v1/k" + query, Token(written), "Kv-Timeout: 400ms");

        Assert.Equal((200, "node1"), (read.Status, read["Kv-Served-By"]));
        Assert.Equal(1, IndexIn(read));
    }

    [Fact]
    public async Task A_word_in_the_header_goes_on_to_the_primary_as_strong_and_the_session_with_it()
    {
        _backup.Partitions.FallBehind();
        var written = await _primary.SendBodyAsync("PUT", "/v1/k", "v");
        var read = await _backup.SendAsync(
            "GET", "/v1/k", Token(written), "Kv-Consistency: session", "Kv-Timeout: 400ms");

        Assert.Equal(
            ("strong", "node1", null), (read["Kv-Consistency"], read["Kv-Served-By"], read["Kv-Staleness-Ms"]));
        Assert.Equal(1, IndexIn(read));
    }

    [Fact]
    public async Task What_was_seen_once_on_one_node_is_seen_on_every_other()
    {
        await _primary.SendBodyAsync("PUT", "/v1/k", "v");
        var seen = await _primary.SendAsync("GET", "/v1/k?consistency=session");
        await _primary.SendBodyAsync("PUT", "/v1/k", "w");
        _backup.Partitions.FallBehind();
        await _primary.SendBodyAsync("PUT", "/v1/k", "x");

        var next = await _backup.SendAsync("GET", "/v1/k?consistency=session", Token(seen));
        Assert.Equal(("session", "2"), (next["Kv-Consistency"], next["Kv-Version"]));
        Assert.Equal(2, IndexIn(next));
        Assert.Equal(2, IndexIn(await _backup.SendAsync("GET", "/v1/absent?consistency=session", Token(next))));
    }

    /// <summary>Such as one answered at the primary's own flush, whose disk was then lost.</summary>
    [Fact]
    public async Task A_strong_read_is_new_enough_for_every_session_and_mends_one_that_saw_a_lost_write()
    {
        await _primary.SendBodyAsync("PUT", "/v1/k", "v");
        var lost = $"Kv-Session: {SessionToken.Empty(Cluster).Seen(Partition, 99).Format()}";
        foreach (var query in (string[])["?timeout=100ms", "?consistency=session&timeout=100ms"])
        {
            var read = await _primary.SendAsync("GET", "/v1/k" + query, lost);
            Assert.Equal((200, "strong"), (read.Status, read["Kv-Consistency"]));
            Assert.Equal(1, IndexIn(read));
        }
    }

    [Theory]
    [InlineData("?consistency=bounded", "X: y", 5000, 5001)]
    [InlineData("", "Kv-Consistency: bounded", 5000, 5001)]
    [InlineData("?max_staleness=2s", "X: y", 2000, 2001)]
    [InlineData("?max_staleness=2s", "Kv-Consistency: bounded", 2000, 2001)]
    [InlineData("?max_staleness=0", "X: y", 0, 1)]
    [InlineData("?consistency=bounded", "Cache-Control: max-age=3", 3000, 3001)]
    [InlineData("?consistency=bounded", "Cache-Control: no-store, Max-Age=\"3\"", 3000, 3001)]
    [InlineData("?max_staleness=9s", "Cache-Control: max-age=3", 3000, 3001)]
    [InlineData("?max_staleness=1s", "Cache-Control: max-age=3", 1000, 1001)]
    [InlineData("?max_staleness=1s", "Cache-Control: no-cache", 0, 1)]
    public async Task A_bounded_read_is_answered_by_a_copy_that_is_fresh_enough_and_else_by_the_primary(
        string query, string header, int enough, int tooMuch)
    {
        await _primary.SendBodyAsync("PUT", "/v1/k", "v");
        _backup.Partitions.Staleness = TimeSpan.FromMilliseconds(enough);
        var near = await _backup.SendAsync("GET", "/v1/k" + query, header);
        _backup.Partitions.Staleness = TimeSpan.FromMilliseconds(tooMuch);
        var far = await _backup.SendAsync("GET", "/v1/k" + query, header);

        Assert.Equal(("node2", "bounded"), (near["Kv-Served-By"], near["Kv-Consistency"]));
        Assert.Equal(
            ($"{enough}", $"{(enough + 999) / 1000}"), (near["Kv-Staleness-Ms"], near["Age"]));
        Assert.Equal((200, "node1"), (far.Status, far["Kv-Served-By"]));
    }

    [Fact]
    public async Task A_staleness_that_is_only_guessed_is_not_within_any_bound()
    {
        await _primary.SendBodyAsync("PUT", "/v1/k", "v");
        _backup.Partitions.IsStalenessKnown = false;
        Assert.Equal("node1", (await _backup.SendAsync("GET", "/v1/k?max_staleness=60s"))["Kv-Served-By"]);
        Assert.Equal("node2", (await _backup.SendAsync("GET", "/v1/k?consistency=eventual"))["Kv-Served-By"]);
    }

    [Fact]
    public async Task A_bounded_read_that_a_primary_is_too_stale_for_is_confirmed_and_says_so()
    {
        await _primary.SendBodyAsync("PUT", "/v1/k", "v");
        _primary.Partitions.Staleness = TimeSpan.FromSeconds(1);
        var read = await _primary.SendAsync("GET", "/v1/k?max_staleness=999ms");
        Assert.Equal(("strong", null, null), (read["Kv-Consistency"], read["Kv-Staleness-Ms"], read["Age"]));
    }

    [Theory]
    [InlineData("Cache-Control: max-age=0")]
    [InlineData("Cache-Control: max-age=never")]
    public async Task What_browsers_send_unasked_weakens_no_read(string header)
    {
        await _primary.SendBodyAsync("PUT", "/v1/k", "v");
        Assert.Equal("strong", (await _backup.SendAsync("GET", "/v1/k", header))["Kv-Consistency"]);
    }

    [Fact]
    public async Task An_absent_key_says_how_old_that_is_too()
    {
        _backup.Partitions.Staleness = TimeSpan.FromMilliseconds(1500);
        var read = await _backup.SendAsync("GET", "/v1/absent?consistency=eventual");
        Assert.Equal(
            (404, "eventual", "1500", "2", "backup"),
            (read.Status, read["Kv-Consistency"], read["Kv-Staleness-Ms"], read["Age"], read["Kv-Role"]));
    }

    [Theory]
    [InlineData("/v1/k?consistency=causal", "X: y", "query-invalid")]
    [InlineData("/v1/k", "Kv-Consistency: Session", "header-invalid")]
    [InlineData("/v1/k?consistency=session", "Kv-Consistency: bounded", "query-invalid")]
    [InlineData("/v1/k?consistency=strong&max_staleness=5s", "X: y", "query-invalid")]
    [InlineData("/v1/k?max_staleness=5s", "Kv-Consistency: session", "query-invalid")]
    [InlineData("/v1/k?max_staleness=5s&max_staleness=5s", "X: y", "query-invalid")]
    [InlineData("/v1/k?max_staleness=-1", "X: y", "query-invalid")]
    [InlineData("/v1/k?max_staleness=86401", "X: y", "query-invalid")]
    [InlineData("/v1/k?max_staleness=", "X: y", "query-invalid")]
    [InlineData("/v1/k?consistency=bounded", "Cache-Control: max-age=soon", "header-invalid")]
    [InlineData("/v1/k", "Kv-Session: nonsense", "session-invalid")]
    [InlineData("/v1/k", "Kv-Session: ", "session-invalid")]
    public async Task What_cannot_be_read_is_refused_and_never_taken_for_a_weaker_promise(
        string target, string header, string code)
    {
        var answer = await _backup.SendAsync("GET", target, header);
        Assert.Equal((400, code), (answer.Status, answer.Problem.Code));
    }

    [Theory, InlineData("GET"), InlineData("DELETE")]
    public async Task A_session_of_another_cluster_is_a_conflict_and_one_of_no_partition_is_none(string method)
    {
        var foreign = $"Kv-Session: {SessionToken.Empty(Cluster + 1).Format()}";
        var beyond = $"Kv-Session: {SessionToken.Empty(Cluster).Seen(16, 1).Format()}";
        var conflict = await _backup.SendAsync(method, "/v1/k", foreign);
        var invalid = await _backup.SendAsync(method, "/v1/k", beyond);

        Assert.Equal((409, "conflict"), (conflict.Status, conflict.Problem.Code));
        Assert.Equal((400, "session-invalid"), (invalid.Status, invalid.Problem.Code));
        Assert.Empty(_primary.Partitions.Commands);
    }

    [Fact]
    public async Task Two_tokens_are_none()
    {
        var token = $"Kv-Session: {SessionToken.Empty(Cluster).Format()}";
        Assert.Equal("session-invalid", (await _primary.SendAsync("GET", "/v1/k", token, token)).Problem.Code);
    }

    private static string Token(RawResponse answer) => $"Kv-Session: {answer["Kv-Session"]}";

    private static long IndexIn(RawResponse answer)
    {
        Assert.True(SessionToken.TryParse(answer["Kv-Session"]!, out var token));
        return token.IndexOf(Partition);
    }
}
