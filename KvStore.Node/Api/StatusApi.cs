using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using KvStore.Contracts;

namespace KvStore.Node.Api;

/// <summary>What the node says of itself and of its cluster.</summary>
internal static class StatusApi
{
    private static readonly string[] Reading = ["GET", "HEAD"];

    /// <summary>Maps <c>/</c>, <c>/admin/cluster</c>, <c>/ready</c> and <c>/health</c>.</summary>
    public static void MapStatusApi(this IEndpointRouteBuilder routes)
    {
        routes.MapMethods(Routes.Status, Reading, GetStatus);
        routes.MapMethods(Routes.Cluster, Reading, GetCluster);
        routes.MapMethods(Routes.Ready, Reading, GetReady);
        routes.MapMethods(Routes.Health, Reading, GetHealth);
    }

    private static Task GetStatus(HttpContext context) =>
        SendAsync(context, Of<INodeStatus>(context).Status(), ContractsJson.Default.NodeStatus);

    private static Task GetCluster(HttpContext context) => Of<INodeStatus>(context).Cluster() is { } cluster
        ? SendAsync(context, cluster, ContractsJson.Default.ClusterStatus)
        : RefuseAsync(context, Problems.NotReady);

    /// <summary>
    /// A node that leads nothing, or is still forming, is as ready as one that leads: it may have to take over.
    /// </summary>
    private static Task GetReady(HttpContext context) => Of<INodeStatus>(context).IsStopping
        ? RefuseAsync(context, Problems.Draining)
        : SayAsync(context, "ready");

    private static Task GetHealth(HttpContext context) => Of<INodeStatus>(context).IsStopping
        ? RefuseAsync(context, Problems.Draining)
        : Of<INodeStatus>(context).IsServing ? SayAsync(context, "healthy") : RefuseAsync(context, Problems.NotReady);

    private static T Of<T>(HttpContext context)
        where T : notnull => context.RequestServices.GetRequiredService<T>();

    private static Task RefuseAsync(HttpContext context, Refusal refusal) =>
        Of<Problems>(context).WriteAsync(context, refusal, default).AsTask();

    private static Task SayAsync(HttpContext context, string word)
    {
        context.Response.ContentType = "text/plain";
        context.Response.ContentLength = word.Length;
        context.Response.Headers.CacheControl = "no-cache";
        return HttpMethods.IsHead(context.Request.Method) ? Task.CompletedTask : context.Response.WriteAsync(word);
    }

    private static Task SendAsync<T>(HttpContext context, T answer, JsonTypeInfo<T> type)
    {
        var body = JsonSerializer.SerializeToUtf8Bytes(answer, type);
        context.Response.ContentType = MediaTypes.Json;
        context.Response.ContentLength = body.Length;
        context.Response.Headers.CacheControl = "no-cache";
        return HttpMethods.IsHead(context.Request.Method)
            ? Task.CompletedTask
            : context.Response.Body.WriteAsync(body, context.RequestAborted).AsTask();
    }
}
