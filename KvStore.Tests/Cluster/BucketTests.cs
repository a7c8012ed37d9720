using System.Net;
using System.Text;
using System.Text.Json;

namespace KvStore.Tests.Cluster;

/// <summary>Buckets on three real nodes: no test stops one.</summary>
[Collection(nameof(ClusterCollection))]
public sealed class BucketTests(WalkThroughTests.Started started) : IClassFixture<WalkThroughTests.Started>
{
    private readonly TestCluster _cluster = started.Cluster;

    [Fact]
    public async Task A_bucket_made_at_one_node_takes_writes_at_every_other_at_once()
    {
        for (var round = 0; round < 5; round++)
        {
            var name = $"made-{round}";
            Assert.Equal(HttpStatusCode.Created, await SendAsync(Door(round), HttpMethod.Put, $"/buckets/{name}"));
            for (var at = 0; at < 3; at++)
            {
                Assert.Equal(
                    HttpStatusCode.Created,
                    await SendAsync(Door(round + at + 1), HttpMethod.Put, $"/buckets/{name}/keys/{at}", "v"));
            }
        }
    }

    [Fact]
    public async Task A_drop_is_over_when_it_is_answered_on_every_node_and_in_every_partition()
    {
        await SendAsync(Door(0), HttpMethod.Put, "/buckets/dropped");
        var keys = Enumerable.Range(0, 100).Select(number => $"/buckets/dropped/keys/k{number}").ToList();
        foreach (var key in keys)
            await SendAsync(_cluster.Door, HttpMethod.Put, key, "old");

        Assert.Equal(HttpStatusCode.NoContent, await SendAsync(Door(1), HttpMethod.Delete, "/buckets/dropped"));

        foreach (var node in _cluster.Nodes)
        {
            foreach (var key in keys.Take(30))
            {
                Assert.Equal(HttpStatusCode.NotFound, await SendAsync(node.Http, HttpMethod.Get, key));
                Assert.Equal(HttpStatusCode.NotFound, await SendAsync(node.Http, HttpMethod.Put, key, "late"));
            }
        }

        Assert.Equal(HttpStatusCode.Created, await SendAsync(Door(2), HttpMethod.Put, "/buckets/dropped"));
        foreach (var key in keys)
            Assert.Equal(HttpStatusCode.NotFound, await SendAsync(_cluster.Door, HttpMethod.Get, key));
        Assert.Equal(HttpStatusCode.Created, await SendAsync(_cluster.Door, HttpMethod.Put, keys[0], "new"));
    }

    [Fact]
    public async Task While_a_bucket_is_dropped_and_made_again_no_write_survives_its_own_bucket()
    {
        await SendAsync(Door(0), HttpMethod.Put, "/buckets/churn");
        using var ended = new CancellationTokenSource();
        var writers = _cluster.Nodes.Select(node => WriteUntilAsync(node.Http, ended.Token)).ToList();
        for (var round = 0; round < 5; round++)
        {
            Assert.Equal(HttpStatusCode.NoContent, await SendAsync(Door(round), HttpMethod.Delete, "/buckets/churn"));
            Assert.Equal(HttpStatusCode.Created, await SendAsync(Door(round + 1), HttpMethod.Put, "/buckets/churn"));
        }

        Assert.Equal(HttpStatusCode.NoContent, await SendAsync(Door(0), HttpMethod.Delete, "/buckets/churn"));
        await ended.CancelAsync();
        var statuses = (await Task.WhenAll(writers)).SelectMany(written => written).ToHashSet();
        Assert.Empty(statuses.Except([HttpStatusCode.Created, HttpStatusCode.NoContent, HttpStatusCode.NotFound]));
        Assert.Equal(HttpStatusCode.Created, await SendAsync(Door(1), HttpMethod.Put, "/buckets/churn"));
        for (var key = 0; key < 20; key++)
        {
            Assert.Equal(
                HttpStatusCode.NotFound, await SendAsync(_cluster.Door, HttpMethod.Get, $"/buckets/churn/keys/{key}"));
        }
    }

    [Fact]
    public async Task Settings_count_on_every_node()
    {
        using var body = new StringContent(
            """{"requireConditionalWrites":true,"maxValueBytes":4}""", Encoding.UTF8, "application/json");
        using var created = await Door(0).PutAsync(new Uri("/buckets/strict", UriKind.Relative), body);
        Assert.Equal(HttpStatusCode.Created, created.StatusCode);
        foreach (var node in _cluster.Nodes)
        {
            Assert.Equal(
                HttpStatusCode.PreconditionRequired,
                await SendAsync(node.Http, HttpMethod.Put, "/buckets/strict/keys/a", "v"));
        }

        var listed = JsonDocument.Parse(await Door(1).GetStringAsync("/buckets?limit=1000")).RootElement;
        Assert.Contains(
            listed.GetProperty("items").EnumerateArray(), item => item.GetProperty("name").GetString() == "strict");
    }

    [Fact]
    public async Task Settings_that_are_changed_count_on_every_node_when_the_change_is_answered()
    {
        const string Key = "/buckets/changing/keys/a";
        await SendAsync(Door(0), HttpMethod.Put, "/buckets/changing");
        foreach (var node in _cluster.Nodes)
            await SendAsync(node.Http, HttpMethod.Put, Key, "v");    // from here on each knows the bucket
        for (var round = 0; round < 6; round++)
        {
            var isNarrow = round % 2 == 0;
            using var settings = new StringContent(
                isNarrow ? """{"maxValueBytes":4}""" : """{"maxValueBytes":5}""", Encoding.UTF8, "application/json");
            using var changed = await Door(round).PutAsync(new Uri("/buckets/changing", UriKind.Relative), settings);
            Assert.Equal(HttpStatusCode.OK, changed.StatusCode);
            var expected = isNarrow ? HttpStatusCode.RequestEntityTooLarge : HttpStatusCode.NoContent;
            for (var at = 1; at <= 3; at++)
                Assert.Equal(expected, await SendAsync(Door(round + at), HttpMethod.Put, Key, "12345"));
        }
    }

    private HttpClient Door(int number) => _cluster.Nodes[number % _cluster.Nodes.Count].Http;

    private static async Task<HashSet<HttpStatusCode>> WriteUntilAsync(HttpClient door, CancellationToken ended)
    {
        HashSet<HttpStatusCode> seen = [];
        for (var number = 0; !ended.IsCancellationRequested; number++)
            seen.Add(await SendAsync(door, HttpMethod.Put, $"/buckets/churn/keys/{number % 20}", "v"));
        return seen;
    }

    private static async Task<HttpStatusCode> SendAsync(
        HttpClient door, HttpMethod method, string target, string? body = null)
    {
        using var request = new HttpRequestMessage(method, target);
        if (body is not null)
            request.Content = new StringContent(body);
        using var answer = await door.SendAsync(request);
        return answer.StatusCode;
    }
}
