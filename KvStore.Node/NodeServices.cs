using KvStore.Node.Api;
using KvStore.Node.Membership;
using KvStore.Node.Options;
using KvStore.Node.Replication;
using KvStore.Node.Storage;
using Microsoft.Extensions.Options;

namespace KvStore.Node;

/// <summary>Everything the node is made of, by area.</summary>
internal static class NodeServices
{
    public static IServiceCollection AddNodeOptions(this IServiceCollection services, NodeOptions options)
    {
        services.AddSingleton(Microsoft.Extensions.Options.Options.Create(NodeOptionsValidator.Proved(options)));
        services.AddSingleton(TimeProvider.System);
        return services;
    }

    public static IServiceCollection AddStorage(this IServiceCollection services) =>
        services.AddSingleton<NodeStorage>();

    public static IServiceCollection AddMembership(this IServiceCollection services) =>
        services
            .AddSingleton(CreateIdentity)
            .AddSingleton<CurrentView>()
            .AddSingleton(provider => new PeerDirectory(
                provider.GetRequiredService<NodeIdentity>(),
                provider.GetRequiredService<IOptions<NodeOptions>>().Value,
                provider.GetRequiredService<CurrentView>()));

    public static IServiceCollection AddReplication(this IServiceCollection services)
    {
        services.AddGrpc(grpc =>
        {
            grpc.MaxReceiveMessageSize = PeerService.MaxFrameBytes;
            grpc.MaxSendMessageSize = PeerService.MaxFrameBytes;
        });
        return services
            .AddSingleton(NodeEnd.OfProcess)
            .AddSingleton<RequestCount>()
            .AddSingleton<PeerTransport>()
            .AddSingleton<SnapshotTransfer>()
            .AddSingleton<ReceivedSnapshots>()
            .AddSingleton<PartitionRouter>()
            .AddSingleton<INodeStatus, NodeStatusSource>()
            .AddHostedService<NodeHost>()
            .AddHostedService<Snapshotter>();
    }

    private static NodeIdentity CreateIdentity(IServiceProvider services)
    {
        var options = services.GetRequiredService<IOptions<NodeOptions>>().Value;
        var incarnation = services.GetRequiredService<NodeStorage>().Directory.Incarnation;
        return new NodeIdentity(options.Name, options.Url, options.PeerPort, incarnation);
    }
}
