using KvStore.Client;
using KvStore.Tests.Cluster;
using Microsoft.Extensions.Caching.Distributed;
using Microsoft.Extensions.Caching.Hybrid;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

namespace KvStore.Tests.Client;

/// <summary>A store under HybridCache, and how programs register it.</summary>
[Collection(nameof(ClusterCollection))]
public sealed class HybridCacheTests(WalkThroughTests.Started started) : IClassFixture<WalkThroughTests.Started>
{
    private readonly string _bucket = $"hybrid-{Guid.NewGuid():n}";

    [Fact]
    public async Task What_one_program_made_another_one_finds()
    {
        using var one = Program();
        using var other = Program();
        var report = new Report("march", [1, 2, 3]);
        Assert.Equal("march", (await AskAsync(one, "report", () => report)).Title);
        await IsStoredAsync(one, "report");
        var found = await AskAsync(other, "report", () => throw new InvalidOperationException("It is made again."));
        Assert.Equal(report.Numbers, found.Numbers);
    }

    [Fact]
    public async Task What_was_removed_by_its_tag_is_made_again()
    {
        using var one = Program();
        await AskAsync(one, "report", () => new Report("old", []), "reports");
        await AskAsync(one, "other", () => new Report("other", []), "others");
        await IsStoredAsync(one, "report");
        await IsStoredAsync(one, "other");
        await Cache(one).RemoveByTagAsync("reports");

        using var later = Program();
        Assert.Equal("new", (await AskAsync(later, "report", () => new Report("new", []), "reports")).Title);
        Assert.Equal("other", (await AskAsync(later, "other", () => new Report("again", []), "others")).Title);
        Assert.Equal("new", (await AskAsync(one, "report", () => new Report("new", []), "reports")).Title);

        await Cache(one).RemoveAsync("other");
        using var last = Program();
        Assert.Equal("again", (await AskAsync(last, "other", () => new Report("again", []), "others")).Title);
    }

    [Fact]
    public async Task A_store_that_cannot_be_reached_costs_the_sharing_alone()
    {
        using var program = Program($"http://127.0.0.1:{FreePorts.Take(1)[0]}", client => client.AddKeyedKvStoreClient(
            "kvstore", settings => settings.Timeout = TimeSpan.FromMilliseconds(200)));
        Assert.Equal("made", (await AskAsync(program, "report", () => new Report("made", []))).Title);
    }

    [Fact]
    public void A_client_is_registered_once_in_whatever_order()
    {
        using var cacheFirst = Program(null, null, builder =>
        {
            builder.AddKeyedKvStoreClient("kvstore");
            builder.AddKvStoreClient("kvstore");
        });
        using var cacheLast = Program(null, builder =>
        {
            builder.AddKeyedKvStoreClient("kvstore");
            builder.AddKvStoreClient("kvstore");
        });
        using var alone = Program();
        Assert.Equal(["KvStore", "KvStore_kvstore"], ChecksOf(cacheFirst).Order());
        Assert.Equal(["KvStore", "KvStore_kvstore"], ChecksOf(cacheLast).Order());
        Assert.Equal(["KvStore_kvstore"], ChecksOf(alone));
        Assert.Null(alone.Services.GetService<KvStoreClient>());
    }

    [Fact]
    public async Task A_client_that_is_there_serves_for_the_cache_too()
    {
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Configuration["ConnectionStrings:kvstore"] = Address;
        builder.AddKvStoreClient("kvstore");
        builder.Services.AddKvStoreDistributedCache(settings => settings.Bucket = _bucket);
        using var host = builder.Build();
        var cache = host.Services.GetRequiredService<IDistributedCache>();
        await cache.SetStringAsync("k", "v");
        var stored = host.Services.GetRequiredService<KvStoreClient>().Bucket(_bucket);
        Assert.Equal("v", (await stored.GetAsync<string>("k"))!.Value);
    }

    [Fact]
    public async Task Settings_come_from_the_section_the_name_and_the_delegate()
    {
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Configuration["ConnectionStrings:kvstore"] = Address;
        builder.Configuration["KvStore:Cache:Bucket"] = "one";
        builder.Configuration["KvStore:Cache:SynchronousTimeout"] = "00:00:20";
        builder.Configuration["KvStore:Cache:kvstore:Bucket"] = _bucket;
        builder.AddKvStoreDistributedCache("kvstore", settings =>
        {
            Assert.Equal((_bucket, 20), (settings.Bucket, settings.SynchronousTimeout.TotalSeconds));
            settings.Bucket += "-2";
        });
        using var host = builder.Build();
        await host.Services.GetRequiredService<IDistributedCache>().SetStringAsync("k", "v");
        using var client = new KvStoreClient(Address);
        Assert.True(await client.Bucket($"{_bucket}-2").ExistsAsync("k"));
    }

    private string Address => started.Cluster.Balancer.Http.BaseAddress!.ToString();

    private IHost Program(
        string? address = null,
        Action<IHostApplicationBuilder>? before = null,
        Action<IHostApplicationBuilder>? after = null)
    {
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Configuration["ConnectionStrings:kvstore"] = address ?? Address;
        builder.Configuration["KvStore:Client:Timeout"] = "00:00:30";
        before?.Invoke(builder);
        builder.AddKvStoreDistributedCache("kvstore", settings => settings.Bucket = _bucket);
        builder.Services.AddHybridCache();
        after?.Invoke(builder);
        return builder.Build();
    }

    private static HybridCache Cache(IHost program) => program.Services.GetRequiredService<HybridCache>();

    private static async Task<Report> AskAsync(IHost program, string key, Func<Report> make, params string[] tags) =>
        await Cache(program).GetOrCreateAsync(key, _ => ValueTask.FromResult(make()), tags: tags);

    /// <summary>It is stored behind the answer.</summary>
    private Task IsStoredAsync(IHost program, string key) => started.Cluster.EventuallyAsync(
        async () => await program.Services.GetRequiredService<IDistributedCache>().GetAsync(key) is not null,
        $"{key} is stored");

    private static IEnumerable<string> ChecksOf(IHost host) =>
        host.Services.GetRequiredService<IOptions<HealthCheckServiceOptions>>().Value.Registrations
            .Select(check => check.Name);

    private sealed record Report(string Title, int[] Numbers);
}
