using KvStore.Contracts;
using Microsoft.AspNetCore.Http;

namespace KvStore.Tests.Balancer;

/// <summary>Reads that not only the primary may answer.</summary>
public sealed class AnyCopyReadTests
{
    [Fact]
    public async Task Eventual_reads_are_spread_over_the_copies_that_are_up()
    {
        await using var cluster = await FakeCluster.StartAsync();
        cluster.Nodes.ForEach(node => node.Answer = context => context.Response.WriteAsync(node.Name));
        for (var i = 0; i < 6; i++)
            (await cluster.SendAsync(HttpMethod.Get, "/v1/k", null, (KvHeaders.Consistency, "eventual"))).Dispose();
        Assert.All(cluster.Nodes, node => Assert.Equal(2, node.Requests.Count));

        await cluster.StopAsync(cluster.Nodes[0]);
        for (var i = 0; i < 6; i++)
            (await cluster.SendAsync(HttpMethod.Get, "/v1/k?consistency=eventual")).Dispose();
        Assert.Equal([2, 5, 5], cluster.Nodes.Select(node => node.Requests.Count));
    }

    [Theory]
    [InlineData("/v1/k?consistency=session", "X", "y")]
    [InlineData("/v1/k?consistency=bounded", "X", "y")]
    [InlineData("/v1/k?max_staleness=5s", "X", "y")]
    [InlineData("/v1/k", KvHeaders.Consistency, "session")]
    [InlineData("/v1/k", KvHeaders.Consistency, "bounded")]
    public async Task Reads_that_a_backup_may_answer_are_spread_like_eventual_ones(
        string target, string header, string value)
    {
        await using var cluster = await FakeCluster.StartAsync();
        cluster.Nodes.ForEach(node => node.Answer = context => context.Response.WriteAsync(node.Name));
        for (var i = 0; i < 6; i++)
            (await cluster.SendAsync(HttpMethod.Get, target, null, (header, value))).Dispose();
        Assert.All(cluster.Nodes, node => Assert.Equal(2, node.Requests.Count));
    }

    [Fact]
    public async Task A_session_reaches_the_node_and_comes_back()
    {
        await using var cluster = await FakeCluster.StartAsync();
        cluster.Nodes.ForEach(node => node.Answer = context =>
        {
            context.Response.Headers[KvHeaders.Session] = context.Request.Headers[KvHeaders.Session] + "x";
            return Task.CompletedTask;
        });
        using var answer = await cluster.SendAsync(HttpMethod.Get, "/v1/k", null, (KvHeaders.Session, "AQAA"));

        Assert.Equal("AQAAx", Assert.Single(answer.Headers.GetValues(KvHeaders.Session)));
    }
}
