using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json;

namespace KvStore.Tests.Cluster;

/// <summary>
/// Clients that write and read keys of their own without a pause. Every acknowledged write is remembered with the
/// version it was acknowledged with; every other answer is remembered too.
/// </summary>
internal sealed class WriteLoad
{
    private readonly ConcurrentDictionary<string, Acknowledged> _acknowledged = new();
    private readonly ConcurrentQueue<string> _failures = [];
    private readonly List<Task> _clients;
    private long _longest;
    private long _answered;
    private volatile bool _isStopping;

    private WriteLoad(HttpClient door, int clients) =>
        _clients = [.. Enumerable.Range(0, clients).Select(client => RunAsync(door, client))];

    /// <summary>The last acknowledged value of a key.</summary>
    public sealed record Acknowledged(int Value, long Version);

    /// <summary>By key, what must be there afterwards.</summary>
    public IReadOnlyDictionary<string, Acknowledged> Written => _acknowledged;

    /// <summary>Answers that were neither success nor what the key held, and broken connections.</summary>
    public IReadOnlyCollection<string> Failures => _failures;

    /// <summary>The longest that a request took.</summary>
    public TimeSpan Longest => TimeSpan.FromTicks(Volatile.Read(ref _longest));

    /// <summary>Requests that succeeded.</summary>
    public long Answered => Volatile.Read(ref _answered);

    public static WriteLoad Start(HttpClient door, int clients) => new(door, clients);

    /// <summary>Waits until so many more requests have succeeded.</summary>
    public async Task AnswersAsync(TestCluster cluster, int count)
    {
        var goal = Answered + count;
        await cluster.EventuallyAsync(() => Task.FromResult(Answered >= goal), $"{count} more requests answered");
    }

    public async Task StopAsync()
    {
        _isStopping = true;
        await Task.WhenAll(_clients);
    }

    /// <summary>Every key has what was last acknowledged, or what its writer wrote after that.</summary>
    public async Task AssertAllThereAsync(TestCluster cluster)
    {
        Assert.NotEmpty(Written);
        foreach (var (key, acknowledged) in Written)
        {
            using var answer = await cluster.Door.GetAsync($"/v1/{key}?timeout=30s");
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
            var entry = await answer.Content.ReadFromJsonAsync<JsonElement>();
            var value = entry.GetProperty("value").GetInt32();
            Assert.True(value >= acknowledged.Value, $"{key}: {value} found, {acknowledged.Value} was acknowledged");
            if (value == acknowledged.Value)
                Assert.Equal(acknowledged.Version, entry.GetProperty("version").GetInt64());
        }
    }

    private async Task RunAsync(HttpClient door, int client)
    {
        var random = new Random(client);
        for (var value = 1; !_isStopping; value++)
        {
            var key = string.Create(CultureInfo.InvariantCulture, $"load/{client}/{random.Next(50)}");
            await AskAsync(() => WriteAsync(door, key, value), $"POST {key}");
            await AskAsync(() => ReadAsync(door, key), $"GET {key}");
        }
    }

    private async Task AskAsync(Func<Task> ask, string what)
    {
        var startedAt = TimeProvider.System.GetTimestamp();
        try
        {
            await ask();
            Interlocked.Increment(ref _answered);
        }
        catch (Exception failure) when (failure is HttpRequestException or TaskCanceledException or IOException)
        {
            _failures.Enqueue($"{what}: {failure.Message}");
        }

        var took = TimeProvider.System.GetElapsedTime(startedAt).Ticks;
        for (var longest = Volatile.Read(ref _longest); took > longest; longest = Volatile.Read(ref _longest))
            Interlocked.CompareExchange(ref _longest, took, longest);
    }

    private async Task WriteAsync(HttpClient door, string key, int value)
    {
        using var answer = await door.PostAsJsonAsync($"/v1/{key}", new { value });
        if (answer.StatusCode != HttpStatusCode.OK)
            throw new HttpRequestException($"{(int)answer.StatusCode} {await answer.Content.ReadAsStringAsync()}");
        var version = (await answer.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("version").GetInt64();
        _acknowledged[key] = new Acknowledged(value, version);
    }

    /// <summary>The client is the key's only writer, so what was last acknowledged is what must be there.</summary>
    private async Task ReadAsync(HttpClient door, string key)
    {
        using var answer = await door.GetAsync($"/v1/{key}");
        if (answer.StatusCode != HttpStatusCode.OK && _acknowledged.ContainsKey(key))
            throw new HttpRequestException($"{(int)answer.StatusCode} {await answer.Content.ReadAsStringAsync()}");
        if (!_acknowledged.TryGetValue(key, out var expected))
            return;
        var found = (await answer.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("value").GetInt32();
        if (found < expected.Value)
            throw new HttpRequestException($"stale: {found} read, {expected.Value} was acknowledged");
    }
}
