using System.Net;
using System.Net.Http.Json;
using System.Text;
using KvStore.Contracts;

namespace KvStore.Tests.Cluster;

public sealed class SnapshotNowTests : IAsyncLifetime
{
    /// <summary>The key as the node itself has it, which is asked.</summary>
    private const string Own = "/v1/greeting?format=raw&consistency=eventual";

    private TestCluster _cluster = null!;

    public async ValueTask InitializeAsync() => _cluster = await TestCluster.StartAsync(
        nodes: 3, ("KVSTORE_PARTITIONS", "4"));

    public ValueTask DisposeAsync() => _cluster.DisposeAsync();

    [Fact]
    public async Task All_nodes_or_one_capture_what_changed_and_nothing_twice()
    {
        await StoreAsync("before");
        var all = await CaptureAsync(_cluster.Balancer);
        Assert.Equal(["node1", "node2", "node3"], all.Nodes.Select(node => node.Name).Order(StringComparer.Ordinal));
        Assert.All(all.Nodes, node => Assert.InRange(node.Partitions, 1, 5));    // and the system's
        foreach (var node in _cluster.Nodes)
            Assert.NotEmpty(Directory.GetFiles(SnapshotsOf(node), "*.snap", SearchOption.AllDirectories));

        await StoreAsync("after");
        await _cluster.EventuallyAsync(
            async () => await _cluster.Nodes[1].Http.GetStringAsync(Own) == "after",
            "node2 has what the others have acknowledged");
        var one = Assert.Single((await CaptureAsync(_cluster.Nodes[1])).Nodes);
        Assert.Equal("node2", one.Name);
        Assert.InRange(one.Partitions, 1, 2);    // that of the key, and the system's if that goes on
    }

    [Fact]
    public async Task What_it_does_not_take_is_refused_at_both_doors_and_a_node_that_is_away_is_named()
    {
        foreach (var door in _cluster.Nodes.Take(1).Append(_cluster.Balancer))
        {
            using var query = await door.Http.PostAsync(Routes.Snapshots + "?now=true", content: null);
            Assert.Equal("query-invalid", (await ProblemOf(query)).Code);
            using var body = await door.Http.PostAsync(Routes.Snapshots, new StringContent("all"));
            Assert.Equal("body-not-allowed", (await ProblemOf(body)).Code);
        }

        await _cluster.Nodes[2].KillAsync();
        using var answer = await _cluster.Door.PostAsync(Routes.Snapshots, content: null);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.StatusCode);
        var problem = await ProblemOf(answer);
        Assert.StartsWith("Taken on 2 of 3 nodes. ", problem.Detail);
        Assert.Contains(_cluster.Nodes[2].Http.BaseAddress!.Authority, problem.Detail);
    }

    private static async Task<SnapshotResponse> CaptureAsync(TestProcess door)
    {
        using var answer = await door.Http.PostAsync(Routes.Snapshots, content: null);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        return (await answer.Content.ReadFromJsonAsync(ContractsJson.Default.SnapshotResponse))!;
    }

    private static async Task<Problem> ProblemOf(HttpResponseMessage answer) =>
        (await answer.Content.ReadFromJsonAsync(ContractsJson.Default.Problem))!;

    private static string SnapshotsOf(TestProcess node) => Path.Combine(node.Directory, "data", node.Name, "snapshots");

    private async Task StoreAsync(string value)
    {
        using var stored = await _cluster.Door.PutAsync(
            "/v1/greeting", new StringContent(value, Encoding.UTF8, "text/plain"));
        Assert.True(stored.IsSuccessStatusCode);
    }
}
