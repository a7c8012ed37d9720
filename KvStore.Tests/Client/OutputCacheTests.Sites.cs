using KvStore.Client;
using KvStore.Client.OutputCaching;
using KvStore.Tests.Cluster;
using KvStore.Tests.ServiceDefaults;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.OutputCaching;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace KvStore.Tests.Client;

/// <summary>The same under the middleware, as sites use it.</summary>
public sealed partial class OutputCacheTests
{
    private readonly SemaphoreSlim _ended = new(0);
    private int _made;

    [Fact]
    public async Task A_page_is_made_once_for_all_instances_of_an_application()
    {
        await using var one = await SiteAsync();
        await using var other = await SiteAsync();
        Assert.Equal("a 1", await PageAsync(one, "/a"));
        Assert.Equal("a 1", await PageAsync(one, "/a"));
        Assert.Equal("a 1", await PageAsync(other, "/a"));
        Assert.Equal("b 2", await PageAsync(other, "/b"));
        Assert.Equal("a 3", await PageAsync(one, "/a?by=name&by=age"));
        Assert.Equal("a 3", await PageAsync(other, "/a?by=age&by=name"));
        Assert.Equal("a 4", await PageAsync(other, "/a?by=name"));
        Assert.Equal("large/k 5", (await PageAsync(one, "/large/k"))[^9..]);
        Assert.Equal((2 << 20) + 9, (await PageAsync(other, "/large/k")).Length);
        Assert.Equal(5, _made);
    }

    [Fact]
    public async Task An_eviction_by_a_tag_is_one_for_all_instances()
    {
        await using var one = await SiteAsync();
        await using var other = await SiteAsync();
        foreach (var page in (string[])["/a", "/b", "/large/a"])
            await PageAsync(one, page);
        await EvictAsync(other, "of/a");
        Assert.Equal("a 4", await PageAsync(one, "/a"));
        Assert.Equal("b 2", await PageAsync(one, "/b"));
        Assert.EndsWith("large/a 3", await PageAsync(one, "/large/a"), StringComparison.Ordinal);
        await EvictAsync(one, "pages");
        Assert.Equal("a 5", await PageAsync(other, "/a"));
        Assert.Equal("b 6", await PageAsync(other, "/b"));
        Assert.EndsWith("large/a 7", await PageAsync(other, "/large/a"), StringComparison.Ordinal);
        Assert.Equal(7, _made);
    }

    [Fact]
    public async Task A_page_is_made_again_when_it_is_valid_no_more()
    {
        await using var site = await SiteAsync(valid: TimeSpan.FromMilliseconds(300));
        await PageAsync(site, "/a");
        await _cluster.EventuallyAsync(async () => await PageAsync(site, "/a") != "a 1", "it is made again");
    }

    [Fact]
    public async Task A_store_that_cannot_be_reached_costs_the_cache_and_no_page()
    {
        using var log = new CollectedLog();
        await using var site = await SiteAsync(
            $"http://127.0.0.1:{FreePorts.Take(1)[0]}", log, timeout: TimeSpan.FromMilliseconds(100));
        Assert.Equal("a 1", await PageAsync(site, "/a"));
        Assert.Equal("a 2", await PageAsync(site, "/a"));
        var lines = log.Lines.Where(line => line.Contains("cannot be reached", StringComparison.Ordinal)).ToList();
        Assert.Equal(2, lines.Count(line => line.StartsWith("Unable to query", StringComparison.Ordinal)));
        Assert.Equal(2, lines.Count(line => line.StartsWith("Unable to write", StringComparison.Ordinal)));
        await Assert.ThrowsAsync<KvStoreException>(() => EvictAsync(site, "pages"));
    }

    [Theory, InlineData(true), InlineData(false)]
    public void The_store_is_the_one_that_is_used_in_whatever_order_it_is_added(bool isFirst)
    {
        var services = new ServiceCollection().AddLogging().AddSingleton(_client);
        if (isFirst)
            services.AddKvStoreOutputCache();
        services.AddOutputCache(options => options.AddBasePolicy(policy => policy.Cache()));
        if (!isFirst)
            services.AddKvStoreOutputCache(settings => settings.Bucket = _bucket);
        using var application = services.BuildServiceProvider();
        Assert.IsType<KvStoreOutputCacheStore>(application.GetRequiredService<IOutputCacheStore>());
    }

    [Fact]
    public async Task Settings_come_from_the_section_the_name_and_the_delegate()
    {
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Configuration["ConnectionStrings:kvstore"] = Address;
        builder.Configuration["KvStore:OutputCache:Bucket"] = "one";
        builder.Configuration["KvStore:OutputCache:Timeout"] = "00:00:20";
        builder.Configuration["KvStore:OutputCache:kvstore:Bucket"] = _bucket;
        builder.AddKeyedKvStoreClient("kvstore");
        builder.AddKvStoreOutputCache("kvstore", settings =>
        {
            Assert.Equal((_bucket, 20), (settings.Bucket, settings.Timeout.TotalSeconds));
            settings.Bucket += "-2";
        });
        Assert.Single(builder.Services, each => each.ServiceType == typeof(KvStoreClient));
        using var host = builder.Build();
        await host.Services.GetRequiredService<IOutputCacheStore>().SetAsync("k", [1], [], Hour, default);
        Assert.True(await _client.Bucket($"{_bucket}-2").ExistsAsync("entries/{k}"));
    }

    /// <summary>The nodes themselves: the balancer takes no values that are so large.</summary>
    private string Address => "Endpoints=" + string.Join(',', _cluster.Nodes.Select(node => node.Http.BaseAddress));

    /// <summary>An instance of an application that counts the pages that it makes, together with the others.</summary>
    private async Task<WebApplication> SiteAsync(
        string? address = null, CollectedLog? log = null, TimeSpan? timeout = null, TimeSpan? valid = null)
    {
        var builder = WebApplication.CreateSlimBuilder();
        using var silence = new CollectedLog();
        (log ?? silence).Replace(builder);
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Configuration["ConnectionStrings:kvstore"] = address ?? Address;
        builder.AddKeyedKvStoreClient("kvstore", settings => settings.Timeout = timeout ?? TimeSpan.FromMinutes(1));
        builder.AddKvStoreOutputCache("kvstore", settings =>
        {
            settings.Bucket = _bucket;
            settings.Timeout = timeout ?? TimeSpan.FromMinutes(1);
        });
        var site = builder.Build();
        site.Use(async (context, next) =>
        {
            await next(context);
            _ended.Release();
        });
        site.UseOutputCache();
        site.MapGet("/{page}", (string page) => Made(page)).CacheOutput(policy => policy
            .Expire(valid ?? Hour).Tag("pages", "of").AddPolicy<TagOfPage>());
        site.MapGet("/large/{page}", (string page) => new string('x', 2 << 20) + Made($"large/{page}"))
            .CacheOutput(policy => policy.Expire(valid ?? Hour).Tag("pages"));
        await site.StartAsync();
        return site;
    }

    private string Made(string page) => $"{page} {Interlocked.Increment(ref _made)}";

    /// <summary>Asks for a page, and waits until it is stored, which is done behind the answer.</summary>
    private async Task<string> PageAsync(WebApplication site, string page)
    {
        using var http = new HttpClient { BaseAddress = new Uri(site.Urls.Single()) };
        http.DefaultRequestHeaders.Host = "shop.example";    // under which all instances are asked
        var answer = await http.GetStringAsync(page);
        Assert.True(await _ended.WaitAsync(TimeSpan.FromSeconds(60)));
        return answer;
    }

    private static async Task EvictAsync(WebApplication site, string tag) =>
        await site.Services.GetRequiredService<IOutputCacheStore>().EvictByTagAsync(tag, default);

    private sealed class TagOfPage : IOutputCachePolicy
    {
        public ValueTask CacheRequestAsync(OutputCacheContext context, CancellationToken cancellation)
        {
            context.Tags.Add($"of/{context.HttpContext.Request.RouteValues["page"]}");
            return ValueTask.CompletedTask;
        }

        public ValueTask ServeFromCacheAsync(OutputCacheContext context, CancellationToken cancellation) =>
            ValueTask.CompletedTask;

        public ValueTask ServeResponseAsync(OutputCacheContext context, CancellationToken cancellation) =>
            ValueTask.CompletedTask;
    }
}
