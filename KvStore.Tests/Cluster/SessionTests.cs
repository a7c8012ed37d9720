using System.Net;
using System.Net.Http.Json;
using System.Text.Json;

namespace KvStore.Tests.Cluster;

[Collection(nameof(ClusterCollection))]
public sealed class SessionTests
{
    [Fact]
    public async Task A_session_sees_its_own_writes_on_whatever_copy_it_reads()
    {
        await using var cluster = await TestCluster.StartAsync();
        string? session = null;
        HashSet<string> levels = [];
        HashSet<string> roles = [];
        for (var round = 0; round < 60; round++)
        {
            using var put = await SendAsync(cluster.Door, HttpMethod.Put, round, new StringContent($"v{round}"));
            Assert.True(put.IsSuccessStatusCode);
            foreach (var node in cluster.Nodes)
            {
                using var read = await SendAsync(node.Http, HttpMethod.Get, round);
                Assert.Equal(HttpStatusCode.OK, read.StatusCode);
                var entry = await read.Content.ReadFromJsonAsync<JsonElement>();
                Assert.Equal($"v{round}", entry.GetProperty("value").GetString());
                levels.Add(read.Headers.GetValues("Kv-Consistency").Single());
                roles.Add(read.Headers.GetValues("Kv-Role").Single());
            }
        }

        Assert.Contains("session", levels);
        Assert.Contains("backup", roles);

        async Task<HttpResponseMessage> SendAsync(HttpClient at, HttpMethod method, int round, HttpContent? body = null)
        {
            using HttpRequestMessage request = new(method, $"/v1/session-{round % 7}") { Content = body };
            request.Headers.Add("Kv-Consistency", "session");
            if (session is not null)
                request.Headers.Add("Kv-Session", session);
            var answer = await at.SendAsync(request);
            session = answer.Headers.GetValues("Kv-Session").Single();
            return answer;
        }
    }
}
