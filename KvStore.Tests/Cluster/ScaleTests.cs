using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using KvStore.Contracts;

namespace KvStore.Tests.Cluster;

/// <summary>
/// Many keys at once, on three real nodes, while others go on with theirs. <c>KVSTORE_SCALE</c> says how many keys;
/// from <see cref="Large"/> on, how much longer the others' requests take is judged, too.
/// </summary>
[Collection(nameof(ClusterCollection))]
public sealed class ScaleTests(ITestOutputHelper output)
{
    /// <summary>A batch of operations.</summary>
    private const int BatchSize = 1000;

    /// <summary>With fewer keys than this, what is measured is chance.</summary>
    private const int Large = 200_000;

    private static readonly int Keys = int.Parse(
        Environment.GetEnvironmentVariable("KVSTORE_SCALE") ?? "4000", CultureInfo.InvariantCulture);

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_list_in_pages_has_every_key_that_was_there_throughout_once()
    {
        await using var cluster = await TestCluster.StartAsync();
        await LoadAsync(cluster, "default", number => Put($"kept/{number:d8}"));
        var load = WriteLoad.Start(cluster.Door, clients: 4);    // keys of its own, which come while the list is read
        await load.AnswersAsync(cluster, 20);
        var (kept, last, pages, cursor) = (0, "", 0, default(string));
        var watch = Stopwatch.StartNew();
        do
        {
            var more = cursor is null ? "" : $"&cursor={cursor}";
            var page = await AskAsync(
                cluster, $"/buckets/default/keys?limit=1000{more}", ContractsJson.Default.KeyListResponse);
            foreach (var item in page.Items)
            {
                Assert.True(string.CompareOrdinal(item.Key, last) > 0, $"{item.Key} comes after {last}");
                last = item.Key!;
                if (last.StartsWith("kept/", StringComparison.Ordinal))
                    Assert.Equal($"kept/{kept++:d8}", last);
            }

            cursor = page.Cursor;
            pages++;
        }
        while (cursor is not null);
        output.WriteLine($"{kept} keys in {pages} pages, {watch.Elapsed.TotalSeconds:f1} s");
        await load.StopAsync();
        Assert.Empty(load.Failures);
        Assert.Equal(Keys, kept);
    }

    [Fact]
    public async Task A_large_bucket_is_dropped_at_once_while_others_write()
    {
        await using var cluster = await TestCluster.StartAsync();
        using (var made = await cluster.Door.PutAsJsonAsync("/buckets/large", new { }, Token))
            Assert.True(made.IsSuccessStatusCode);
        await LoadAsync(cluster, "large", number => Put($"key/{number:d8}"));
        await using var others = new Probe(cluster.Door);
        await others.MeasureAsync("before");
        var watch = Stopwatch.StartNew();
        using (var dropped = await cluster.Door.DeleteAsync("/buckets/large", Token))
            Assert.True(dropped.IsSuccessStatusCode, await dropped.Content.ReadAsStringAsync(Token));
        output.WriteLine($"dropped {Keys} keys in {watch.ElapsedMilliseconds} ms");
        others.Begin("after");
        using (var gone = await cluster.Door.GetAsync("/buckets/large/keys/key/00000000", Token))
            Assert.Equal(404, (int)gone.StatusCode);
        await cluster.EventuallyAsync(
            async () => await HeldAsync(cluster) < 3L * Keys / 10, "what the bucket held is given back");
        await others.MeasureAsync(null);
        Judge(others, "before", "after");
        Assert.InRange(watch.Elapsed, TimeSpan.Zero, TimeSpan.FromSeconds(20));
    }

    [Fact]
    public async Task Many_keys_that_end_together_are_removed_and_others_hardly_notice()
    {
        await using var cluster = await TestCluster.StartAsync();
        var seconds = 5 + Keys / 5000;
        var end = Stopwatch.StartNew();
        await LoadAsync(cluster, "default", number =>
            Put($"ends/{number:d8}", $",\"ttl\":\"{Math.Max(1, seconds * 1000 - end.ElapsedMilliseconds)}ms\""));
        var stayed = Math.Max(0, seconds - end.Elapsed.TotalSeconds);
        output.WriteLine($"loaded after {end.Elapsed.TotalSeconds:f1} s, {stayed:f1} s before they end");
        await using var others = new Probe(cluster.Door);
        await others.MeasureAsync("before");
        if (Keys >= Large)
            Assert.True(end.Elapsed.TotalSeconds < seconds, "It took too long to load and to measure.");
        await cluster.EventuallyAsync(
            () => Task.FromResult(end.Elapsed.TotalSeconds >= seconds), "the time has come", TimeSpan.FromMinutes(5));
        others.Begin("after");
        await cluster.EventuallyAsync(
            async () => await HeldAsync(cluster) <= 3 * Probe.Keys, "all that ended is gone", TimeSpan.FromMinutes(5));
        Assert.Equal(0, await CountAsync(cluster, "ends/"));
        output.WriteLine($"gone {end.Elapsed.TotalSeconds - seconds:f1} s after they ended");
        await others.MeasureAsync(null);
        Judge(others, "before", "after");
    }

    /// <summary>Half as slow again as twice as slow is what chance may add.</summary>
    private void Judge(Probe probe, string before, string after)
    {
        var (calm, busy) = (probe.Percentile(before, 99), probe.Percentile(after, 99));
        output.WriteLine(
            $"others' p99: {calm.TotalMilliseconds:f1} ms {before}, {busy.TotalMilliseconds:f1} ms {after}; "
            + $"longest {probe.Percentile(after, 100).TotalMilliseconds:f0} ms");
        Assert.Empty(probe.Failures);
        if (Keys >= Large)
            Assert.True(busy <= 2 * calm + TimeSpan.FromMilliseconds(5), $"{calm} {before}, {busy} {after}");
    }

    private static string Put(string key, string more = "") => $$"""{"op":"put","key":"{{key}}","value":"v"{{more}}}""";

    private static async Task LoadAsync(TestCluster cluster, string bucket, Func<int, string> operation) =>
        await Parallel.ForEachAsync(
            Enumerable.Range(0, Keys).Chunk(BatchSize),
            new ParallelOptions { MaxDegreeOfParallelism = 4, CancellationToken = Token },
            async (numbers, token) =>
            {
                var body = $$"""{"ops":[{{string.Join(',', numbers.Select(operation))}}]}""";
                using var answer = await cluster.Door.PostAsync(
                    $"/buckets/{bucket}/batch?timeout=60s",
                    new StringContent(body, Encoding.UTF8, "application/json"),
                    token);
                var text = await answer.Content.ReadAsStringAsync(token);
                Assert.True(answer.IsSuccessStatusCode, text);
                Assert.DoesNotContain("\"problem\"", text, StringComparison.Ordinal);
            });

    /// <summary>Entries that all nodes hold together, copies counted.</summary>
    private static async Task<long> HeldAsync(TestCluster cluster)
    {
        long held = 0;
        foreach (var node in cluster.Nodes)
            held += (await TestCluster.StatusAsync(node))?.Keys ?? Keys;
        return held;
    }

    private static async Task<long> CountAsync(TestCluster cluster, string prefix) => (await AskAsync(
        cluster,
        $"/buckets/default/keys?prefix={prefix}&limit=1&count=true",
        ContractsJson.Default.KeyListResponse)).Count!.Value;

    private static async Task<T> AskAsync<T>(
        TestCluster cluster, string target, System.Text.Json.Serialization.Metadata.JsonTypeInfo<T> type)
    {
        using var answer = await cluster.Door.GetAsync(target, Token);
        var text = await answer.Content.ReadAsStringAsync(Token);
        Assert.True(answer.IsSuccessStatusCode, text);
        return JsonSerializer.Deserialize(text, type)!;
    }

    /// <summary>
    /// Others, who write and read a few keys of their own one after the other, and how long that takes.
    /// </summary>
    private sealed class Probe : IAsyncDisposable
    {
        /// <summary>What it writes, at most.</summary>
        public const int Keys = 100;

        private static readonly int Enough = ScaleTests.Keys >= Large ? 500 : 50;

        private readonly HttpClient _door;
        private readonly CancellationTokenSource _ended = new();
        private readonly Dictionary<string, List<TimeSpan>> _took = [];
        private readonly Task _running;
        private List<TimeSpan> _now = [];

        public Probe(HttpClient door)
        {
            _door = door;
            _running = RunAsync();
        }

        public List<string> Failures { get; } = [];

        /// <summary>What is measured from now on is remembered under a name; null: under none.</summary>
        public void Begin(string? name)
        {
            List<TimeSpan> next = [];
            if (name is not null)
                _took[name] = next;
            Volatile.Write(ref _now, next);
        }

        /// <summary>Measures under a name until there is enough.</summary>
        public async Task MeasureAsync(string? name)
        {
            Begin(name);
            var until = name is null ? 1 : Enough;
            while (Volatile.Read(ref _now).Count < until)
                await Task.Delay(10, Token);
        }

        public TimeSpan Percentile(string name, int percent)
        {
            TimeSpan[] sorted = [.. _took[name].Order()];
            return sorted.Length == 0
                ? TimeSpan.Zero
                : sorted[Math.Min(sorted.Length * percent / 100, sorted.Length - 1)];
        }

        public async ValueTask DisposeAsync()
        {
            await _ended.CancelAsync();
            await _running;
            _ended.Dispose();
        }

        private async Task RunAsync()
        {
            for (var number = 0; !_ended.IsCancellationRequested; number++)
            {
                var key = $"/v1/others/{number % Keys}";
                var start = Stopwatch.GetTimestamp();
                using (var put = await _door.PutAsync(key, new StringContent("v"), CancellationToken.None))
                {
                    if (!put.IsSuccessStatusCode)
                        Failures.Add($"PUT {key}: {(int)put.StatusCode}");
                }

                using (var get = await _door.GetAsync(key, CancellationToken.None))
                {
                    if (!get.IsSuccessStatusCode)
                        Failures.Add($"GET {key}: {(int)get.StatusCode}");
                }

                Volatile.Read(ref _now).Add(Stopwatch.GetElapsedTime(start));
            }
        }
    }
}
