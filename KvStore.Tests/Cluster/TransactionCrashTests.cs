using System.Diagnostics;
using System.Text;
using System.Text.Json;

namespace KvStore.Tests.Cluster;

/// <summary>The node that carries a transaction out is stopped between two steps of it, and killed there.</summary>
public sealed class TransactionCrashTests(FailpointCluster shared) : IClassFixture<FailpointCluster>
{
    private const int Units = 100;
    private const int Accounts = 6;
    private static readonly TimeSpan LongestLock = TimeSpan.FromSeconds(10);
    private static int _runs;

    /// <summary>Where it is stopped, and whether the transfer is done then.</summary>
    public static TheoryData<string, bool> Steps { get; } = new()
    {
        { "failpoint@transaction-prepared:1=stop", false },
        { "failpoint@transaction-decided:1=stop", true },
        { "failpoint@transaction-finished:1=stop", true },
    };

    [Theory]
    [MemberData(nameof(Steps))]
    public async Task After_a_crash_all_or_nothing_is_done_and_no_key_is_locked_for_long(string faults, bool isDone)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Whether a process is stopped is read from /proc.");
        var (run, cluster) = (Interlocked.Increment(ref _runs), shared.Cluster);
        var keys = Enumerable.Range(0, Accounts).Select(account => $"crash-{run}-{account}").ToList();
        Assert.True(await PostAsync(cluster.Door, "batch", $$"""{"ops":[{{Join(keys, key =>
            $$"""{"op":"put","key":"{{key}}","value":{{Units}}}""")}}]}"""));
        var node = cluster.Nodes[run % 3];
        await node.SetFaultsAsync(faults);
        var amounts = keys.Select((key, at) => (key, at % 2 == 0 ? -7 : 7));
        var transfer = PostAsync(node.Http, "txn", $$"""{"then":[{{Join(amounts, change =>
            $$"""{"op":"increment","key":"{{change.key}}","by":{{change.Item2}}}""")}}]}""");
        await cluster.EventuallyAsync(() => Task.FromResult(node.IsPaused), $"{node.Name} comes to {faults}");

        var watch = Stopwatch.StartNew();
        await node.KillAsync();
        var other = cluster.Nodes[(run + 1) % 3];
        var values = await Task.WhenAll(keys.Select(key => ReadAsync(other.Http, key)));
        Assert.True(watch.Elapsed < LongestLock, $"It took {watch.Elapsed}.");
        Assert.Equal(
            keys.Select((_, at) => !isDone ? Units : at % 2 == 0 ? Units - 7 : Units + 7), values);
        await transfer;
        Assert.True(await PostAsync(other.Http, "batch", $$"""{"ops":[{{Join(keys, key =>
            $$"""{"op":"increment","key":"{{key}}"}""")}}]}"""));
        node.Start();
        await cluster.BecomesAsync("healthy");
    }

    private static string Join<T>(IEnumerable<T> items, Func<T, string> text) => string.Join(',', items.Select(text));

    private static async Task<int> ReadAsync(HttpClient door, string key) => JsonDocument
        .Parse(await door.GetStringAsync($"/v1/{key}?timeout=20s")).RootElement.GetProperty("value").GetInt32();

    /// <summary>Whether it was answered, and no operation refused.</summary>
    private static async Task<bool> PostAsync(HttpClient door, string verb, string body)
    {
        try
        {
            using var content = new StringContent(body, Encoding.UTF8, "application/json");
            using var answer = await door.PostAsync($"/buckets/default/{verb}?timeout=20s", content);
            var text = await answer.Content.ReadAsStringAsync();
            return answer.IsSuccessStatusCode && !text.Contains("problem", StringComparison.Ordinal);
        }
        catch (HttpRequestException)
        {
            return false;
        }
    }
}
