using KvStore.Contracts;
using KvStore.Node.Buckets;
using KvStore.Node.Replication;
using KvStore.Node.Transactions;
using KvStore.Node.Watch;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace KvStore.Node.Api;

/// <summary>Registers the HTTP API and puts it into the pipeline.</summary>
internal static class ApiServices
{
    /// <summary>
    /// Registers all of <c>Api/</c>, <c>Buckets/</c>, <c>Transactions/</c> and <c>Watch/</c> but their sources:
    /// <see cref="IPartitions"/>, <see cref="IClusterPartitions"/>, <see cref="IScanPeers"/>,
    /// <see cref="IHistoryPeers"/>, <see cref="ICatalogPeers"/> and <see cref="INodeStatus"/>.
    /// </summary>
    public static IServiceCollection AddKeyValueApi(this IServiceCollection services)
    {
        services.AddOptions<ApiOptions>()
            .BindConfiguration(ApiOptions.Section)
            .ValidateDataAnnotations()
            .Validate(
                AdmissionGate.HasRoomForOne,
                "MaxBodyBytesInFlight must have room for what one import holds: five times MaxValueBytes, and 2 MiB.")
            .ValidateOnStart();
        services.AddOptions<WatchOptions>()
            .BindConfiguration(WatchOptions.Section)
            .ValidateDataAnnotations()
            .ValidateOnStart();
        services.TryAddSingleton(TimeProvider.System);
        services.TryAddSingleton(CrashHook.FailFast);
        return services
            .AddSingleton<AdmissionGate>()
            .AddSingleton<BodyReader>()
            .AddSingleton<BucketApi>()
            .AddSingleton<BucketCallReader>()
            .AddSingleton<BucketChanges>()
            .AddSingleton<BucketCloser>()
            .AddSingleton<BucketDirectory>()
            .AddSingleton<ICatalog>(provider => provider.GetRequiredService<BucketDirectory>())
            .AddSingleton<HopIds>()
            .AddSingleton<JsonAnswers>()
            .AddSingleton<ClusterBatches>()
            .AddSingleton<ClusterSnapshots>()
            .AddSingleton<ClusterTransactions>()
            .AddSingleton<ImportApi>()
            .AddSingleton<KeyAnswers>()
            .AddSingleton<KeysApi>()
            .AddSingleton<KeysCallReader>()
            .AddSingleton<ManyApi>()
            .AddSingleton<ManyCallReader>()
            .AddSingleton<LongOperations>()
            .AddSingleton<OperationsApi>()
            .AddSingleton<PinnedSnapshots>()
            .AddSingleton<PrimaryForwarder>()
            .AddSingleton<Problems>()
            .AddSingleton<RangeRemoval>()
            .AddSingleton<RequestCount>()
            .AddSingleton<RequestReader>()
            .AddSingleton<RequestShell>()
            .AddSingleton<SnapshotsApi>()
            .AddSingleton<TransactionSettler>()
            .AddSingleton<ClusterPositions>()
            .AddSingleton<HistoryFeeds>()
            .AddSingleton<WatchApi>()
            .AddSingleton<WatchDispatcher>()
            .AddSingleton<WatchOpening>()
            .AddHostedService(provider => provider.GetRequiredService<WatchDispatcher>());
    }

    /// <summary>Answers requests for keys; stands before everything that routes.</summary>
    public static IApplicationBuilder UseKeyValueApi(this IApplicationBuilder app) => app.UseMiddleware<KeyValueApi>();

    /// <summary>Maps <c>/buckets</c> and <c>/buckets/{bucket}</c>.</summary>
    public static void MapBucketApi(this IEndpointRouteBuilder routes)
    {
        var api = routes.ServiceProvider.GetRequiredService<BucketApi>();
        routes.MapMethods(Routes.Buckets, ["GET", "HEAD"], api.AnswerAsync);
        routes.MapMethods(Routes.Bucket, ["GET", "HEAD", "PUT", "PATCH", "DELETE"], api.AnswerAsync);
    }

    /// <summary>Maps <c>/buckets/{bucket}/watch</c>.</summary>
    public static void MapWatchApi(this IEndpointRouteBuilder routes) => routes.MapMethods(
        Routes.Watch, ["GET"], routes.ServiceProvider.GetRequiredService<WatchApi>().AnswerAsync);

    /// <summary>Maps batches, transactions, exports and imports.</summary>
    public static void MapManyApi(this IEndpointRouteBuilder routes)
    {
        var api = routes.ServiceProvider.GetRequiredService<ManyApi>();
        routes.MapMethods(Routes.Batch, ["POST"], api.AnswerBatchAsync);
        routes.MapMethods(Routes.Transaction, ["POST"], api.AnswerTransactionAsync);
        var services = routes.ServiceProvider;
        routes.MapMethods(Routes.Export, ["GET"], services.GetRequiredService<KeysApi>().AnswerExportAsync);
        routes.MapMethods(Routes.Import, ["POST"], services.GetRequiredService<ImportApi>().AnswerAsync);
    }

    /// <summary>Maps <c>/admin/operations/{id}</c>.</summary>
    public static void MapOperationsApi(this IEndpointRouteBuilder routes) => routes.MapMethods(
        Routes.Operation,
        ["GET", "HEAD", "DELETE"],
        routes.ServiceProvider.GetRequiredService<OperationsApi>().AnswerAsync);

    /// <summary>Maps <c>POST /admin/snapshots</c>.</summary>
    public static void MapSnapshotsApi(this IEndpointRouteBuilder routes) =>
        routes.MapMethods(
            Routes.Snapshots, ["POST"], routes.ServiceProvider.GetRequiredService<SnapshotsApi>().AnswerAsync);

    /// <summary>Gives routing's errors, which have no body, one: an unknown path, a method it does not take.</summary>
    public static IApplicationBuilder UseProblemPages(this IApplicationBuilder app) => app.UseStatusCodePages(pages =>
    {
        var response = pages.HttpContext.Response;
        var refusal = response.StatusCode switch
        {
            StatusCodes.Status404NotFound => new Refusal(ProblemType.RouteNotFound, "Nothing is served at this path."),
            StatusCodes.Status405MethodNotAllowed => new Refusal(
                ProblemType.MethodNotAllowed, "Allow lists the methods that this path takes.")
            {
                Allow = response.Headers.Allow,
            },
            _ => null,
        };
        return refusal is null
            ? Task.CompletedTask
            : pages.HttpContext.RequestServices.GetRequiredService<Problems>()
                .WriteAsync(pages.HttpContext, refusal, default).AsTask();
    });
}
