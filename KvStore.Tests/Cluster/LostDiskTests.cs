using System.Net.Http.Json;
using System.Text;
using KvStore.Contracts;

namespace KvStore.Tests.Cluster;

public sealed class LostDiskTests(ITestOutputHelper output)
{
    /// <summary>
    /// The new disk must count: when another node is killed after it was taken in, what
    /// it was given is needed to go on.
    /// </summary>
    [Fact]
    public async Task A_node_that_lost_its_disk_is_taken_in_as_another_member_and_counts_again()
    {
        await using var cluster = await TestCluster.StartAsync();
        var load = WriteLoad.Start(cluster.Door, clients: 4);
        await load.AnswersAsync(cluster, 200);
        var lost = cluster.Nodes[1];
        await lost.KillAsync();
        var aside = cluster.TakeDiskOf(lost);

        lost.Start();
        await cluster.NodeBecomesAsync(lost, IsWholeAgain, "is primary and backup again");
        await cluster.BecomesAsync("healthy");
        var status = (await TestCluster.StatusAsync(cluster.Nodes[0]))!;
        Assert.Equal([1, 3, 4], status.Members.Select(member => member.Id));
        Assert.Equal(2, Assert.Single(status.Removed).Id);
        await load.AnswersAsync(cluster, 200);
        await cluster.Nodes[0].KillAsync();
        await load.AnswersAsync(cluster, 200);
        await load.StopAsync();

        output.WriteLine($"{load.Answered} answered, the longest took {load.Longest.TotalMilliseconds:F0} ms");
        Assert.Empty(load.Failures);
        await load.AssertAllThereAsync(cluster);
        await TheOldDiskIsRefusedAsync(cluster, lost, aside);
    }

    /// <summary>
    /// Nothing on such a disk is wrong: it only lacks what it voted and acknowledged last, and the others know that.
    /// </summary>
    [Theory]
    [InlineData("an older copy in its place")]
    [InlineData("zeros over its last pages")]
    public async Task A_disk_that_forgot_what_it_acknowledged_is_found_out_and_set_aside(string harm)
    {
        await using var cluster = await TestCluster.StartAsync();
        var load = WriteLoad.Start(cluster.Door, clients: 4);
        await load.AnswersAsync(cluster, 100);
        var node = cluster.Nodes[1];
        await node.KillAsync();
        var copy = cluster.CopyDiskOf(node);
        node.Start();
        await load.AnswersAsync(cluster, 200);
        await AcknowledgesAsync(cluster, node);
        await node.KillAsync();
        if (harm.StartsWith("zeros", StringComparison.Ordinal))
            EraseEnd(Path.Combine(node.Directory, "data", node.Name, "wal"));
        else
            cluster.GiveDiskTo(node, copy);

        node.Start();
        Assert.Equal(1, await node.EndsAsync());
        Assert.Contains("The data directory is an older copy, or the end of its log is gone.", node.Output);
        node.Start();
        await cluster.NodeBecomesAsync(node, IsWholeAgain, "is primary and backup again");
        await load.StopAsync();
        Assert.Empty(load.Failures);
        await load.AssertAllThereAsync(cluster);
    }

    /// <summary>While a node is down for a moment, anybody may say that it stands on another disk now.</summary>
    [Fact]
    public async Task Nobody_is_replaced_on_hearsay()
    {
        await using var cluster = await TestCluster.StartAsync();
        var away = cluster.Nodes[1];
        await away.KillAsync();

        JoinRequest lie = new(away.Name, "00000000deadbeef");
        foreach (var node in new[] { cluster.Nodes[0], cluster.Nodes[2] })
        {
            using var answer = await node.Http.PostAsync(
                Routes.Nodes, JsonContent.Create(lie, ContractsJson.Default.JoinRequest), Token);
            Assert.False(answer.IsSuccessStatusCode);
        }

        away.Start();
        await cluster.BecomesAsync("healthy");
        Assert.Equal(1, (await TestCluster.StatusAsync(cluster.Nodes[0]))!.Epoch);
    }

    [Theory]
    [InlineData("""{"name":"node2","incarnation":"xyz"}""", 400, "body-invalid")]
    [InlineData("""{"name":"node2"}""", 400, "body-invalid")]
    [InlineData("nonsense", 400, "body-invalid")]
    [InlineData("""{"name":"node9","incarnation":"00000000deadbeef"}""", 409, "conflict")]
    [InlineData("""{"name":"node1","incarnation":"00000000deadbeef"}""", 503, "not-ready")]
    public async Task Who_cannot_be_taken_in_is_told_why(string body, int status, string code)
    {
        await using var cluster = await TestCluster.StartAsync(nodes: 1);
        using var content = new StringContent(body, Encoding.UTF8, "application/json");
        using var answer = await cluster.Nodes[0].Http.PostAsync(Routes.Nodes, content, Token);

        Assert.Equal(status, (int)answer.StatusCode);
        var problem = await answer.Content.ReadFromJsonAsync(ContractsJson.Default.Problem, Token);
        Assert.Equal(code, problem!.Code);
    }

    /// <summary>
    /// A node may be up and the cluster healthy while nobody has heard of what it flushed since: then an older copy has
    /// forgotten nothing. The primary of a write that every copy acknowledged has.
    /// </summary>
    private static Task AcknowledgesAsync(TestCluster cluster, TestProcess backup)
    {
        var number = 0;
        return cluster.EventuallyAsync(
            async () =>
            {
                using var request = new HttpRequestMessage(HttpMethod.Put, $"/v1/acknowledged/{number++}?timeout=10s");
                request.Headers.Add(KvHeaders.Ack, "all");
                request.Content = new StringContent("v");
                using var answer = await cluster.Door.SendAsync(request, Token);
                return answer.IsSuccessStatusCode
                    && answer.Headers.GetValues(KvHeaders.ServedBy).Single() != backup.Name;
            },
            $"{backup.Name} acknowledged what another one told it");
    }

    private static void EraseEnd(string wal)
    {
        const int Erased = 16 * 1024;
        var newest = Directory.GetFiles(wal, "wal-*.log").Order(StringComparer.Ordinal).Last();
        var bytes = File.ReadAllBytes(newest);
        var end = bytes.AsSpan().LastIndexOfAnyExcept((byte)0) + 1;
        bytes.AsSpan(Math.Max(end - Erased, 4096), Math.Min(Erased, end - 4096)).Clear();
        File.WriteAllBytes(newest, bytes);
    }

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private static bool IsWholeAgain(NodeStatus node) =>
        node is { Epoch: 2, Keys: > 0 } && node.Replicas is { Primary: > 10, Candidate: 0 }
        && node.Replicas.Primary + node.Replicas.Backup == node.Partitions;

    private static async Task TheOldDiskIsRefusedAsync(TestCluster cluster, TestProcess node, string aside)
    {
        cluster.Nodes[0].Start();
        await cluster.BecomesAsync("healthy");
        await node.KillAsync();
        cluster.GiveDiskTo(node, aside);
        node.Start();

        Assert.Equal(1, await node.EndsAsync());
        Assert.Contains("the cluster went on with another one in its place", node.Output);
    }
}
