using System.Collections.Concurrent;
using System.Net;
using System.Text.Json;
using KvStore.Contracts;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace KvStore.Tests.Balancer;

/// <summary>A request as it reached a fake node.</summary>
internal sealed record Received(string Method, string RawTarget, Dictionary<string, string> Headers, byte[] Body);

/// <summary>Speaks HTTP like a node, tells what it is told to tell, and keeps what it is asked.</summary>
internal sealed class FakeNode : IAsyncDisposable
{
    private readonly WebApplication _app;
    private volatile bool _isStopped;

    private FakeNode(WebApplication app, string name)
    {
        _app = app;
        Name = name;
        app.Run(HandleAsync);
    }

    public string Name { get; }

    public Uri Url { get; private set; } = null!;

    public ConcurrentQueue<Received> Requests { get; } = new();

    public ClusterStatus? Cluster { get; set; }

    public string State { get; set; } = "serving";

    /// <summary>Whether the answer reads the body, as it comes.</summary>
    public bool LeavesBody { get; set; }

    /// <summary>How often it was asked what it is.</summary>
    public int Probes;

    /// <summary>Answers requests that are not the poller's; the default says that it serves as primary.</summary>
    public Func<HttpContext, Task> Answer { get; set; } = _ => Task.CompletedTask;

    public static async Task<FakeNode> StartAsync(string name)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.Limits.MaxRequestLineSize *= 2;    // what is refused, the balancer refused
            kestrel.Limits.MaxRequestHeadersTotalSize *= 2;
            kestrel.Listen(IPAddress.Loopback, 0);
        });
        var node = new FakeNode(builder.Build(), name);
        node.Answer = context => node.AnswerAsPrimaryAsync(context);
        await node._app.StartAsync();
        var addresses = node._app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!;
        node.Url = new Uri(addresses.Addresses.Single());
        return node;
    }

    /// <summary>What a node says of itself; only what the balancer looks at has meaning.</summary>
    public static NodeStatus StatusOf(string name, Uri url, string state, string? clusterId) => new()
    {
        Name = name,
        Url = url.ToString(),
        Version = "0.0.0",
        State = state,
        Incarnation = "0000000000000001",
        PeerPort = 1,
        Partitions = 8,
        ReplicationFactor = 3,
        ClusterId = clusterId,
        Epoch = clusterId is null ? 0 : 1,
        Founders = 0,
        Removed = [],
        Members = [],
        UptimeSeconds = 1,
        Replicas = new(0, 0, 0),
        PrimaryKeys = 0,
        Keys = 0,
        Bytes = 0,
        Requests = 0,
        Log = new(0, 0, null),
        Peers = [],
    };

    public async Task AnswerAsPrimaryAsync(HttpContext context, string? servedBy = null)
    {
        context.Response.Headers[KvHeaders.ServedBy] = servedBy ?? Name;
        context.Response.Headers[KvHeaders.Role] = "primary";
        await context.Response.WriteAsync($"from {Name}");
    }

    public Task RefuseAsync(HttpContext context, ProblemType type, Applied applied = Applied.No)
    {
        context.Response.StatusCode = type.Status;
        context.Response.ContentType = Problem.MediaType;
        var problem = Problem.Of(type, $"{Name} refuses.", applied) with { Node = Name };
        var body = JsonSerializer.SerializeToUtf8Bytes(problem, ContractsJson.Default.Problem);
        return context.Response.Body.WriteAsync(body).AsTask();
    }

    /// <summary>Takes no connections from now on.</summary>
    public Task StopAsync()
    {
        _isStopped = true;
        return _app.StopAsync();
    }

    public async ValueTask DisposeAsync() => await _app.DisposeAsync();

    private async Task HandleAsync(HttpContext context)
    {
        var raw = context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget;
        if (_isStopped)
        {
            context.Abort();    // came over a connection of before
            return;
        }

        if (raw == Routes.Status)
        {
            Interlocked.Increment(ref Probes);
            await context.Response.WriteAsJsonAsync(
                StatusOf(Name, Url, State, Cluster?.ClusterId), ContractsJson.Default.NodeStatus);
            return;
        }

        if (raw == Routes.Cluster && Cluster is { } cluster)
        {
            await context.Response.WriteAsJsonAsync(cluster, ContractsJson.Default.ClusterStatus);
            return;
        }

        using var body = new MemoryStream();
        if (!LeavesBody)
            await context.Request.Body.CopyToAsync(body);
        Requests.Enqueue(new(
            context.Request.Method,
            raw,
            context.Request.Headers.ToDictionary(
                header => header.Key, header => header.Value.ToString(), StringComparer.OrdinalIgnoreCase),
            body.ToArray()));
        await Answer(context);
    }
}
