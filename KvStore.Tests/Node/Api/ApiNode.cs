using System.Text;
using KvStore.Core.Primitives;
using KvStore.Node.Api;
using KvStore.Node.Replication;
using KvStore.Node.Watch;
using KvStore.OpenApi;
using KvStore.ServiceDefaults;
using KvStore.Tests.Node.Buckets;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace KvStore.Tests.Node.Api;

/// <summary>The HTTP API of one node on a port of its own, over fakes.</summary>
internal sealed class ApiNode : IAsyncDisposable
{
    private readonly WebApplication _app;

    private ApiNode(WebApplication app, FakePartitions partitions, FakeStatus status)
    {
        (_app, Partitions, Status) = (app, partitions, status);
        Address = new Uri(app.Urls.Single());
    }

    public FakePartitions Partitions { get; }

    public FakeStatus Status { get; }

    /// <summary>How it reaches the partitions of the cluster.</summary>
    public FakeClusterPartitions Cluster { get; private init; } = null!;

    public Uri Address { get; }

    /// <summary>Requests for keys that it counted.</summary>
    public long Requests => _app.Services.GetRequiredService<RequestCount>().Count;

    /// <summary>What the process was stopped for.</summary>
    public List<Exception> Crashes { get; private set; } = [];

    public static async Task<ApiNode> StartAsync(
        FakeCluster? cluster = null,
        int member = 1,
        Action<ApiOptions>? configure = null,
        TimeProvider? time = null,
        Action<IServiceCollection>? replace = null,
        Action<WatchOptions>? watches = null,
        IClusterPartitions? reached = null)
    {
        cluster ??= new FakeCluster();
        var crashes = new List<Exception>();
        var builder = WebApplication.CreateSlimBuilder();
        var options = new ApiOptions();
        configure?.Invoke(options);
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.WebHost.ConfigureKestrel(server => server.ConfigureKestrelLimits(options, new WatchOptions()));
        var partitions = new FakePartitions(cluster, new NodeId(member), time);
        var clusterPartitions = new FakeClusterPartitions(cluster, time);
        var status = new FakeStatus($"node{member}");
        builder.Services.AddSingleton(new CrashHook(crashes.Add));
        builder.Services.AddSingleton(time ?? TimeProvider.System);
        builder.Services.AddKeyValueApi()
            .AddSingleton<IPartitions>(partitions)
            .AddSingleton(reached ?? clusterPartitions)
            .AddSingleton<IScanPeers>(new FakeScanPeers())
            .AddSingleton<IHistoryPeers>(new FakeHistoryPeers(cluster))
            .AddSingleton<ICatalogPeers>(new FakeCatalogPeers())
            .AddSingleton<INodeStatus>(status)
            .PostConfigure<WatchOptions>(bound => watches?.Invoke(bound))
            .PostConfigure<ApiOptions>(bound => configure?.Invoke(bound));
        replace?.Invoke(builder.Services);
        var app = builder.Build();
        app.UseExactMethods();
        app.UseKeyValueApi();
        app.UseProblemPages();
        app.UseRouting();
        app.MapStatusApi();
        app.MapBucketApi();
        app.MapWatchApi();
        app.MapManyApi();
        app.MapOperationsApi();
        app.MapApiDocument();
        await app.StartAsync();
        await app.Services.GetRequiredService<ICatalog>().RenewAsync(CancellationToken.None);    // as any node does
        var node = new ApiNode(app, partitions, status) { Cluster = clusterPartitions };
        cluster.Addresses[new NodeId(member)] = node.Address;
        node.Crashes = crashes;
        return node;
    }

    /// <summary>Sends a request that has no body.</summary>
    public Task<RawResponse> SendAsync(string method, string target, params string[] headers) =>
        RawHttp.SendAsync(Address, RawHttp.Head(method, target, headers));

    /// <summary>Sends a request with a body and its length.</summary>
    public Task<RawResponse> SendBodyAsync(string method, string target, string body, params string[] headers) =>
        SendBodyAsync(method, target, Encoding.UTF8.GetBytes(body), headers);

    /// <summary>Sends a request with a body and its length.</summary>
    public Task<RawResponse> SendBodyAsync(string method, string target, byte[] body, params string[] headers) =>
        RawHttp.SendAsync(
            Address, [.. RawHttp.Head(method, target, [.. headers, $"Content-Length: {body.Length}"]), .. body]);

    /// <summary>Stores a JSON value.</summary>
    public Task<RawResponse> PostAsync(string target, string body, params string[] headers) =>
        SendBodyAsync("POST", target, body, [.. headers, "content-type: application/json"]);

    /// <summary>Begins to stop, as after a signal.</summary>
    public Task StopAsync() => _app.StopAsync();

    /// <summary>Watches that are open.</summary>
    public int Watches => _app.Services.GetRequiredService<WatchDispatcher>().Count;

    public async ValueTask DisposeAsync() => await _app.DisposeAsync();
}
