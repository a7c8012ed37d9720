using System.Net.Http.Json;
using System.Text.Json;
using KvStore.Core.Primitives;
using KvStore.Core.State;
using KvStore.Node.Storage;
using static KvStore.Tests.Core.State.Commands;

namespace KvStore.Tests.Cluster;

public sealed class DivergedStateTests(ITestOutputHelper output)
{
    private const string Key = "planted";

    /// <summary>
    /// The value is changed by the product's own means: each checksum on the disk is right, and only the others know
    /// better.
    /// </summary>
    [Fact]
    public async Task A_copy_that_is_wrong_under_right_checksums_is_found_ends_and_is_refilled_by_the_others()
    {
        await using var cluster = await TestCluster.StartAsync(
            3,
            ("KVSTORE_PARTITIONS", "1"),
            ("KVSTORE_COMPARE_INTERVAL", "200ms"),
            ("KVSTORE_SNAPSHOT_INTERVAL", "1s"));
        var load = WriteLoad.Start(cluster.Door, clients: 4);
        using (var put = await cluster.Door.PostAsJsonAsync($"/v1/{Key}", new { value = "right" }))
            Assert.True(put.IsSuccessStatusCode);
        var node = cluster.Nodes[1];
        for (var newer = 0; newer < 2; newer++)    // the second was captured after the write
        {
            var newest = NewestSnapshot(node);
            await cluster.EventuallyAsync(
                () => Task.FromResult(NewestSnapshot(node) is { } next && next != newest), "another snapshot");
        }

        await node.KillAsync();
        Plant(node);
        node.Start();
        Assert.Equal(1, await node.EndsAsync());
        Assert.Contains("its copies differ", node.Output);
        Assert.Contains("This node is the odd one out and ends", node.Output);
        await load.AnswersAsync(cluster, 200);

        node.Start();
        await cluster.NodeBecomesAsync(node, status => status is { Epoch: 2, Keys: > 0 }, "was taken in and has keys");
        await cluster.BecomesAsync("healthy");
        var status = (await TestCluster.StatusAsync(cluster.Nodes[0]))!;
        Assert.Equal([1, 3, 4], status.Members.Select(member => member.Id));
        await cluster.EventuallyAsync(async () => await ValueAtAsync(node) == "right", "the right value is there");
        await load.AnswersAsync(cluster, 200);
        await load.StopAsync();

        output.WriteLine($"{load.Answered} answered, the longest took {load.Longest.TotalMilliseconds:F0} ms");
        Assert.Empty(load.Failures);
        await load.AssertAllThereAsync(cluster);
        Assert.True(File.Exists(Path.Combine(FolderOf(node, "wal"), "damaged-1", DataDirectory.CondemnedName)));
        foreach (var other in new[] { cluster.Nodes[0], cluster.Nodes[2] })
            Assert.DoesNotContain("odd one out and ends", other.Output);
    }

    private static string? NewestSnapshot(TestProcess node) =>
        Directory.GetFiles(FolderOf(node, "snapshots"), "p0000-*.snap").Max(StringComparer.Ordinal);

    private static void Plant(TestProcess node)
    {
        PhysicalFileSystem files = new();
        using var directory = DataDirectory.Open(
            FolderOf(node, "wal"), FolderOf(node, "snapshots"), node.Name, files);
        SnapshotStore snapshots = new(files, directory, TimeProvider.System);
        PartitionId partition = new(0);
        var snapshot = snapshots.LoadNewest()[partition];
        var right = snapshot.State.Find("planted"u8)!.Version;
        KeyValueState state = new(snapshot.State);
        state.Apply(right.Index, right.Term, CommandFormat.Encode(Put(Key, "wrong")));
        snapshots.Save(partition, snapshot with { State = state.Image });
    }

    /// <summary>What the node itself has, whoever is primary.</summary>
    private static async Task<string?> ValueAtAsync(TestProcess node)
    {
        using HttpRequestMessage ask = new(HttpMethod.Get, $"/v1/{Key}");
        ask.Headers.Add("kv-consistency", "eventual");
        using var answer = await node.Http.SendAsync(ask);
        var entry = await answer.Content.ReadFromJsonAsync<JsonElement>();
        return answer.IsSuccessStatusCode ? entry.GetProperty("value").GetString() : null;
    }

    private static string FolderOf(TestProcess node, string folder) =>
        Path.Combine(node.Directory, "data", node.Name, folder);
}
