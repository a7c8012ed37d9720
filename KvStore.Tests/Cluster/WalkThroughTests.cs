using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;

namespace KvStore.Tests.Cluster;

[Collection(nameof(ClusterCollection))]
public sealed class WalkThroughTests(WalkThroughTests.Started started) : IClassFixture<WalkThroughTests.Started>
{
    /// <summary>One cluster for all tests here: none of them stops anything.</summary>
    public sealed class Started : IAsyncLifetime
    {
        public TestCluster Cluster { get; private set; } = null!;

        public async ValueTask InitializeAsync() => Cluster = await TestCluster.StartAsync();

        public ValueTask DisposeAsync() => Cluster.DisposeAsync();
    }

    [Fact]
    public async Task The_learning_projects_walk_through_works_through_the_balancer_and_each_node()
    {
        var cluster = started.Cluster;
        foreach (var door in cluster.Nodes.Append(cluster.Balancer))
        {
            await WriteReadAndDeleteUsersAsync(door.Http, door.Name);
        }

        Assert.Equal("healthy", (await cluster.HealthAsync())!.Value.GetProperty("status").GetString());
        var status = await TestCluster.StatusAsync(cluster.Nodes[0]);
        Assert.Equal("node1", status!.Name);
        Assert.Equal(64, status.Partitions);
    }

    [Fact]
    public async Task One_key_can_be_written_in_any_spelling_and_is_the_same_through_both_doors()
    {
        var cluster = started.Cluster;
        var longest = new string('k', 1024);
        string[] targets =
        [
            "/v1/two%20words", "/v1/a%2Fb", "/v1/a%252Fb", "/v1/100%25", "/v1/%C3%BCber/%E2%82%AC", "/v1/%2Fleading",
            $"/v1/{longest}",
        ];
        foreach (var target in targets)
        {
            using var written = await SendAsync(cluster.Door, HttpMethod.Put, target, target);
            Assert.Equal(HttpStatusCode.Created, written.StatusCode);
            foreach (var door in cluster.Nodes.Append(cluster.Balancer))
            {
                using var read = await SendAsync(door.Http, HttpMethod.Get, target);
                var entry = await read.Content.ReadFromJsonAsync<JsonElement>();
                Assert.Equal(Uri.UnescapeDataString(target["/v1/".Length..]), entry.GetProperty("key").GetString());
                Assert.Equal(target, entry.GetProperty("value").GetString());
            }
        }

        using var slash = await SendAsync(cluster.Door, HttpMethod.Get, "/v1/a/b");
        Assert.Equal(HttpStatusCode.OK, slash.StatusCode);
    }

    [Theory]
    [InlineData("/v1/a//b", 400)]
    [InlineData("/v1/a/../b", 400)]
    [InlineData("/v1/a/%2e%2e/b", 400)]
    [InlineData("/v1/bad%zz", 400)]
    [InlineData("/v1/back%5cslash", 400)]
    [InlineData("/v1/%FF%FE", 400)]
    [InlineData("/v1/key?unknown=1", 400)]
    [InlineData("/v1/key?consistency=stong", 400)]
    [InlineData("/v1/absent", 404)]
    [InlineData("/v2/key", 404)]
    public async Task A_wrong_target_gets_the_same_refusal_from_a_node_and_from_the_balancer(string target, int status)
    {
        var cluster = started.Cluster;
        using var direct = await SendAsync(cluster.Nodes[0].Http, HttpMethod.Get, target);
        using var balanced = await SendAsync(cluster.Door, HttpMethod.Get, target);
        Assert.Equal(status, (int)direct.StatusCode);
        Assert.Equal(status, (int)balanced.StatusCode);
        var (one, other) = (await ProblemOf(direct), await ProblemOf(balanced));
        Assert.Equal(one.GetProperty("code").GetString(), other.GetProperty("code").GetString());
        Assert.Equal("no", one.GetProperty("applied").GetString());
        Assert.Equal("no", other.GetProperty("applied").GetString());
    }

    /// <summary>
    /// The HTTP server itself refuses this one, before any code of ours, and says no more than the status.
    /// </summary>
    [Fact]
    public async Task A_nul_in_the_target_is_refused_through_both_doors()
    {
        foreach (var door in new[] { started.Cluster.Nodes[0].Http, started.Cluster.Door })
        {
            using var answer = await SendAsync(door, HttpMethod.Get, "/v1/nul%00");
            Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
            Assert.Empty(await answer.Content.ReadAsStringAsync());
        }
    }

    [Fact]
    public async Task An_overlong_key_is_refused_with_414_through_both_doors()
    {
        var cluster = started.Cluster;
        var target = $"/v1/{new string('k', 1025)}";
        foreach (var door in new[] { cluster.Nodes[0].Http, cluster.Door })
        {
            using var answer = await SendAsync(door, HttpMethod.Get, target);
            Assert.Equal(414, (int)answer.StatusCode);
        }
    }

    [Fact]
    public async Task Of_two_who_race_for_one_version_exactly_one_wins_every_time()
    {
        var cluster = started.Cluster;
        using var first = await SendAsync(cluster.Door, HttpMethod.Put, "/v1/race", "0");
        var tag = first.Headers.ETag!.ToString();
        for (var round = 0; round < 1000; round++)
        {
            var racers = await Task.WhenAll(
                SendAsync(cluster.Door, HttpMethod.Put, "/v1/race", "a", tag),
                SendAsync(cluster.Nodes[round % 3].Http, HttpMethod.Put, "/v1/race", "b", tag));
            var winner = Assert.Single(racers, racer => racer.StatusCode == HttpStatusCode.NoContent);
            Assert.Single(racers, racer => racer.StatusCode == HttpStatusCode.PreconditionFailed);
            tag = winner.Headers.ETag!.ToString();
            Array.ForEach(racers, racer => racer.Dispose());
        }
    }

    [Fact]
    public async Task A_key_that_carries_its_time_is_one_key_through_all_doors_and_refused_when_it_is_ahead()
    {
        var now = TimeProvider.System.GetUtcNow();
        var (key, ahead) = ($"{Guid.CreateVersion7(now)}", $"{Guid.CreateVersion7(now.AddHours(2))}");
        List<string?> tags = [];
        foreach (var door in started.Cluster.Nodes.Append(started.Cluster.Balancer))
        {
            using var written = await SendAsync(
                door.Http, HttpMethod.Put, "/v1/timed", "once", idempotencyKey: key);
            Assert.Equal((HttpStatusCode.Created, tags.Count > 0), (
                written.StatusCode, written.Headers.Contains("Idempotency-Replayed")));
            tags.Add(written.Headers.ETag!.ToString());
            key = key.ToUpperInvariant();

            using var refused = await SendAsync(
                door.Http, HttpMethod.Put, "/v1/timed", "never", idempotencyKey: ahead);
            Assert.Equal(HttpStatusCode.Conflict, refused.StatusCode);
            var problem = await ProblemOf(refused);
            Assert.Equal(("idempotency-ahead", "no", false), (
                problem.GetProperty("code").GetString(),
                problem.GetProperty("applied").GetString(),
                problem.GetProperty("retryable").GetBoolean()));
        }

        Assert.Single(tags.Distinct());
        using var read = await SendAsync(started.Cluster.Door, HttpMethod.Get, "/v1/timed");
        Assert.Equal("once", (await read.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("value").GetString());
    }

    internal static async Task WriteReadAndDeleteUsersAsync(HttpClient door, string prefix)
    {
        string[] users = ["alice", "bob", "carol"];
        foreach (var user in users)
        {
            using var written = await door.PostAsJsonAsync($"/v1/{prefix}:{user}", new { value = new { name = user } });
            Assert.Equal(HttpStatusCode.OK, written.StatusCode);
        }

        foreach (var user in users)
        {
            var entry = await door.GetFromJsonAsync<JsonElement>($"/v1/{prefix}:{user}");
            Assert.Equal(user, entry.GetProperty("value").GetProperty("name").GetString());
        }

        using var deleted = await door.DeleteAsync($"/v1/{prefix}:bob");
        Assert.Equal(HttpStatusCode.OK, deleted.StatusCode);
        using var absent = await door.GetAsync($"/v1/{prefix}:bob");
        Assert.Equal(HttpStatusCode.NotFound, absent.StatusCode);
    }

    private static async Task<HttpResponseMessage> SendAsync(
        HttpClient door,
        HttpMethod method,
        string target,
        string? body = null,
        string? ifMatch = null,
        string? idempotencyKey = null)
    {
        var uri = new Uri(
            door.BaseAddress!.GetLeftPart(UriPartial.Authority) + target,
            new UriCreationOptions { DangerousDisablePathAndQueryCanonicalization = true });
        using var message = new HttpRequestMessage(method, uri);
        if (body is not null)
            message.Content = new StringContent(body, Encoding.UTF8, "text/plain");
        if (ifMatch is not null)
            message.Headers.TryAddWithoutValidation("If-Match", ifMatch);
        if (idempotencyKey is not null)
            message.Headers.Add("Idempotency-Key", idempotencyKey);
        return await door.SendAsync(message);
    }

    private static async Task<JsonElement> ProblemOf(HttpResponseMessage answer)
    {
        Assert.Equal("application/problem+json", answer.Content.Headers.ContentType!.MediaType);
        return await answer.Content.ReadFromJsonAsync<JsonElement>();
    }
}
