using KvStore.Contracts;

namespace KvStore.Tests.Cluster;

[Collection(nameof(ClusterCollection))]
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

    private static bool IsWholeAgain(NodeStatus node) =>
        node is { Epoch: 2, Keys: > 0, Replicas: { Primary: > 10, Backup: > 10 } };

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
