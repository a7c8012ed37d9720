using KvStore.Contracts;
using KvStore.Node.Buckets;
using KvStore.Node.Transactions;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace KvStore.Node.Api;

/// <summary>Registers the HTTP API and puts it into the pipeline.</summary>
internal static class ApiServices
{
    /// <summary>
    /// Registers all of <c>Api/</c>, <c>Buckets/</c> and <c>Transactions/</c> but their sources:
    /// <see cref="Replication.IPartitions"/>, <see cref="Replication.IClusterPartitions"/> and
    /// <see cref="INodeStatus"/>.
    /// </summary>
    public static IServiceCollection AddKeyValueApi(this IServiceCollection services)
    {
        services.AddOptions<ApiOptions>()
            .BindConfiguration(ApiOptions.Section)
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
            .AddSingleton<HopIds>()
            .AddSingleton<ClusterBatches>()
            .AddSingleton<ClusterTransactions>()
            .AddSingleton<KeyAnswers>()
            .AddSingleton<ManyApi>()
            .AddSingleton<ManyCallReader>()
            .AddSingleton<PrimaryForwarder>()
            .AddSingleton<Problems>()
            .AddSingleton<RequestCount>()
            .AddSingleton<RequestReader>()
            .AddSingleton<TransactionSettler>();
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

    /// <summary>Maps batches and transactions.</summary>
    public static void MapManyApi(this IEndpointRouteBuilder routes)
    {
        var api = routes.ServiceProvider.GetRequiredService<ManyApi>();
        routes.MapMethods(Routes.Batch, ["POST"], api.AnswerBatchAsync);
        routes.MapMethods(Routes.Transaction, ["POST"], api.AnswerTransactionAsync);
    }

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
