using System.Collections.Concurrent;
using KvStore.Client;
using KvStore.Client.Configuration;
using KvStore.Tests.Cluster;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Primitives;

namespace KvStore.Tests.Client;

/// <summary>Keys of a store as configuration, on nodes that are killed and come back.</summary>
[Collection(nameof(ClusterCollection))]
public sealed class ConfigurationTests(WalkThroughTests.Started started)
    : IClassFixture<WalkThroughTests.Started>, IDisposable
{
    private readonly string _id = Guid.NewGuid().ToString("n");

    private readonly KvStoreClient _client = new(new KvStoreClientSettings
    {
        ConnectionString = AddressOf(started),
        Timeout = TimeSpan.FromSeconds(60),
    });

    public void Dispose() => _client.Dispose();

    [Fact]
    public async Task Keys_under_the_prefix_are_settings_and_json_is_flattened()
    {
        await _client.PutAsync($"{_id}/Title", "plain");
        await _client.PutAsync(
            $"{_id}/Logging", new { LogLevel = new { Default = "Warning" }, Sinks = new[] { 1, 2 } });
        await _client.PutAsync($"{_id}/Logging/LogLevel/Default", "Error");
        await _client.PutAsync($"{_id}/Limit", 7);
        await _client.PutAsync($"{_id}/Quoted", "true", new KvWriteOptions { ContentType = "application/json" });
        await _client.PutAsync($"{_id}/Wrong", "{", new KvWriteOptions { ContentType = "application/json" });
        await _client.PutAsync($"{_id}/Bytes", "binary"u8.ToArray());
        await _client.PutAsync($"{_id}/Empty", new { None = (string?)null, List = Array.Empty<int>() });
        await _client.PutAsync($"{_id}-else/Title", "another prefix");
        await _client.PutAsync($"{_id}/", "no name");

        using var read = Read(_id);
        Assert.Equal(
            [
                ("Bytes", "binary"), ("Empty:list", ""), ("Empty:none", null), ("Limit", "7"),
                ("Logging:logLevel:default", "Error"), ("Logging:sinks:0", "1"), ("Logging:sinks:1", "2"),
                ("Quoted", "True"), ("Title", "plain"), ("Wrong", "{"),
            ],
            Settings(read));
        using var whole = Read(_id + "/", source => source.FlattensJson = false);
        Assert.Equal("""{"logLevel":{"default":"Warning"},"sinks":[1,2]}""", whole["logging"]);
        Assert.Equal(("7", "plain"), (whole["limit"], whole["title"]));
    }

    [Fact]
    public async Task A_change_is_told_when_it_is_made()
    {
        await _client.PutAsync($"{_id}/a", 1);
        await _client.PutAsync($"{_id}/b", 1);
        using var read = Read(_id);
        var told = ToldOf(read);
        await _client.PutAsync($"{_id}/a", 2);
        await told.WaitAsync(TimeSpan.FromMinutes(1));
        await BecomesAsync(read, ("a", "2"), ("b", "1"));

        await _client.DeleteAsync($"{_id}/b");
        await BecomesAsync(read, ("a", "2"));
        await _client.BatchAsync(all => all.Put($"{_id}/c", 3).Put($"{_id}/d/e", 4, TimeSpan.FromMilliseconds(300)));
        await BecomesAsync(read, ("a", "2"), ("c", "3"));    // what has ended is gone, too
    }

    [Fact]
    public async Task A_node_that_is_killed_costs_no_change()
    {
        await _client.PutAsync($"{_id}/n", 0);
        using var read = Read(_id);
        var count = 0;
        foreach (var node in started.Cluster.Nodes)
        {
            await node.KillAsync();
            await _client.PutAsync($"{_id}/n", ++count);
            await BecomesAsync(read, ("n", $"{count}"));
            node.Start();
            await started.Cluster.BecomesAsync("healthy");
            await _client.PutAsync($"{_id}/n", ++count);
            await BecomesAsync(read, ("n", $"{count}"));
        }
    }

    [Fact]
    public async Task A_store_that_is_away_leaves_the_settings_as_they_were()
    {
        await _client.PutAsync($"{_id}/a", 1);
        var port = FreePorts.Take(1)[0];
        IConfigurationRoot read;
        await using (new TcpProxy(port, started.Cluster.Balancer.Port))
            read = Read(_id, source => source.LoadTimeout = TimeSpan.FromSeconds(1), $"http://127.0.0.1:{port}");
        using var following = read as IDisposable;
        read.Reload();
        Assert.Equal("1", read["a"]);
        await _client.PutAsync($"{_id}/a", 2);
        await using var again = new TcpProxy(port, started.Cluster.Balancer.Port);
        await BecomesAsync(read, ("a", "2"));
    }

    [Fact]
    public async Task What_is_optional_may_come_later()
    {
        var failures = 0;
        using var read = Read(_id, source =>
        {
            source.Bucket = $"later-{_id}";
            source.Optional = true;
            source.OnFailure = failure => Interlocked.Increment(ref failures);
        });
        Assert.Empty(Settings(read));
        Assert.NotEqual(0, failures);
        var bucket = _client.Bucket($"later-{_id}");
        await _client.CreateBucketAsync(bucket.Name);
        await bucket.PutAsync($"{_id}/a", 1);
        await BecomesAsync(read, ("a", "1"));
    }

    [Fact]
    public void What_is_not_optional_is_missed_in_time_and_by_its_name()
    {
        var nowhere = $"http://127.0.0.1:{FreePorts.Take(1)[0]}";
        var missing = Assert.Throws<InvalidOperationException>(
            () => Read("shop", source => source.LoadTimeout = TimeSpan.FromMilliseconds(200), nowhere));
        Assert.Contains("'shop/'", missing.Message, StringComparison.Ordinal);
        Assert.Contains("cannot be reached", missing.Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => Read("shop", null, "nonsense"));
        Assert.Throws<InvalidOperationException>(() => Read("shop", source => source.LoadTimeout = TimeSpan.Zero));
    }

    [Fact]
    public async Task Whoever_is_told_may_fail_and_may_end_the_configuration()
    {
        await _client.PutAsync($"{_id}/a", 1);
        var failures = new ConcurrentQueue<(string Failure, string? Doing)>();
        var doing = new AsyncLocal<string?> { Value = "reading the configuration" };
        using var read = Read(_id, source => source.OnFailure = failure =>
        {
            failures.Enqueue((failure.GetType().Name, doing.Value));
            throw new InvalidOperationException("Whoever is told of failures fails.");
        });
        var provider = (KvStoreConfigurationProvider)read.Providers.Single();
        using (ChangeToken.OnChange(read.GetReloadToken, () => throw new OperationCanceledException("Told.")))
        {
            await _client.PutAsync($"{_id}/a", 2);
            await started.Cluster.EventuallyAsync(() => Task.FromResult(!failures.IsEmpty), "the failure is told");
        }

        Assert.Equal(("AggregateException", null), Assert.Single(failures));    // it is no part of the caller's doing
        Assert.False(provider.Following.IsCompleted);
        using var ending = ChangeToken.OnChange(read.GetReloadToken, read.Dispose);
        await _client.PutAsync($"{_id}/a", 3);
        await provider.Following.WaitAsync(TimeSpan.FromMinutes(1));
        Assert.Equal("3", read["a"]);
        provider.Dispose();
    }

    private ConfigurationRoot Read(
        string prefix, Action<KvStoreConfigurationSource>? configure = null, string? address = null) =>
        (ConfigurationRoot)new ConfigurationBuilder()
            .AddKvStore(address ?? AddressOf(started), prefix, configure)
            .Build();

    private Task BecomesAsync(IConfiguration read, params (string Name, string? Value)[] settings) =>
        started.Cluster.EventuallyAsync(
            () => Task.FromResult(Settings(read).SequenceEqual(settings)),
            $"the settings are {string.Join(' ', settings)}");

    private static Task ToldOf(IConfigurationRoot read)
    {
        var told = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        read.GetReloadToken().RegisterChangeCallback(_ => told.SetResult(), null);
        return told.Task;
    }

    private static IEnumerable<(string Name, string? Value)> Settings(IConfiguration read) => read.AsEnumerable()
        .Where(setting => setting.Value is not null || !read.GetSection(setting.Key).GetChildren().Any())
        .Select(setting => (setting.Key, setting.Value))
        .OrderBy(setting => setting.Key, StringComparer.OrdinalIgnoreCase);

    private static string AddressOf(WalkThroughTests.Started started) =>
        started.Cluster.Balancer.Http.BaseAddress!.ToString();
}
