using System.Net.Sockets;
using System.Text;
using KvStore.Balancer;
using KvStore.Balancer.Membership;
using KvStore.Contracts;
using KvStore.Core.Primitives;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace KvStore.Tests.Balancer;

/// <summary>Fake nodes and a real balancer before them, in this process, on free ports.</summary>
internal sealed class FakeCluster : IAsyncDisposable
{
    public const int Partitions = 8;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly WebApplication _balancer;

    private FakeCluster(List<FakeNode> nodes, WebApplication balancer)
    {
        Nodes = nodes;
        _balancer = balancer;
    }

    public List<FakeNode> Nodes { get; }

    public HttpClient Http { get; private set; } = null!;

    public Uri Url => Http.BaseAddress!;

    public CurrentView Views => _balancer.Services.GetRequiredService<CurrentView>();

    /// <summary>
    /// Starts nodes node1 and up, and a balancer that knows them; returns when its view names all of them.
    /// </summary>
    public static async Task<FakeCluster> StartAsync(
        int nodes = 3,
        bool byServices = false,
        TimeProvider? time = null,
        params (string Key, string Value)[] settings)
    {
        var fakes = new List<FakeNode>();
        for (var id = 1; id <= nodes; id++)
            fakes.Add(await FakeNode.StartAsync($"node{id}"));
        var cluster = Describe(fakes, partition => partition % nodes + 1);
        fakes.ForEach(node => node.Cluster = cluster);

        var balancer = BalancerApp.Build([], builder =>
        {
            builder.Logging.ClearProviders();
            if (time is not null)
                builder.Services.AddSingleton(time);
            builder.Configuration["urls"] = "http://127.0.0.1:0";
            builder.Configuration["KvStore:Balancer:PollInterval"] = "00:01:00";    // only doubt asks again
            builder.Configuration["KvStore:Balancer:PollTimeout"] = "00:00:03";    // nobody is given up soon
            if (!byServices)
                builder.Configuration["DATABASE_NODES"] = string.Join(',', fakes.Select(node => node.Url));
            foreach (var node in byServices ? fakes : [])
                builder.Configuration[$"services:{node.Name}:http:0"] = node.Url.GetLeftPart(UriPartial.Authority);
            foreach (var (key, value) in settings)
                builder.Configuration[key] = value;
        });
        await balancer.StartAsync();
        var started = new FakeCluster(fakes, balancer);
        var address = balancer.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!;
        var handler = new SocketsHttpHandler { RequestHeaderEncodingSelector = (_, _) => Encoding.UTF8 };
        started.Http = new HttpClient(handler)
        {
            BaseAddress = new Uri(address.Addresses.Single()),
            Timeout = Patience,
        };
        await started.UntilAsync(view => view.Ring is not null && view.Nodes.All(node => node.IsUp));
        return started;
    }

    public static ClusterStatus Describe(
        IEnumerable<FakeNode> nodes, Func<int, int> primaryOf, long term = 1, string id = "00000000000000aa") =>
        new()
        {
            ClusterId = id,
            Epoch = 1,
            Partitions = Partitions,
            ReplicationFactor = 3,
            Members = [.. nodes.Select((node, index) => new ClusterMember(index + 1, node.Name, null))],
            Primaries = [.. Enumerable.Range(0, Partitions).Select(
                partition => new PrimaryHint(primaryOf(partition), term))],
        };

    /// <summary>Waits until the view is as told.</summary>
    public async Task<RoutingView> UntilAsync(Func<RoutingView, bool> isSo)
    {
        while (true)
        {
            var changed = Views.Changed;
            if (Views.Value is var view && isSo(view))
                return view;
            await changed.WaitAsync(Patience);
        }
    }

    /// <summary>Stops a node and waits until the poller found that out.</summary>
    public async Task StopAsync(FakeNode node)
    {
        await node.StopAsync();
        while (true)
        {
            var changed = Views.Changed;
            if (Views.Value.Nodes.Single(known => known.Url == node.Url) is { IsUp: false })
                return;
            Views.Doubt();
            await changed.WaitAsync(Patience);
        }
    }

    public PartitionId PartitionOf(string key) => Views.Value.Ring!.PartitionOf(Encoding.UTF8.GetBytes(key));

    /// <summary>The node that the view believes to be the primary of a key.</summary>
    public FakeNode PrimaryOf(string key) => Nodes[Views.Value.Primaries[PartitionOf(key).Value].Member - 1];

    public FakeNode[] BackupsOf(string key) => [.. Nodes.Where(node => node != PrimaryOf(key))];

    public Task<HttpResponseMessage> SendAsync(
        HttpMethod method, string rawTarget, HttpContent? content = null, params (string Name, string Value)[] headers)
    {
        var asItIs = new UriCreationOptions { DangerousDisablePathAndQueryCanonicalization = true };
        var request = new HttpRequestMessage(method, new Uri(Url.GetLeftPart(UriPartial.Authority) + rawTarget, asItIs))
        {
            Content = content,
        };
        foreach (var (name, value) in headers)
            Assert.True(request.Headers.TryAddWithoutValidation(name, value));
        return Http.SendAsync(request);
    }

    /// <summary>Sends bytes as they are and reads the answer's first line.</summary>
    public async Task<string> SendRawAsync(string request)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(Url.Host, Url.Port);
        var stream = client.GetStream();
        await stream.WriteAsync(Encoding.ASCII.GetBytes(request));
        using var reader = new StreamReader(stream);
        return await reader.ReadLineAsync().WaitAsync(Patience) ?? "";
    }

    public async ValueTask DisposeAsync()
    {
        Http.Dispose();
        await _balancer.DisposeAsync();
        foreach (var node in Nodes)
            await node.DisposeAsync();
    }
}
