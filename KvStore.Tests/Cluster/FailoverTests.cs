using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json;

namespace KvStore.Tests.Cluster;

[Collection(nameof(ClusterCollection))]
public sealed class FailoverTests(ITestOutputHelper output)
{
    [Fact]
    public async Task A_killed_node_costs_waiting_and_no_failed_request_and_comes_back_as_what_it_was()
    {
        await using var cluster = await TestCluster.StartAsync();
        var load = WriteLoad.Start(cluster.Door, clients: 8);
        await load.AnswersAsync(cluster, 200);

        await cluster.Nodes[1].KillAsync();
        await load.AnswersAsync(cluster, 300);
        await cluster.BecomesAsync("degraded");

        cluster.Nodes[1].Start();
        await cluster.BecomesAsync("healthy");
        await cluster.NodeBecomesAsync(
            cluster.Nodes[1], node => node.Replicas is { Primary: > 10, Backup: > 10 }, "primary and backup again");
        await load.StopAsync();

        output.WriteLine($"{load.Answered} answered, the longest took {load.Longest.TotalMilliseconds:F0} ms");
        Assert.Empty(load.Failures);
        Assert.InRange(load.Longest, TimeSpan.Zero, TimeSpan.FromSeconds(5));
        await load.AssertAllThereAsync(cluster);
    }

    [Fact]
    public async Task Everything_acknowledged_is_there_after_all_processes_were_killed_under_load()
    {
        await using var cluster = await TestCluster.StartAsync();
        for (var round = 0; round < 3; round++)
        {
            var load = WriteLoad.Start(cluster.Door, clients: 8);
            await load.AnswersAsync(cluster, 300);
            await Task.WhenAll(cluster.Nodes.Append(cluster.Balancer).Select(process => process.KillAsync()));
            await load.StopAsync();

            foreach (var process in cluster.Nodes.Append(cluster.Balancer))
                process.Start();
            await cluster.BecomesAsync("healthy");
            output.WriteLine($"round {round}: {load.Answered} answered");
            await load.AssertAllThereAsync(cluster);
        }
    }

    [Fact]
    public async Task A_node_that_is_asked_to_stop_hands_over_first_and_costs_nothing()
    {
        await using var cluster = await TestCluster.StartAsync();
        var load = WriteLoad.Start(cluster.Door, clients: 8);
        await load.AnswersAsync(cluster, 200);

        var watch = Stopwatch.StartNew();
        Assert.Equal(0, await cluster.Nodes[0].StopAsync());
        Assert.InRange(watch.Elapsed, TimeSpan.Zero, TimeSpan.FromSeconds(10));    // links do not hold it up
        await load.AnswersAsync(cluster, 200);
        await load.StopAsync();

        output.WriteLine($"{load.Answered} answered, the longest took {load.Longest.TotalMilliseconds:F0} ms");
        Assert.Empty(load.Failures);
        await load.AssertAllThereAsync(cluster);
    }

    /// <summary>
    /// One backup away, a write acknowledged, the other backup killed at once and then the primary, both backups
    /// restarted: the write must be in what the killed backup had flushed.
    /// </summary>
    [Fact]
    public async Task An_acknowledged_write_outlives_the_death_of_both_that_hold_it()
    {
        await using var cluster = await TestCluster.StartAsync();
        for (var round = 0; round < 6; round++)
        {
            var away = cluster.Nodes[round % 3];
            await away.KillAsync();
            var key = $"/v1/sequence/{round}";
            using var answer = await cluster.Door.PostAsJsonAsync(key, new { value = round });
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
            var primary = cluster.Nodes.Single(node => node.Name == answer.Headers.GetValues("Kv-Served-By").Single());
            var backup = cluster.Nodes.Single(node => node != away && node != primary);
            await backup.KillAsync();
            await primary.KillAsync();

            away.Start();
            backup.Start();
            using var read = await cluster.Door.GetAsync($"{key}?timeout=30s");
            Assert.Equal(HttpStatusCode.OK, read.StatusCode);
            Assert.Equal(round, (await read.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("value").GetInt32());
            primary.Start();
            await cluster.BecomesAsync("healthy");
        }
    }
}
