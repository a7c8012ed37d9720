using System.Net;
using System.Text;
using KvStore.Contracts;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Time.Testing;

namespace KvStore.Tests.Balancer;

public sealed class OwnerForwarderTests
{
    [Fact]
    public async Task A_key_goes_to_the_primary_of_its_partition()
    {
        await using var cluster = await FakeCluster.StartAsync();
        for (var i = 0; i < 30; i++)
            Assert.Equal($"from {cluster.PrimaryOf($"key{i}").Name}", await cluster.Http.GetStringAsync($"/v1/key{i}"));
        Assert.All(cluster.Nodes, node => Assert.NotEmpty(node.Requests));
    }

    [Theory]
    [InlineData("/v1/a%2Fb", "a/b")]
    [InlineData("/v1/a%252Fb", "a%2Fb")]
    [InlineData("/v1/a%20b", "a b")]
    [InlineData("/v1/gr%C3%BC%C3%9Fe", "grüße")]
    [InlineData("/v1/%F0%9F%94%91?consistency=strong&x=%2F%252F", "🔑")]
    [InlineData("/v1/a;b:c@d!$&'()*+,=~", "a;b:c@d!$&'()*+,=~")]
    [InlineData("/v1/%7e%41", "~A")]
    public async Task The_raw_target_arrives_byte_for_byte(string rawTarget, string key)
    {
        await using var cluster = await FakeCluster.StartAsync();
        using var answer = await cluster.SendAsync(HttpMethod.Get, rawTarget);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal(rawTarget, Assert.Single(cluster.PrimaryOf(key).Requests).RawTarget);
    }

    [Theory]
    [InlineData("/v1/a/../b")]
    [InlineData("/v1/a//b")]
    [InlineData("/v1/%zz")]
    [InlineData("/v1?key=a&key=b")]
    [InlineData("/%76%31/a")]
    [InlineData("/x/../v1/a")]
    [InlineData("/V1/a")]
    [InlineData("/buckets/B/keys/a")]
    [InlineData("/buckets/b//keys/a")]
    [InlineData("/buckets/b/keys/")]
    [InlineData("/%62uckets/b/keys/a")]
    [InlineData("/x/../buckets")]
    public async Task What_names_no_key_is_refused_by_a_node(string rawTarget)
    {
        await using var cluster = await FakeCluster.StartAsync();
        cluster.Nodes.ForEach(node => node.Answer = context => node.RefuseAsync(context, ProblemType.KeyInvalid));
        using var answer = await cluster.SendAsync(HttpMethod.Get, rawTarget);
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Contains("refuses.", await answer.Content.ReadAsStringAsync());
        Assert.Equal(rawTarget, Assert.Single(cluster.Nodes.SelectMany(node => node.Requests)).RawTarget);
    }

    [Fact]
    public async Task A_whole_url_as_target_is_refused_and_goes_nowhere()
    {
        await using var cluster = await FakeCluster.StartAsync();
        var answer = await cluster.SendRawAsync("GET http://example.com/v1/a HTTP/1.1\r\nHost: example.com\r\n\r\n");
        Assert.Equal("HTTP/1.1 400 Bad Request", answer);
        Assert.All(cluster.Nodes, node => Assert.Empty(node.Requests));
    }

    [Theory]
    [InlineData("TRACE", "/v1/a")]
    [InlineData("FOO", "/buckets/b/keys/a")]
    [InlineData("PROPFIND", "/buckets/b/batch")]
    [InlineData("TRACE", "/v1/a//b")]
    public async Task A_method_that_nothing_takes_is_refused_by_a_node(string method, string rawTarget)
    {
        await using var cluster = await FakeCluster.StartAsync();
        cluster.Nodes.ForEach(node =>
            node.Answer = context => node.RefuseAsync(context, ProblemType.MethodNotAllowed));
        using var answer = await cluster.SendAsync(new HttpMethod(method), rawTarget);
        Assert.Equal(HttpStatusCode.MethodNotAllowed, answer.StatusCode);
        Assert.Equal(rawTarget, Assert.Single(cluster.Nodes.SelectMany(node => node.Requests)).RawTarget);
    }

    [Fact]
    public async Task A_refused_connection_is_retried_on_another_copy()
    {
        await using var cluster = await FakeCluster.StartAsync();
        var (dead, others) = (cluster.PrimaryOf("k"), cluster.BackupsOf("k"));
        await dead.StopAsync();
        using var answer = await cluster.SendAsync(HttpMethod.Put, "/v1/k", new StringContent("v"));
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Single(others.SelectMany(node => node.Requests));
        await cluster.UntilAsync(view => view.Nodes.Single(node => node.Url == dead.Url) is { IsUp: false });
    }

    [Fact]
    public async Task A_write_whose_connection_breaks_is_repeated_under_the_same_id_with_the_same_body()
    {
        await using var cluster = await FakeCluster.StartAsync();
        var (primary, others) = (cluster.PrimaryOf("k"), cluster.BackupsOf("k"));
        primary.Answer = context =>
        {
            context.Abort();
            return Task.CompletedTask;
        };
        var body = new byte[300_000];
        new Random(42).NextBytes(body);
        using var answer = await cluster.SendAsync(HttpMethod.Put, "/v1/k", new ByteArrayContent(body));
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);

        var broken = Assert.Single(primary.Requests);
        var repeated = Assert.Single(others.SelectMany(node => node.Requests));
        Assert.Equal(body, broken.Body);
        Assert.Equal(body, repeated.Body);
        Assert.True(Guid.TryParse(broken.Headers[KvHeaders.HopRequestId], out _));
        Assert.Equal(broken.Headers[KvHeaders.HopRequestId], repeated.Headers[KvHeaders.HopRequestId]);
    }

    [Fact]
    public async Task A_body_without_length_is_repeated_whole()
    {
        await using var cluster = await FakeCluster.StartAsync();
        var (primary, others) = (cluster.PrimaryOf("k"), cluster.BackupsOf("k"));
        primary.Answer = context => primary.RefuseAsync(context, ProblemType.Draining);
        var body = Encoding.ASCII.GetBytes(new string('x', 100_000));
        using var content = new StreamContent(new MemoryStream(body));
        using var answer = await cluster.SendAsync(
            HttpMethod.Post, "/v1/k", content, ("Transfer-Encoding", "chunked"));
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        var repeated = Assert.Single(others.SelectMany(node => node.Requests));
        Assert.Equal(body, repeated.Body);
        Assert.Equal("100000", repeated.Headers["Content-Length"]);
    }

    [Theory]
    [InlineData("no-quorum")]
    [InlineData("not-ready")]
    [InlineData("draining")]
    [InlineData("not-primary")]
    [InlineData("wrong-cluster")]
    public async Task A_refusal_of_this_moment_is_not_the_clients(string code)
    {
        await using var cluster = await FakeCluster.StartAsync();
        var primary = cluster.PrimaryOf("k");
        var refusals = 2;
        cluster.Nodes.ForEach(node => node.Answer = context => Interlocked.Decrement(ref refusals) >= 0
            ? node.RefuseAsync(context, ProblemType.All.Single(type => type.Code == code))
            : node.AnswerAsPrimaryAsync(context));
        using var answer = await cluster.SendAsync(HttpMethod.Delete, "/v1/k");
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal(3, cluster.Nodes.Sum(node => node.Requests.Count));
        Assert.Single(primary.Requests);
        Assert.Single(cluster.Nodes.SelectMany(node => node.Requests)
            .Select(request => request.Headers[KvHeaders.HopRequestId]).Distinct());
    }

    [Fact]
    public async Task A_refusal_that_another_node_would_repeat_is_passed_on_unchanged()
    {
        await using var cluster = await FakeCluster.StartAsync();
        var primary = cluster.PrimaryOf("k");
        primary.Answer = context =>
        {
            context.Response.Headers.RetryAfter = "7";
            return primary.RefuseAsync(context, ProblemType.Overloaded);
        };
        using var answer = await cluster.SendAsync(HttpMethod.Get, "/v1/k");
        Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.StatusCode);
        Assert.Equal(TimeSpan.FromSeconds(7), answer.Headers.RetryAfter!.Delta);
        Assert.Equal(primary.Name, (await ProblemOf(answer)).Node);
        Assert.Single(cluster.Nodes.SelectMany(node => node.Requests));
    }

    [Fact]
    public async Task An_answer_that_has_begun_is_never_tried_again()
    {
        await using var cluster = await FakeCluster.StartAsync();
        var firstHalfArrived = new TaskCompletionSource();
        var (primary, others) = (cluster.PrimaryOf("k"), cluster.BackupsOf("k"));
        primary.Answer = async context =>
        {
            context.Response.ContentLength = 1000;
            await context.Response.WriteAsync("the first half");
            await context.Response.Body.FlushAsync();
            await firstHalfArrived.Task;
            context.Abort();
        };
        using var request = new HttpRequestMessage(HttpMethod.Get, "/v1/k");
        using var answer = await cluster.Http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        var stream = await answer.Content.ReadAsStreamAsync();
        Assert.True(await stream.ReadAsync(new byte[1000]) > 0);
        firstHalfArrived.SetResult();
        await Assert.ThrowsAnyAsync<Exception>(() => answer.Content.ReadAsByteArrayAsync());
        Assert.All(others, node => Assert.Empty(node.Requests));
    }

    [Theory]
    [InlineData("PUT", Applied.Unknown)]
    [InlineData("DELETE", Applied.Unknown)]
    [InlineData("GET", Applied.No)]
    public async Task A_deadline_says_what_may_have_happened(string method, Applied applied)
    {
        await using var cluster = await FakeCluster.StartAsync();
        cluster.Nodes.ForEach(node => node.Answer = HangAsync);
        using var answer = await cluster.SendAsync(
            new HttpMethod(method), "/v1/k", null, (KvHeaders.Timeout, "200ms"));
        Assert.Equal(HttpStatusCode.GatewayTimeout, answer.StatusCode);
        var problem = await ProblemOf(answer);
        Assert.Equal(("deadline-exceeded", applied, "balancer", true),
            (problem.Code, problem.Applied, problem.Node, problem.Retryable));
    }

    /// <summary>It says that nothing was applied; a balancer that gives up could say only that nobody knows.</summary>
    [Fact]
    public async Task What_a_node_says_when_its_time_is_over_is_heard()
    {
        var time = new FakeTimeProvider();
        await using var cluster = await FakeCluster.StartAsync(time: time);
        cluster.Nodes.ForEach(node => node.Answer = context =>
        {
            Assert.True(KvTimeout.TryParse(context.Request.Headers[KvHeaders.Timeout]!, out var told, out _));
            time.Advance(told);
            return node.RefuseAsync(context, ProblemType.NoQuorum);
        });
        using var answer = await cluster.SendAsync(
            HttpMethod.Put, "/v1/k", new StringContent("v"), (KvHeaders.Timeout, "3s"));
        var problem = await ProblemOf(answer);
        Assert.Equal(("no-quorum", Applied.No), (problem.Code, problem.Applied));
    }

    [Fact]
    public async Task When_no_node_takes_connections_nothing_was_applied()
    {
        await using var cluster = await FakeCluster.StartAsync(
            settings: ("KvStore:Balancer:PollInterval", "00:00:00.100"));
        foreach (var node in cluster.Nodes)
            await node.StopAsync();
        while ((await cluster.Http.GetAsync(Routes.Health)).StatusCode == HttpStatusCode.OK)
        {
            // until the balancer has noticed, a write may go out on a connection that was open
        }

        using var answer = await cluster.SendAsync(
            HttpMethod.Put, "/v1/k?timeout=200ms", new StringContent("v"));
        Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.StatusCode);
        Assert.NotNull(answer.Headers.RetryAfter);
        var problem = await ProblemOf(answer);
        Assert.Equal(("no-quorum", Applied.No, "k"), (problem.Code, problem.Applied, problem.Key));
    }

    [Fact]
    public async Task What_is_left_of_the_deadline_goes_along()
    {
        await using var cluster = await FakeCluster.StartAsync();
        using var first = await cluster.SendAsync(HttpMethod.Get, "/v1/k", null, (KvHeaders.Timeout, "5s"));
        using var second = await cluster.SendAsync(HttpMethod.Get, "/v1/k");
        using var third = await cluster.SendAsync(HttpMethod.Get, "/v1/k", null, (KvHeaders.Timeout, "soon"));
        using var fourth = await cluster.SendAsync(HttpMethod.Get, "/v1/k?time%6Fut=3s");
        var sent = cluster.PrimaryOf("k").Requests.Select(request => request.Headers[KvHeaders.Timeout]).ToArray();
        Assert.True(KvTimeout.TryParse(sent[0], out var left, out _) && left <= TimeSpan.FromSeconds(5), sent[0]);
        Assert.True(KvTimeout.TryParse(sent[1], out left, out _) && left > TimeSpan.FromSeconds(5), sent[1]);
        Assert.Equal("soon", sent[2]);    // the node refuses it, as it does without a balancer
        Assert.True(KvTimeout.TryParse(sent[3], out left, out _) && left <= TimeSpan.FromSeconds(3), sent[3]);
    }

    [Fact]
    public async Task Internal_headers_of_a_client_reach_no_node_and_conditions_always_do()
    {
        await using var cluster = await FakeCluster.StartAsync();
        using var answer = await cluster.SendAsync(
            HttpMethod.Put,
            "/v1/k",
            new StringContent("v"),
            (KvHeaders.HopRequestId, "forged"),
            ("Forwarded", "for=1.2.3.4"),
            ("X-Forwarded-For", "1.2.3.4"),
            ("x-forwarded-anything", "x"),
            ("Connection", "If-Match, Kv-Ack"),
            (KvHeaders.Ack, "all"),
            ("Expect", "100-continue"),
            ("If-Match", "\"1s-9f3c-42\""));
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        var headers = Assert.Single(cluster.PrimaryOf("k").Requests).Headers;
        Assert.NotEqual("forged", headers[KvHeaders.HopRequestId]);
        Assert.DoesNotContain(headers.Keys, name => name.Contains("Forwarded", StringComparison.OrdinalIgnoreCase));
        Assert.Equal(("\"1s-9f3c-42\"", "all"), (headers["If-Match"], headers[KvHeaders.Ack]));
        Assert.False(headers.ContainsKey("Expect"));
    }

    [Fact]
    public async Task Headers_beyond_ascii_are_refused_as_on_a_node()
    {
        await using var cluster = await FakeCluster.StartAsync(nodes: 1);
        using var answer = await cluster.SendAsync(HttpMethod.Get, "/v1/k", null, ("Kv-Ack", "grün"));
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Empty(cluster.Nodes[0].Requests);
    }

    [Fact]
    public async Task A_body_that_breaks_off_reaches_no_node()
    {
        await using var cluster = await FakeCluster.StartAsync(nodes: 1);
        var answer = await cluster.SendRawAsync(
            "PUT /v1/k HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n");
        Assert.Equal("HTTP/1.1 400 Bad Request", answer);
        Assert.Empty(cluster.Nodes[0].Requests);
    }

    [Fact]
    public async Task A_write_with_a_name_of_its_own_gets_no_other()
    {
        await using var cluster = await FakeCluster.StartAsync();
        using var named = await cluster.SendAsync(
            HttpMethod.Put, "/v1/k", new StringContent("v"), (KvHeaders.IdempotencyKey, "mine"));
        using var read = await cluster.SendAsync(HttpMethod.Get, "/v1/k");
        Assert.All(cluster.PrimaryOf("k").Requests, request =>
            Assert.False(request.Headers.ContainsKey(KvHeaders.HopRequestId)));
        Assert.Equal("mine", cluster.PrimaryOf("k").Requests.First().Headers[KvHeaders.IdempotencyKey]);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_body_over_the_limit_is_refused_at_the_door(bool isChunked)
    {
        await using var cluster = await FakeCluster.StartAsync(
            settings: [("KvStore:Balancer:MaxValueBytes", "1000")]);
        using var content = new ByteArrayContent(new byte[100_000]);
        var headers = isChunked ? new[] { ("Transfer-Encoding", "chunked") } : [];
        using var answer = await cluster.SendAsync(HttpMethod.Put, "/v1/k", content, headers);
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, answer.StatusCode);
        Assert.True(answer.Headers.ConnectionClose);
        var problem = await ProblemOf(answer);
        Assert.Equal(("value-too-large", Applied.No), (problem.Code, problem.Applied));
        Assert.All(cluster.Nodes, node => Assert.Empty(node.Requests));
    }

    [Fact]
    public async Task An_answer_of_another_primary_is_remembered()
    {
        await using var cluster = await FakeCluster.StartAsync();
        var (asked, learned) = (cluster.PrimaryOf("k"), cluster.BackupsOf("k")[0]);
        asked.Answer = context => asked.AnswerAsPrimaryAsync(context, servedBy: learned.Name);
        Assert.Equal($"from {asked.Name}", await cluster.Http.GetStringAsync("/v1/k"));
        Assert.Equal($"from {learned.Name}", await cluster.Http.GetStringAsync("/v1/k"));
    }

    [Fact]
    public async Task A_request_that_waits_for_a_node_that_falls_is_tried_elsewhere()
    {
        await using var cluster = await FakeCluster.StartAsync();
        var (primary, others) = (cluster.PrimaryOf("k"), cluster.BackupsOf("k"));
        var reached = new TaskCompletionSource();
        primary.Answer = context =>
        {
            reached.TrySetResult();
            return HangAsync(context);
        };
        var pending = cluster.SendAsync(HttpMethod.Get, "/v1/k", null, (KvHeaders.Timeout, "60s"));
        await reached.Task;
        cluster.Views.Fell(primary.Url);
        using var answer = await pending;
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Single(others.SelectMany(node => node.Requests));
    }

    [Fact]
    public async Task A_client_that_leaves_ends_the_call_to_the_node()
    {
        await using var cluster = await FakeCluster.StartAsync();
        var reached = new TaskCompletionSource();
        var ended = new TaskCompletionSource();
        cluster.PrimaryOf("k").Answer = async context =>
        {
            context.RequestAborted.Register(ended.SetResult);
            reached.SetResult();
            await ended.Task;
        };
        using var client = new CancellationTokenSource();
        var pending = cluster.Http.GetAsync("/v1/k", client.Token);
        await reached.Task;
        await client.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => pending);
        await ended.Task.WaitAsync(TimeSpan.FromSeconds(20));
        Assert.Single(cluster.Nodes.SelectMany(node => node.Requests));
    }

    private static async Task HangAsync(HttpContext context)
    {
        var gone = new TaskCompletionSource();
        await using var registration = context.RequestAborted.Register(gone.SetResult);
        await gone.Task;
    }

    private static async Task<Problem> ProblemOf(HttpResponseMessage answer)
    {
        Assert.Equal(Problem.MediaType, answer.Content.Headers.ContentType!.MediaType);
        var body = await answer.Content.ReadAsByteArrayAsync();
        return System.Text.Json.JsonSerializer.Deserialize(body, ContractsJson.Default.Problem)!;
    }
}
