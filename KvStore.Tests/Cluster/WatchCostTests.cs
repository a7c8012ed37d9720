using System.Net.Sockets;
using System.Text;

namespace KvStore.Tests.Cluster;

/// <summary>What watchers cost a node.</summary>
[Collection(nameof(ClusterCollection))]
public sealed class WatchCostTests
{
    private const int Watchers = 2_000;

    [Fact]
    public async Task An_idle_watcher_costs_a_node_at_most_64_KiB()
    {
        await using var cluster = await TestCluster.StartAsync();
        var node = cluster.Nodes[0];
        await using var warm = await WatchersOf(node.Port).OpenAsync(200);
        var before = ResidentBytes(node.ProcessId);
        await using var idle = await WatchersOf(node.Port).OpenAsync(Watchers);
        var perWatcher = (ResidentBytes(node.ProcessId) - before) / Watchers;
        TestContext.Current.TestOutputHelper!.WriteLine($"{perWatcher} bytes a watcher");
        Assert.InRange(perWatcher, long.MinValue, 64 << 10);

        using var written = await cluster.Door.PutAsync(
            new Uri("/v1/w", UriKind.Relative), new StringContent("v"), TestContext.Current.CancellationToken);
        Assert.True(written.IsSuccessStatusCode);
        Assert.True(await idle.AllReadAsync("\"key\":\"w\""));
    }

    private static Connections WatchersOf(int port) => new(port);

    private static long ResidentBytes(int process) => long.Parse(
        File.ReadLines($"/proc/{process}/status").Single(line => line.StartsWith("VmRSS:", StringComparison.Ordinal))
            .Split(' ', StringSplitOptions.RemoveEmptyEntries)[1],
        System.Globalization.CultureInfo.InvariantCulture) * 1024;

    /// <summary>Many watches over bare sockets.</summary>
    private sealed class Connections(int port) : IAsyncDisposable
    {
        private readonly List<TcpClient> _clients = [];

        public async Task<Connections> OpenAsync(int count)
        {
            var request = Encoding.ASCII.GetBytes(
                "GET /buckets/default/watch?heartbeat=60s HTTP/1.1\r\nHost: localhost\r\n\r\n");
            foreach (var batch in Enumerable.Range(0, count).Chunk(100))
            {
                var opened = batch.Select(async _ =>
                {
                    var client = new TcpClient();
                    await client.ConnectAsync("localhost", port);
                    await client.GetStream().WriteAsync(request);
                    Assert.True(await ReadAsync(client, "event: progress"));
                    return client;
                });
                _clients.AddRange(await Task.WhenAll(opened));
            }

            return this;
        }

        public async Task<bool> AllReadAsync(string text) =>
            (await Task.WhenAll(_clients.Select(client => ReadAsync(client, text)))).All(isRead => isRead);

        public ValueTask DisposeAsync()
        {
            _clients.ForEach(client => client.Dispose());
            return ValueTask.CompletedTask;
        }

        private static async Task<bool> ReadAsync(TcpClient client, string text)
        {
            using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(30));
            var (read, part) = (new StringBuilder(), new byte[2048]);
            while (!read.ToString().Contains(text, StringComparison.Ordinal))
            {
                var count = await client.GetStream().ReadAsync(part, patience.Token);
                if (count == 0)
                    return false;
                read.Append(Encoding.UTF8.GetString(part, 0, count));
            }

            return true;
        }
    }
}
