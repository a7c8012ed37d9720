using System.Net;
using System.Net.Http.Json;
using KvStore.Contracts;

namespace KvStore.Tests.Cluster;

/// <summary>One node's disk fails, hangs or is full; the cluster is asked through the balancer all the while.</summary>
public sealed class FaultyDiskTests(ITestOutputHelper output)
{
    private static readonly (string, string) AllowFaults = ("KvStore__AllowFaults", "true");

    /// <summary>Wherever it is in storage: the node ends at once, and comes back with what it had.</summary>
    [Fact]
    public async Task One_failing_call_at_each_place_ends_the_node_and_the_cluster_goes_on_and_takes_it_back()
    {
        (string Fault, string Says)[] places =
        [
            ("flush@/wal-:3=EIO", ".log failed: Input/output error (5)"),
            ("write@/wal-:3=EIO", ".log failed: Input/output error (5)"),
            ("write@/wal-:3=ENOSPC", ".log failed: No space left on device (28)"),
            ("flush@spare.tmp:1=EIO", "spare.tmp failed: Input/output error (5)"),
            ("flush-folder@wal:1=EIO", "flush-folder of"),    // where the log goes on in another segment
            ("move@/wal-:1=EIO", "move of"),
            ("flush@.snap:1=EIO", ".snap.tmp failed: Input/output error (5)"),
            ("flush-folder@snapshots:1=EIO", "snapshots failed: Input/output error (5)"),
        ];
        await using var cluster = await TestCluster.StartAsync(
            3, AllowFaults, ("KVSTORE_SNAPSHOT_INTERVAL", "1s"), ("KVSTORE_WAL_SEGMENT_BYTES", "1048576"));
        var load = WriteLoad.Start(cluster.Door, clients: 4);
        await load.AnswersAsync(cluster, 100);
        var node = cluster.Nodes[1];
        var filler = new string('x', 60_000);
        foreach (var (fault, says) in places)
        {
            var ended = node.EndsAsync();
            await node.SetFaultsAsync(fault);
            for (var number = 0; !ended.IsCompleted; number++)
            {
                using var answer = await cluster.Door.PutAsync($"/v1/filler/{number % 100}", new StringContent(filler));
                Assert.True(answer.IsSuccessStatusCode, $"{fault}: {answer.StatusCode}");
            }

            Assert.Equal(1, await ended);
            Assert.True(node.Output.Contains(says, StringComparison.Ordinal), $"{fault}: {node.Output}");
            Assert.Contains("The disk does not keep what it is given", node.Output);
            await load.AnswersAsync(cluster, 50);
            node.Start();
            await cluster.NodeBecomesAsync(node, status => status.State == "serving", "serves again");
            await cluster.BecomesAsync("healthy");
        }

        await load.StopAsync();
        output.WriteLine($"{load.Answered} answered, the longest took {load.Longest.TotalMilliseconds:F0} ms");
        Assert.Empty(load.Failures);
        await load.AssertAllThereAsync(cluster);
        Assert.False(node.Output.Contains("   at ", StringComparison.Ordinal), $"A stack trace: {node.Output}");
    }

    [Theory]
    [InlineData("flush@identity:1=EIO", "identity.tmp failed")]
    [InlineData("flush@cluster:1=EIO", "cluster.tmp failed")]
    [InlineData("flush@spare:1=EIO", "spare.tmp failed")]
    public async Task A_disk_that_fails_at_the_first_start_is_one_line_and_the_next_start_is_as_if_it_had_not_been(
        string fault, string says)
    {
        var ports = FreePorts.Take(2);
        var folder = Directory.CreateTempSubdirectory("kvstore-fault-").FullName;
        Dictionary<string, string> variables = new()
        {
            ["NODE_NAME"] = "node1",
            ["PORT"] = $"{ports[0]}",
            ["CLUSTER_NODES"] = $"http://localhost:{ports[0]}",
            ["KVSTORE_PEER_PORT"] = $"{ports[1]}",
            ["KvStore__AllowFaults"] = "true",
            ["KVSTORE_FAULTS"] = fault,
        };
        await using (TestProcess node = new("KvStore.Node.dll", "node1", ports[0], folder, variables))
        {
            node.Start();
            Assert.Equal(1, await node.EndsAsync());
            Assert.Contains(says, node.Output);
            Assert.DoesNotContain("   at ", node.Output);
            variables.Remove("KVSTORE_FAULTS");
            node.Start();
            while (await TestCluster.StatusAsync(node) is not { State: "serving" })
                await Task.Yield();
        }

        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public async Task A_node_whose_disk_hangs_leads_nothing_and_still_answers()
    {
        await using var cluster = await TestCluster.StartAsync(3, AllowFaults);
        var load = WriteLoad.Start(cluster.Door, clients: 4);
        await load.AnswersAsync(cluster, 100);
        var node = cluster.Nodes[0];
        await node.SetFaultsAsync("flush=slow:60s");
        await cluster.NodeBecomesAsync(node, status => status.Replicas.Primary == 0, "leads nothing");
        await load.AnswersAsync(cluster, 100);
        using (var health = await node.Http.GetAsync("/ready"))
            Assert.Equal(HttpStatusCode.OK, health.StatusCode);
        foreach (var key in load.Written.Keys.Take(20))
        {
            using var answer = await node.Http.GetAsync($"/v1/{key}");
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        }

        using (await node.Http.DeleteAsync(Routes.Faults))
            await cluster.NodeBecomesAsync(node, status => status.Replicas.Primary > 10, "leads again");
        await load.StopAsync();
        output.WriteLine($"{load.Answered} answered, the longest took {load.Longest.TotalMilliseconds:F0} ms");
        Assert.Empty(load.Failures);
        await load.AssertAllThereAsync(cluster);
    }

    [Fact]
    public async Task On_a_full_disk_values_are_read_and_deleted_and_stored_again_when_there_is_room()
    {
        var disk = Directory.CreateTempSubdirectory("kvstore-tmpfs-").FullName;
        Assert.SkipUnless(await TryMountAsync(disk), "No file system of a given size can be mounted here.");
        try
        {
            await using var cluster = await TestCluster.StartAsync(
                1,
                ("KVSTORE_WAL_DIR", $"{disk}/wal"),
                ("KVSTORE_SNAPSHOT_DIR", $"{disk}/snapshots"),
                ("KVSTORE_WAL_SEGMENT_BYTES", "1048576"));
            for (var key = 0; key < 20; key++)
            {
                using var answer = await PutAsync(cluster, key);
                Assert.Equal(HttpStatusCode.Created, answer.StatusCode);
            }

            var ballast = Path.Combine(disk, "ballast");
            Fill(ballast);
            await cluster.NodeBecomesAsync(cluster.Nodes[0], status => status.Disk == NodeStatus.DiskLow, "is low");
            using (var refused = await PutAsync(cluster, 1))
            {
                Assert.Equal(HttpStatusCode.InsufficientStorage, refused.StatusCode);
                var problem = await refused.Content.ReadFromJsonAsync(ContractsJson.Default.Problem);
                Assert.Equal((ProblemType.DiskLow.Code, Applied.No), (problem!.Code, problem.Applied));
            }

            using (var read = await cluster.Door.GetAsync("/v1/key/1"))
                Assert.Equal(HttpStatusCode.OK, read.StatusCode);
            using (var deleted = await cluster.Door.DeleteAsync("/v1/key/1"))
                Assert.True(deleted.IsSuccessStatusCode, $"{deleted.StatusCode}");
            File.Delete(ballast);
            await cluster.NodeBecomesAsync(cluster.Nodes[0], status => status.Disk is null, "disk has room");
            using (var stored = await PutAsync(cluster, 1))
                Assert.Equal(HttpStatusCode.Created, stored.StatusCode);
        }
        finally
        {
            Assert.Equal(0, await RunAsync("umount", disk));
            Directory.Delete(disk);
        }
    }

    private static Task<HttpResponseMessage> PutAsync(TestCluster cluster, int key) =>
        cluster.Door.PutAsync($"/v1/key/{key}", new StringContent("value"));

    /// <summary>To the last byte.</summary>
    private static void Fill(string path)
    {
        using var file = File.Create(path, bufferSize: 0);
        var block = new byte[1 << 16];
        try
        {
            while (true)
                file.Write(block);
        }
        catch (IOException)
        {
            // there is no room for another block
        }
    }

    private static async Task<bool> TryMountAsync(string folder) =>
        OperatingSystem.IsLinux() && await RunAsync("mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", folder) == 0;

    private static async Task<int> RunAsync(string program, params string[] arguments)
    {
        try
        {
            using var process = System.Diagnostics.Process.Start(program, arguments);
            await process.WaitForExitAsync();
            return process.ExitCode;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return -1;
        }
    }
}
