using System.Net;
using System.Text.Json;
using KvStore.Contracts;

namespace KvStore.Tests.Balancer;

public sealed class StatusApiTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Health_names_every_node_however_it_was_found(bool byServices)
    {
        await using var cluster = await FakeCluster.StartAsync(byServices: byServices);
        var health = await JsonOf(cluster, "/health", HttpStatusCode.OK);
        Assert.Equal("healthy", health.GetProperty("status").GetString());
        Assert.Equal(1, health.GetProperty("epoch").GetInt64());
        Assert.Equal(
            cluster.Nodes.Select(node => (node.Name, node.Url.GetLeftPart(UriPartial.Authority), "up")),
            health.GetProperty("nodes").EnumerateArray().Select(node => (
                node.GetProperty("name").GetString()!,
                node.GetProperty("url").GetString()!,
                node.GetProperty("status").GetString()!)));
        Assert.Equal(FakeCluster.Partitions,
            health.GetProperty("nodes").EnumerateArray().Sum(node => node.GetProperty("primaries").GetInt32()));
    }

    [Fact]
    public async Task Health_is_unavailable_without_a_majority_and_says_when_to_ask_again()
    {
        await using var cluster = await FakeCluster.StartAsync();
        foreach (var node in cluster.Nodes.Take(2))
            await cluster.StopAsync(node);

        using var answer = await cluster.Http.GetAsync("/health");
        Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.StatusCode);
        Assert.NotNull(answer.Headers.RetryAfter);
        Assert.Contains("unavailable", await answer.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task Probes_and_the_front_page_are_answered_here()
    {
        await using var cluster = await FakeCluster.StartAsync();
        foreach (var path in (string[])["/alive", "/ready", "/"])
        {
            using var answer = await cluster.Http.GetAsync(path);
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
            Assert.False(answer.Headers.Contains("Server"));
        }

        Assert.Equal("KvStore", (await JsonOf(cluster, "/", HttpStatusCode.OK)).GetProperty("product").GetString());
        Assert.All(cluster.Nodes, node => Assert.Empty(node.Requests));
    }

    [Fact]
    public async Task Questions_about_the_cluster_go_to_a_node_that_is_up_and_orders_go_nowhere()
    {
        await using var cluster = await FakeCluster.StartAsync();
        await cluster.StopAsync(cluster.Nodes[0]);
        var status = await JsonOf(cluster, "/admin/cluster", HttpStatusCode.OK);
        Assert.Equal(FakeCluster.Partitions, status.GetProperty("partitions").GetInt32());

        using var order = await cluster.SendAsync(HttpMethod.Post, "/admin/nodes");
        Assert.Equal(HttpStatusCode.NotFound, order.StatusCode);
        Assert.All(cluster.Nodes, node => Assert.Empty(node.Requests));
    }

    [Theory]
    [InlineData("GET", "/v2/a", 404, "route-not-found")]
    [InlineData("GET", "/v11", 404, "route-not-found")]
    [InlineData("DELETE", "/somewhere", 404, "route-not-found")]
    [InlineData("POST", "/health", 405, "method-not-allowed")]
    public async Task What_is_nowhere_is_a_problem_in_the_same_words_as_a_nodes(
        string method, string path, int status, string code)
    {
        await using var cluster = await FakeCluster.StartAsync(nodes: 1);
        using var answer = await cluster.SendAsync(new HttpMethod(method), path);
        Assert.Equal(status, (int)answer.StatusCode);
        Assert.Equal(Problem.MediaType, answer.Content.Headers.ContentType!.MediaType);
        var problem = JsonSerializer.Deserialize(
            await answer.Content.ReadAsByteArrayAsync(), ContractsJson.Default.Problem)!;
        Assert.Equal(
            (code, "balancer", Applied.No, path), (problem.Code, problem.Node, problem.Applied, problem.Instance));
    }

    [Fact]
    public async Task A_missing_key_asked_for_by_head_is_the_nodes_answer()
    {
        await using var cluster = await FakeCluster.StartAsync(nodes: 1);
        cluster.Nodes[0].Answer = context => cluster.Nodes[0].RefuseAsync(context, ProblemType.NotFound);
        using var answer = await cluster.SendAsync(HttpMethod.Head, "/v1/k");
        Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
        Assert.Null(answer.Content.Headers.ContentLength);    // the node gave none
        Assert.Single(cluster.Nodes[0].Requests);
    }

    [Theory]
    [InlineData(8300, 0, "HTTP/1.1 414 URI Too Long")]
    [InlineData(10, 40_000, "HTTP/1.1 431 Request Header Fields Too Large")]
    public async Task Overlong_lines_and_headers_are_refused_at_the_door(int target, int header, string status)
    {
        await using var cluster = await FakeCluster.StartAsync(nodes: 1);
        var answer = await cluster.SendRawAsync(
            $"GET /v1/{new string('k', target)} HTTP/1.1\r\nHost: a\r\nKv-Note: {new string('x', header)}\r\n\r\n");
        Assert.Equal(status, answer);
    }

    private static async Task<JsonElement> JsonOf(FakeCluster cluster, string path, HttpStatusCode status)
    {
        using var answer = await cluster.Http.GetAsync(path);
        Assert.Equal(status, answer.StatusCode);
        using var document = JsonDocument.Parse(await answer.Content.ReadAsByteArrayAsync());
        return document.RootElement.Clone();
    }
}
