using KvStore.Contracts;
using KvStore.Node.Api;
using KvStore.Node.Buckets;
using KvStore.Node.Membership;
using KvStore.Node.Options;
using KvStore.Node.Replication;
using KvStore.Node.Storage;
using KvStore.Node.Transactions;
using KvStore.Node.Watch;
using Microsoft.AspNetCore.Server.Kestrel.Core;
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

    public static IServiceCollection AddStorage(this IServiceCollection services, EnvironmentReader environment)
    {
        services.AddOptions<StorageOptions>().ValidateDataAnnotations().ValidateOnStart().Configure(storage =>
        {
            storage.SegmentBytes = environment.Number("KVSTORE_WAL_SEGMENT_BYTES") ?? storage.SegmentBytes;
            storage.Reserve = environment.DiskReserve("KVSTORE_DISK_RESERVE") ?? storage.Reserve;
            if (environment.DiskReserve("KVSTORE_DISK_ALARM") is { } alarm)
                storage.Alarm = alarm with { MostOfShare = DiskReserve.DefaultAlarm.MostOfShare };
        });
        return services.AddFiles(environment)
            .AddSingleton<NodeStorage>()
            .AddSingleton<DiskWatch>()
            .AddHostedService(provider => provider.GetRequiredService<DiskWatch>());
    }

    /// <summary>
    /// The machine's files; with <c>KvStore:AllowFaults</c>, for development, ones that can be made to fail or that
    /// lose what was not flushed (<c>KvStore:LosesUnflushed</c>), and a process that can be made to stop.
    /// </summary>
    private static IServiceCollection AddFiles(this IServiceCollection services, EnvironmentReader environment)
    {
        var faults = environment.Faults("KVSTORE_FAULTS", "KvStore:AllowFaults");
        if (faults is null)
            return services.AddSingleton<IFileSystem, PhysicalFileSystem>();
        Failpoints.Obey(faults.Reached);
        IFileSystem files = new PhysicalFileSystem();
        if (environment.IsOn("KvStore:LosesUnflushed"))
            files = new ForgetfulFileSystem(files);
        return services.AddSingleton(faults).AddSingleton<IFileSystem>(new FaultyFileSystem(files, faults));
    }

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
            grpc.IgnoreUnknownServices = true;    // else every path of two segments seems to take POST
            grpc.MaxReceiveMessageSize = PeerService.MaxFrameBytes;
            grpc.MaxSendMessageSize = PeerService.MaxFrameBytes;
        });
        return services
            .AddSingleton(NodeEnd.OfProcess)
            .AddSingleton<PeerTransport>()
            .AddSingleton<SnapshotTransfer>()
            .AddSingleton<ReceivedSnapshots>()
            .AddSingleton<PeerLogs>()
            .AddSingleton<IOutlets, NodeOutlets>()
            .AddSingleton<PartitionRouter>()
            .AddSingleton<StateComparer>()
            .AddSingleton<ViewKeeper>()
            .AddSingleton<MemberReplacement>()
            .AddSingleton<IPartitions>(provider => provider.GetRequiredService<PartitionRouter>())
            .AddSingleton<IPeerCalls, PeerCalls>()
            .AddSingleton<IScanPeers, ScanCalls>()
            .AddSingleton<IHistoryPeers, HistoryCalls>()
            .AddSingleton<ICatalogPeers, CatalogCalls>()
            .AddSingleton<IClusterPartitions, ClusterPartitions>()
            .AddHostedService<NodeHost>()
            .AddHostedService<StallGuard>()
            .AddSingleton<Snapshotter>()
            .AddHostedService(provider => provider.GetRequiredService<Snapshotter>())
            .AddHostedService(provider => provider.GetRequiredService<StateComparer>());
    }

    public static IServiceCollection AddApi(this IServiceCollection services, EnvironmentReader environment)
    {
        var ack = environment.Word("KVSTORE_DEFAULT_ACK", "quorum", "one", "all");
        var consistency = environment.Word(
            "KVSTORE_DEFAULT_CONSISTENCY", "strong", "session", "bounded", "eventual");
        services.AddKeyValueApi()
            .AddSingleton<INodeStatus, NodeStatusSource>()
            .AddHostedService<BucketHost>()
            .AddHostedService<QueueMetrics>()
            .AddHostedService<StateMetrics>()
            .AddHostedService<TransactionResolver>();
        services.AddOptions<KestrelServerOptions>()
            .Configure<IOptions<ApiOptions>, IOptions<WatchOptions>>(
                (kestrel, api, watch) => kestrel.ConfigureKestrelLimits(api.Value, watch.Value));
        services.PostConfigure<ApiOptions>(api =>
        {
            api.DefaultAck = Enum.Parse<Ack>(ack, ignoreCase: true);
            api.DefaultConsistency = Enum.Parse<Consistency>(consistency, ignoreCase: true);
            api.MaxValueBytes = environment.Number("KVSTORE_MAX_VALUE_BYTES") ?? api.MaxValueBytes;
        });
        return services;
    }

    private static NodeIdentity CreateIdentity(IServiceProvider services)
    {
        var options = services.GetRequiredService<IOptions<NodeOptions>>().Value;
        var incarnation = services.GetRequiredService<NodeStorage>().Directory.Incarnation;
        return new NodeIdentity(options.Name, options.Url, options.PeerPort, incarnation);
    }
}
