using KvStore.Balancer.Routing;
using KvStore.Balancer.Telemetry;
using KvStore.Contracts;
using Microsoft.AspNetCore.Http.Features;

namespace KvStore.Balancer.Api;

/// <summary>Gives the forwarder what is for the nodes to answer.</summary>
internal static class RoutingApi
{
    private const string AdminPrefix = "/admin/";

    private static readonly string OperationPrefix =
        Routes.Operation[..Routes.Operation.IndexOf('{', StringComparison.Ordinal)];

    /// <summary>
    /// Forwards requests for keys and buckets, and targets that nothing here can read, whatever the method.
    /// </summary>
    public static void UseOwnerRouting(this WebApplication app)
    {
        var forwarder = app.Services.GetRequiredService<OwnerForwarder>();
        var bodies = app.Services.GetRequiredService<BodyReader>();
        app.Services.GetRequiredService<BalancerMetrics>().Observe(() => forwarder.InFlight, () => bodies.HeldBytes);
        app.Use(next => context => IsForNodes(context) ? forwarder.ForwardAsync(context) : next(context));
    }

    private static bool IsForNodes(HttpContext context)
    {
        var raw = context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget;
        return raw.StartsWith(Routes.Keys, StringComparison.Ordinal)
            || KeyPath.Parse(raw) is not KeyTarget.OtherRoute
            || IsDisguised(context.Request.Path)
            || raw.StartsWith(OperationPrefix, StringComparison.Ordinal)
            || (raw.StartsWith(AdminPrefix, StringComparison.Ordinal) && IsRead(context.Request.Method));
    }

    /// <summary>Whether it becomes a path of keys once it is decoded: a node says what is wrong with that.</summary>
    private static bool IsDisguised(PathString path) =>
        path.StartsWithSegments(Routes.DefaultKeys) || path.StartsWithSegments(Routes.Buckets);

    private static bool IsRead(string method) => HttpMethods.IsGet(method) || HttpMethods.IsHead(method);
}
