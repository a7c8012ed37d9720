using System.Net;
using System.Text.Json;
using KvStore.Contracts;

namespace KvStore.Tests.Balancer;

/// <summary>Where requests for buckets and their keys go, and how often.</summary>
public sealed class BucketRoutingTests
{
    private static readonly string[] Unowned =
    [
        "/v1", "/v1/?limit=5", "/buckets", "/buckets/b", "/buckets/b/keys?prefix=a", "/buckets/b/export",
        "/buckets/b/nothing",
    ];

    [Theory]
    [InlineData("/buckets/default/keys/k1", "k1")]
    [InlineData("/buckets/pics/keys/cats%2F1.png?ack=one", "cats/1.png")]
    [InlineData("/buckets/pics/keys/a/b", "a/b")]
    [InlineData("/v1?key=a%2F%2Fb&ack=all", "a//b")]
    [InlineData("/v1/?consistency=strong&key=..", "..")]
    [InlineData("/buckets/pics/keys?key=k%32", "k2")]
    [InlineData("/buckets/pics/keys?key64=azM", "k3")]
    [InlineData("/v1/k4", "k4")]
    public async Task A_key_goes_to_its_owner_however_it_is_named(string rawTarget, string key)
    {
        await using var cluster = await FakeCluster.StartAsync();
        foreach (var method in (string[])["GET", "PUT", "PATCH", "DELETE", "POST"])
            (await cluster.SendAsync(new HttpMethod(method), rawTarget)).Dispose();

        var requests = cluster.PrimaryOf(key).Requests;
        Assert.Equal(5, requests.Count);
        Assert.All(requests, request => Assert.Equal(rawTarget, request.RawTarget));
        Assert.All(requests, request => Assert.Equal(
            request.Method != "GET", request.Headers.ContainsKey(KvHeaders.HopRequestId)));
    }

    [Fact]
    public async Task What_no_node_owns_is_spread_over_those_that_are_up()
    {
        await using var cluster = await FakeCluster.StartAsync();
        foreach (var rawTarget in Unowned)
        {
            for (var i = 0; i < 3; i++)
                (await cluster.SendAsync(HttpMethod.Get, rawTarget)).Dispose();
        }

        Assert.All(cluster.Nodes, node => Assert.Equal(Unowned, node.Requests.Select(request => request.RawTarget)));

        await cluster.StopAsync(cluster.Nodes[0]);
        for (var i = 0; i < 4; i++)
            Assert.Equal(HttpStatusCode.OK, (await cluster.SendAsync(HttpMethod.Post, "/buckets/b/keys")).StatusCode);
        Assert.Equal([0, 2, 2], cluster.Nodes.Select(node => node.Requests.Count - Unowned.Length));
    }

    [Theory]
    [InlineData("GET", "/buckets/b/keys")]
    [InlineData("POST", "/buckets/b/batch")]
    [InlineData("POST", "/buckets/b/txn")]
    [InlineData("PUT", "/buckets/b")]
    public async Task What_breaks_at_one_node_is_done_at_another_under_the_same_id(string method, string rawTarget)
    {
        await using var cluster = await FakeCluster.StartAsync();
        BreakFirst(cluster);
        using var content = method == "GET" ? null : new StringContent("""{"ops":[]}""");
        using var answer = await cluster.SendAsync(new HttpMethod(method), rawTarget, content);

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Received[] requests = [.. cluster.Nodes.SelectMany(node => node.Requests)];
        Assert.Equal(2, requests.Length);
        Assert.All(cluster.Nodes, node => Assert.InRange(node.Requests.Count, 0, 1));
        Assert.Equal(requests[0].Body, requests[1].Body);
        Assert.Equal(
            requests[0].Headers.GetValueOrDefault(KvHeaders.HopRequestId),
            requests[1].Headers.GetValueOrDefault(KvHeaders.HopRequestId));
        Assert.Equal(method != "GET", requests[0].Headers.ContainsKey(KvHeaders.HopRequestId));
    }

    [Theory]
    [InlineData("/buckets/b/batch")]
    [InlineData("/buckets/b/TXN/")]
    public async Task Many_operations_may_have_4_MiB_whatever_one_value_may(string rawTarget)
    {
        await using var cluster = await FakeCluster.StartAsync(
            settings: [("KvStore:Balancer:MaxValueBytes", "1000")]);
        using var longest = new ByteArrayContent(new byte[4 << 20]);
        using var taken = await cluster.SendAsync(HttpMethod.Post, rawTarget, longest);
        Assert.Equal(HttpStatusCode.OK, taken.StatusCode);
        Assert.Equal(4 << 20, Assert.Single(cluster.Nodes.SelectMany(node => node.Requests)).Body.Length);

        var refused = await cluster.SendRawAsync(
            $"POST {rawTarget} HTTP/1.1\r\nHost: a\r\nContent-Length: {(4 << 20) + 1}\r\n\r\n");
        Assert.StartsWith("HTTP/1.1 413 ", refused, StringComparison.Ordinal);
        Assert.Single(cluster.Nodes.SelectMany(node => node.Requests));
    }

    [Theory]
    [InlineData("/buckets/import")]
    [InlineData("/buckets/b/keys/import")]
    [InlineData("/buckets/b/keys")]
    public async Task All_else_has_the_limit_of_a_value(string rawTarget)
    {
        await using var cluster = await FakeCluster.StartAsync(
            settings: [("KvStore:Balancer:MaxValueBytes", "1000")]);
        using var answer = await cluster.SendAsync(HttpMethod.Post, rawTarget, new ByteArrayContent(new byte[100_000]));
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, answer.StatusCode);
        Assert.All(cluster.Nodes, node => Assert.Empty(node.Requests));
    }

    [Fact]
    public async Task A_refusal_of_the_balancer_names_bucket_and_key()
    {
        await using var cluster = await FakeCluster.StartAsync();
        foreach (var node in cluster.Nodes)
            await node.StopAsync();
        using var ofKey = await cluster.SendAsync(HttpMethod.Get, "/buckets/pics/keys?key=..&timeout=100ms");
        using var ofAll = await cluster.SendAsync(HttpMethod.Get, "/buckets/pics/keys?timeout=100ms");

        var (key, all) = (await ProblemOf(ofKey), await ProblemOf(ofAll));
        Assert.Equal(("balancer", "pics", ".."), (key.Node, key.Bucket, key.Key));
        Assert.Equal(("balancer", "pics", null), (all.Node, all.Bucket, all.Key));
    }

    /// <summary>Whoever is asked first ends the connection, once.</summary>
    private static void BreakFirst(FakeCluster cluster)
    {
        var broken = 1;
        cluster.Nodes.ForEach(node => node.Answer = context =>
        {
            if (Interlocked.Decrement(ref broken) < 0)
                return node.AnswerAsPrimaryAsync(context);
            context.Abort();
            return Task.CompletedTask;
        });
    }

    private static async Task<Problem> ProblemOf(HttpResponseMessage answer) => JsonSerializer.Deserialize(
        await answer.Content.ReadAsByteArrayAsync(), ContractsJson.Default.Problem)!;
}
