using System.Reflection;
using KvStore.Balancer.Membership;
using KvStore.Contracts;
using KvStore.ServiceDefaults;

namespace KvStore.Balancer.Api;

/// <summary>What the balancer answers itself: health, readiness, what it is, and snapshots of all nodes.</summary>
internal static class StatusApi
{
    private static readonly string[] Reads = [HttpMethods.Get, HttpMethods.Head];

    private static readonly string Version = typeof(StatusApi).Assembly
        .GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0] ?? "unknown";

    /// <summary>Maps the paths.</summary>
    public static void MapStatus(this WebApplication app)
    {
        var views = app.Services.GetRequiredService<CurrentView>();
        var time = app.Services.GetRequiredService<TimeProvider>();
        app.MapMethods(
            Routes.Health, Reads, context => HealthAsync(context, HealthPolicy.Judge(views.Value, time)));
        app.MapPost(Routes.Snapshots, app.Services.GetRequiredService<SnapshotsApi>().AnswerAsync);
        app.MapMethods(Routes.Ready, Reads, context => ReadyAsync(context, views.Value));
        app.MapMethods(Routes.Status, Reads, context => context.Response.WriteAsJsonAsync(
            new BalancerStatus(
                "KvStore", "balancer", Version, new(Routes.Keys, Routes.Health, Routes.Cluster, Routes.OpenApi)),
            ContractsJson.Default.BalancerStatus));
    }

    private static Task HealthAsync(HttpContext context, ClusterHealth health)
    {
        if (health.Status == ClusterHealth.Unavailable)
            Refuse(context);
        return context.Response.WriteAsJsonAsync(health, ContractsJson.Default.ClusterHealth);
    }

    /// <summary>
    /// Ready as soon as it knows where keys belong: then it can hold and retry whatever else is wrong.
    /// </summary>
    private static Task ReadyAsync(HttpContext context, RoutingView view)
    {
        var isReady = view.Ring is not null;
        if (!isReady)
            Refuse(context);
        return context.Response.WriteAsJsonAsync(
            new BalancerReadiness(isReady ? "ready" : "waiting for a node to tell of the cluster"),
            ContractsJson.Default.BalancerReadiness);
    }

    private static void Refuse(HttpContext context)
    {
        context.Response.StatusCode = StatusCodes.Status503ServiceUnavailable;
        context.Response.Headers.RetryAfter = RetryAfter.Header(seconds: 1);
    }
}
