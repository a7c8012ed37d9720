using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;

namespace KvStore.Tests.Cluster;

/// <summary>What can be done with one key, the same at a node and at the balancer.</summary>
[Collection(nameof(ClusterCollection))]
public sealed class KeyFacesTests(WalkThroughTests.Started started) : IClassFixture<WalkThroughTests.Started>
{
    private const string Increment = "application/vnd.kvstore.increment+json";

    private IEnumerable<(HttpClient Http, string Prefix)> Doors =>
        started.Cluster.Nodes.Append(started.Cluster.Balancer)
            .Select(door => (door.Http, $"/buckets/default/keys/faces/{door.Name}"));

    [Fact]
    public async Task A_value_is_given_as_it_was_stored_whole_in_parts_and_with_what_was_told_of_it()
    {
        var value = new byte[300_000];
        new Random(5).NextBytes(value);
        foreach (var (door, key) in Doors)
        {
            using var put = await SendAsync(door, "PUT", key, value, "image/png", "Kv-Meta-Color: red", "Kv-Ttl: 1h");
            Assert.Equal(HttpStatusCode.Created, put.StatusCode);
            using var read = await SendAsync(door, "GET", key);
            Assert.Equal(value, await read.Content.ReadAsByteArrayAsync());
            Assert.Equal("image/png", read.Content.Headers.ContentType!.MediaType);
            Assert.Equal("red", Assert.Single(read.Headers.GetValues("kv-meta-color")));
            Assert.Equal(put.Headers.GetValues("Kv-Expires-At"), read.Headers.GetValues("Kv-Expires-At"));
            using var part = await SendAsync(door, "GET", key, headers: "Range: bytes=-1000");
            Assert.Equal(HttpStatusCode.PartialContent, part.StatusCode);
            Assert.Equal(value[^1000..], await part.Content.ReadAsByteArrayAsync());
        }
    }

    [Fact]
    public async Task A_counter_counts_every_increment_of_every_door_once()
    {
        await Task.WhenAll(Doors.Select(async door =>
        {
            for (var turn = 0; turn < 25; turn++)
            {
                using var sum = await SendAsync(door.Http, "PATCH", "/v1/faces/n", "{}"u8.ToArray(), Increment);
                Assert.Equal(HttpStatusCode.OK, sum.StatusCode);
            }
        }));

        using var read = await SendAsync(started.Cluster.Door, "GET", "/v1/faces/n");
        Assert.Equal(100, (await read.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("value").GetInt32());
    }

    [Fact]
    public async Task A_key_that_has_ended_is_gone_at_every_door_and_does_not_come_back()
    {
        foreach (var (door, key) in Doors)
        {
            using var put = await SendAsync(door, "PUT", key + "/short", "v"u8.ToArray(), headers: "Kv-Ttl: 50ms");
            Assert.Equal(HttpStatusCode.Created, put.StatusCode);
            for (var tries = 0; tries < 200; tries++)
            {
                using var read = await SendAsync(door, "GET", key + "/short");
                if (read.StatusCode is HttpStatusCode.NotFound)
                    break;
                Assert.Equal("v", await read.Content.ReadAsStringAsync());
                await Task.Delay(10);
            }

            foreach (var (other, _) in Doors)
            {
                using var read = await SendAsync(other, "GET", key + "/short");
                Assert.Equal(HttpStatusCode.NotFound, read.StatusCode);
            }
        }
    }

    [Fact]
    public async Task A_value_without_a_key_gets_one_at_every_door_and_a_retry_at_another_meets_it()
    {
        foreach (var target in new[] { "/buckets/default/keys", "/v1?format=raw" })
        {
            var name = "Idempotency-Key: new-" + target.Length;
            var places = new List<string>();
            foreach (var (door, _) in Doors)
            {
                using var posted = await SendAsync(door, "POST", target, "v"u8.ToArray(), "text/plain", name);
                Assert.Equal(HttpStatusCode.Created, posted.StatusCode);
                places.Add(posted.Headers.Location!.OriginalString);
            }

            Assert.Single(places.Distinct());
            using var read = await SendAsync(started.Cluster.Door, "GET", places[0] + "?format=raw");
            Assert.Equal("v", await read.Content.ReadAsStringAsync());
        }
    }

    [Theory]
    [InlineData("PUT", "?ttl=0", "v", "text/plain", "X: y", 400, "query-invalid")]
    [InlineData("PUT", "", "v", "text/plain", "Kv-Ttl: 1.5s", 400, "header-invalid")]
    [InlineData("PUT", "", "v", "text/plain", "Kv-Ttl: 3651d", 400, "header-invalid")]
    [InlineData("PUT", "", "v", "text/plain", "Content-Digest: sha-256=:ungW:", 400, "header-invalid")]
    [InlineData("PUT", "", "abd", "text/plain",
        "Content-Digest: sha-256=:ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=:", 400, "digest-mismatch")]
    [InlineData("PATCH", "", "{}", "application/json-patch+json", "X: y", 415, "unsupported-media-type")]
    [InlineData("PATCH", "", "{\"a\":1,\"a\":2}", "application/merge-patch+json", "X: y", 400, "body-invalid")]
    [InlineData("PATCH", "", "{\"by\":1.5}", Increment, "X: y", 400, "body-invalid")]
    [InlineData("PATCH", "", "{}", "application/merge-patch+json", "X: y", 404, "not-found")]
    [InlineData("GET", "?format=xml", null, "", "X: y", 400, "query-invalid")]
    [InlineData("GET", "", null, "", "Kv-Meta-a: b", 400, "header-invalid")]
    public async Task What_is_wrong_is_refused_alike_at_both_doors(
        string method, string query, string? body, string type, string header, int status, string code)
    {
        foreach (var door in new[] { started.Cluster.Nodes[1].Http, started.Cluster.Door })
        {
            var bytes = body is null ? null : Encoding.UTF8.GetBytes(body);
            using var answer = await SendAsync(door, method, "/v1/faces/absent" + query, bytes, type, header);
            var problem = await answer.Content.ReadFromJsonAsync<JsonElement>();
            Assert.Equal(
                (status, code, "no"),
                ((int)answer.StatusCode, problem.GetProperty("code").GetString(),
                    problem.GetProperty("applied").GetString()));
        }
    }

    private static async Task<HttpResponseMessage> SendAsync(
        HttpClient door,
        string method,
        string target,
        byte[]? body = null,
        string type = "text/plain",
        params string[] headers)
    {
        using var message = new HttpRequestMessage(new HttpMethod(method), target);
        if (body is not null)
        {
            message.Content = new ByteArrayContent(body);
            message.Content.Headers.TryAddWithoutValidation("Content-Type", type);
        }

        foreach (var header in headers)
            message.Headers.TryAddWithoutValidation(header[..header.IndexOf(':')], header[(header.IndexOf(':') + 2)..]);
        return await door.SendAsync(message);
    }
}
