using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using KvStore.Tests.Node.Api;

namespace KvStore.Tests.Cluster;

/// <summary>Watching real nodes.</summary>
[Collection(nameof(ClusterCollection))]
public sealed class WatchTests
{
    private const string Watch = "/buckets/default/watch";

    [Fact]
    public async Task Whoever_comes_again_by_itself_sees_the_whole_log_though_nodes_die()
    {
        await using var cluster = await TestCluster.StartAsync();
        using var ended = new CancellationTokenSource();
        var watches = cluster.Nodes.Select(node => node.Http).Append(cluster.Door)
            .Select(door => new ResumingWatch(cluster, door, "w/")).ToList();
        await Task.WhenAll(watches.Select(watch => watch.OpenAsync()));
        var running = watches.Select(watch => watch.RunAsync()).ToList();
        var acknowledged = new ConcurrentDictionary<string, ConcurrentQueue<long>>();
        var writers = Enumerable.Range(0, 4)
            .Select(writer => WriteAsync(cluster.Door, writer, acknowledged, ended.Token)).ToList();

        await HasWrittenAsync(cluster, acknowledged, 200);
        await cluster.Nodes[1].KillAsync();
        await HasWrittenAsync(cluster, acknowledged, 600);
        cluster.Nodes[1].Start();
        await HasWrittenAsync(cluster, acknowledged, 1_000);
        await ended.CancelAsync();
        await Task.WhenAll(writers);
        await cluster.BecomesAsync("healthy");
        var last = await PutAsync(cluster.Door, "w/last", "end");
        Assert.NotNull(last);
        await Task.WhenAll(running).WaitAsync(TimeSpan.FromSeconds(60), TestContext.Current.CancellationToken);

        var logs = watches.Select(watch => watch.Versions).ToList();
        foreach (var seen in logs)
        {
            Assert.All(seen, pair => Assert.Equal(pair.Value.Order().Distinct(), pair.Value));
            foreach (var (key, versions) in acknowledged)
                Assert.Subset(seen[key].ToHashSet(), versions.ToHashSet());
            Assert.Equal(Lines(logs[0]), Lines(seen));
        }
    }

    [Fact]
    public async Task A_node_tells_of_partitions_that_it_has_no_copy_of()
    {
        await using var cluster = await TestCluster.StartAsync(
            5, ("KVSTORE_PARTITIONS", "16"), ("REPLICATION_FACTOR", "3"));
        var watches = cluster.Nodes.Select(node => new ResumingWatch(cluster, node.Http, "w/")).ToList();
        await Task.WhenAll(watches.Select(watch => watch.OpenAsync()));
        var running = watches.Select(watch => watch.RunAsync()).ToList();
        for (var number = 0; number < 100; number++)
            Assert.NotNull(await PutAsync(cluster.Door, $"w/{number}", "v"));
        Assert.NotNull(await PutAsync(cluster.Door, "w/last", "end"));
        await Task.WhenAll(running).WaitAsync(TimeSpan.FromSeconds(60), TestContext.Current.CancellationToken);
        foreach (var watch in watches)
            await cluster.EventuallyAsync(() => Task.FromResult(watch.Versions.Count == 101), "all is told");
    }

    private static List<string> Lines(Dictionary<string, List<long>> seen) =>
        [.. seen.OrderBy(pair => pair.Key).Select(pair => $"{pair.Key}: {string.Join(' ', pair.Value)}")];

    private static Task HasWrittenAsync(
        TestCluster cluster, ConcurrentDictionary<string, ConcurrentQueue<long>> acknowledged, int count) =>
        cluster.EventuallyAsync(
            () => Task.FromResult(acknowledged.Values.Sum(versions => versions.Count) >= count), $"{count} writes");

    private static async Task WriteAsync(
        HttpClient door,
        int writer,
        ConcurrentDictionary<string, ConcurrentQueue<long>> acknowledged,
        CancellationToken ended)
    {
        for (var number = 0; !ended.IsCancellationRequested; number++)
        {
            var key = $"w/{writer}-{number % 10}";
            if (await PutAsync(door, key, $"{number}") is { } version)
                acknowledged.GetOrAdd(key, _ => new()).Enqueue(version);
        }
    }

    private static async Task<long?> PutAsync(HttpClient door, string key, string value)
    {
        using var request = new HttpRequestMessage(HttpMethod.Put, $"/v1/{Uri.EscapeDataString(key)}");
        request.Content = new StringContent(value);
        using var answer = await door.SendAsync(request);
        return answer.IsSuccessStatusCode
            ? long.Parse(answer.Headers.GetValues("Kv-Version").Single(), CultureInfo.InvariantCulture)
            : null;
    }

    /// <summary>Watches until it has seen the last key of all partitions' tails; comes again by itself.</summary>
    private sealed class ResumingWatch(TestCluster cluster, HttpClient door, string prefix)
    {
        private readonly string _target = $"{Watch}?prefix={Uri.EscapeDataString(prefix)}&heartbeat=1s";
        private EventReader? _events;
        private string? _cursor;

        /// <summary>By key, the versions in the order they were told.</summary>
        public Dictionary<string, List<long>> Versions { get; } = [];

        public async Task OpenAsync()
        {
            _events = await EventReader.OpenAsync(door, _target, _cursor);
            _cursor ??= (await _events.NextAsync())!.Id;
        }

        public async Task RunAsync()
        {
            var (isLast, open) = (false, new List<(string Key, long Version)>());
            while (true)
            {
                var next = await NextAsync();
                if (next is null)
                {
                    open.Clear();
                    continue;
                }

                if (next.Name is "put")
                    open.Add((next.Key, next.Version));
                isLast |= next.Name is "put" && next.Key == "w/last";
                if (next.Id is null)
                    continue;
                _cursor = next.Id;
                foreach (var (key, version) in open)
                {
                    if (!Versions.TryGetValue(key, out var versions))
                        Versions.Add(key, versions = []);
                    versions.Add(version);
                }

                open.Clear();
                if (isLast && next.Name is "progress")    // all that was written before the last key is told by then
                    return;
            }
        }

        private async Task<ServerEvent?> NextAsync()
        {
            try
            {
                if (_events is null)
                    await OpenAsync();
                if (await _events!.NextAsync() is { Name: not ("end" or "overflow") } next)
                    return next;
            }
            catch (Exception failure) when (failure is HttpRequestException or IOException
                && failure is not HttpRequestException { StatusCode: HttpStatusCode.Gone or HttpStatusCode.BadRequest })
            {
                // the node is gone; it comes again
            }

            _events?.Dispose();
            _events = null;
            await cluster.EventuallyAsync(
                async () => await cluster.HealthAsync() is not null, "somebody answers");
            return null;
        }
    }
}
