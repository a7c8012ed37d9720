using KvStore.Client;
using KvStore.Tests.Cluster;

namespace KvStore.Tests.Client;

/// <summary>The client while nodes are killed and come back: a caller waits, and meets no exception.</summary>
[Collection(nameof(ClusterCollection))]
public sealed class FailingNodesTests
{
    private const int Callers = 8;

    [Theory, InlineData(false), InlineData(true)]
    public async Task No_call_fails_and_no_increment_is_lost_or_doubled(bool isStraight)
    {
        await using var cluster = await TestCluster.StartAsync();
        using var client = new KvStoreClient(new KvStoreClientSettings
        {
            ConnectionString = isStraight
                ? "Endpoints=" + string.Join(',', cluster.Nodes.Select(node => node.Http.BaseAddress))
                : cluster.Balancer.Http.BaseAddress!.ToString(),
            Timeout = TimeSpan.FromSeconds(60),
        });
        var isOver = false;
        var callers = Enumerable.Range(0, Callers)
            .Select(number => CallAsync(client, number, () => Volatile.Read(ref isOver))).ToList();
        foreach (var node in cluster.Nodes)
        {
            await node.KillAsync();
            await cluster.BecomesAsync("degraded");
            node.Start();
            await cluster.BecomesAsync("healthy");
        }

        Volatile.Write(ref isOver, true);
        var counts = await Task.WhenAll(callers);
        Assert.All(counts, count => Assert.NotEqual(0, count));
        Assert.Equal(counts.Sum(), (await client.GetAsync<long>("count"))!.Value);
    }

    /// <summary>Calls until it is told to end, and sees what it wrote.</summary>
    /// <returns>How often it counted.</returns>
    private static async Task<int> CallAsync(KvStoreClient client, int caller, Func<bool> isOver)
    {
        var key = $"caller/{caller}";
        KvVersion? last = null;
        var count = 0;
        while (!isOver())
        {
            await client.IncrementAsync("count");
            count++;
            var written = last is { } version
                ? await client.ReplaceAsync(key, count, version)
                : await client.CreateAsync(key, count);
            Assert.True(written.IsApplied);
            last = written.Version;
            Assert.Equal((count, last!.Value), await ReadAsync(client, key));
        }

        return count;
    }

    private static async Task<(int Value, KvVersion Version)> ReadAsync(KvStoreClient client, string key)
    {
        var entry = (await client.GetAsync<int>(key))!;
        return (entry.Value, entry.Version);
    }
}
