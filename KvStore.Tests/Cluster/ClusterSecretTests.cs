using System.Net;
using System.Net.Http.Json;
using KvStore.Contracts;

namespace KvStore.Tests.Cluster;

public sealed class ClusterSecretTests
{
    private const string Variable = "KVSTORE_CLUSTER_SECRET";

    [Fact]
    public async Task Nodes_that_share_a_secret_take_calls_of_nobody_else()
    {
        await using var cluster = await TestCluster.StartAsync(3, (Variable, "the-nodes-know-it"));
        await WalkThroughTests.WriteReadAndDeleteUsersAsync(cluster.Door, "secret");

        using var join = await cluster.Nodes[0].Http.PostAsync(
            Routes.Nodes, JsonContent.Create(new JoinRequest("node2", "00000000000000ab"),
                ContractsJson.Default.JoinRequest));
        Assert.Equal(HttpStatusCode.Forbidden, join.StatusCode);

        var status = (await TestCluster.StatusAsync(cluster.Nodes[0]))!;
        using var http = new HttpClient();
        using var call = new HttpRequestMessage(
            HttpMethod.Post, new Uri($"http://localhost:{status.PeerPort}/kvstore.peer.Peer/ReadPositions"))
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = new ByteArrayContent([0, 0, 0, 0, 0]) { Headers = { { "Content-Type", "application/grpc" } } },
        };
        using var refused = await http.SendAsync(call);
        Assert.Equal("7", Assert.Single(refused.Headers.GetValues("grpc-status")));
    }

    [Fact]
    public async Task A_node_with_another_secret_is_not_heard_and_its_log_says_why()
    {
        await using var cluster = await TestCluster.StartAsync(3, (Variable, "the-nodes-know-it"));
        var stranger = cluster.Nodes[2];
        await stranger.KillAsync();
        stranger.Variables[Variable] = "another-one-altogether";
        stranger.Start();
        await cluster.EventuallyAsync(
            () => Task.FromResult(stranger.Output.Contains("know this cluster's secret", StringComparison.Ordinal)),
            "it says why it is alone");
        await WalkThroughTests.WriteReadAndDeleteUsersAsync(cluster.Door, "without the stranger");

        await stranger.KillAsync();
        stranger.Variables[Variable] = "the-nodes-know-it";
        stranger.Start();
        await cluster.BecomesAsync("healthy");
    }
}
