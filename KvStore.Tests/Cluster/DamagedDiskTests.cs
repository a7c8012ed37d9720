namespace KvStore.Tests.Cluster;

public sealed class DamagedDiskTests(ITestOutputHelper output)
{
    /// <summary>
    /// The new disk must count: when another node is killed, what it was refilled with is needed to go on.
    /// </summary>
    [Fact]
    public async Task A_node_whose_log_is_damaged_sets_it_aside_and_is_refilled_as_another_member()
    {
        await using var cluster = await TestCluster.StartAsync();
        var load = WriteLoad.Start(cluster.Door, clients: 4);
        await load.AnswersAsync(cluster, 200);
        var damaged = cluster.Nodes[1];
        await damaged.KillAsync();
        var wal = Path.Combine(damaged.Directory, "data", damaged.Name, "wal");
        var segment = Directory.GetFiles(wal, "wal-*.log").Order(StringComparer.Ordinal).First();
        Flip(segment, at: 100);
        var bytes = await File.ReadAllBytesAsync(segment);

        damaged.Start();
        await cluster.NodeBecomesAsync(
            damaged,
            node => node is { Epoch: 2, Keys: > 0, Replicas: { Primary: > 10, Backup: > 10 } },
            "is primary and backup again");
        await cluster.BecomesAsync("healthy");
        var status = (await TestCluster.StatusAsync(cluster.Nodes[0]))!;
        Assert.Equal([1, 3, 4], status.Members.Select(member => member.Id));
        await load.AnswersAsync(cluster, 200);
        await cluster.Nodes[0].KillAsync();
        await load.AnswersAsync(cluster, 200);
        await load.StopAsync();

        output.WriteLine($"{load.Answered} answered, the longest took {load.Longest.TotalMilliseconds:F0} ms");
        Assert.Empty(load.Failures);
        await load.AssertAllThereAsync(cluster);
        Assert.Contains($"{segment}, offset", damaged.Output);
        var aside = Path.Combine(wal, "damaged-1", Path.GetFileName(segment));
        Assert.Equal(bytes, await File.ReadAllBytesAsync(aside));
    }

    private static void Flip(string path, int at)
    {
        using var file = File.Open(path, FileMode.Open);
        file.Position = at;
        var one = file.ReadByte();
        file.Position = at;
        file.WriteByte((byte)(one ^ 1));
    }
}
