using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Diagnostics.HealthChecks;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace KvStore.ServiceDefaults;

/// <summary>
/// What every program of the product has in common: telemetry, liveness, service discovery, an orderly end.
/// </summary>
public static class Extensions
{
    /// <summary>The path of the liveness probe.</summary>
    public const string AlivePath = "/alive";

    private const string LiveTag = "live";

    /// <summary>Less than the 30 s that container platforms wait before they kill.</summary>
    private static readonly TimeSpan ShutdownTimeout = TimeSpan.FromSeconds(20);

    /// <summary>
    /// Adds telemetry (nothing of it unless <c>OTEL_EXPORTER_OTLP_ENDPOINT</c> or <c>KVSTORE_PROMETHEUS</c> is set),
    /// the liveness check, service discovery, and the stop with the parent process
    /// (<c>KVSTORE_STOP_WITH_STDIN=true</c>). No retries are added to HTTP clients: replication and forwarding have
    /// deadlines of their own.
    /// </summary>
    /// <exception cref="StartupException">A setting has no valid value.</exception>
    public static TBuilder AddServiceDefaults<TBuilder>(this TBuilder builder)
        where TBuilder : IHostApplicationBuilder
    {
        builder.AddStartupErrors();
        builder.AddTelemetry();
        builder.AddStopWithParent();
        builder.Services.AddHostedService<UnawaitedFailures>();
        builder.Services.AddHealthChecks().AddCheck("self", () => HealthCheckResult.Healthy(), [LiveTag]);
        builder.Services.Configure<HostOptions>(options => options.ShutdownTimeout = ShutdownTimeout);
        builder.Services.AddServiceDiscovery();
        builder.Services.ConfigureHttpClientDefaults(http => http.AddServiceDiscovery());
        return builder;
    }

    /// <summary>
    /// Maps <see cref="AlivePath"/>, 200 while the process can answer at all, and, where <c>KVSTORE_PROMETHEUS</c> asks
    /// for it, what it measures.
    /// </summary>
    public static WebApplication MapDefaultEndpoints(this WebApplication app)
    {
        app.MapScrapePath();
        app.MapHealthChecks(AlivePath, new HealthCheckOptions { Predicate = check => check.Tags.Contains(LiveTag) });
        return app;
    }

    /// <summary>
    /// Lets nobody take a method for another one. Letters count in methods (RFC 9110, section 9.1), and neither the
    /// router nor <see cref="HttpMethods"/> counts them: one that is a known method but for its spelling becomes a
    /// method that nothing takes. Stands before everything that looks at the method.
    /// </summary>
    public static IApplicationBuilder UseExactMethods(this IApplicationBuilder app) => app.Use((context, next) =>
    {
        var request = context.Request;
        if (HttpMethods.GetCanonicalizedValue(request.Method) != request.Method)
            request.Method = "not-" + request.Method;
        return next(context);
    });

    /// <summary>Keeps a category at a level unless the configuration names that very category.</summary>
    internal static void QuietByDefault(this IHostApplicationBuilder builder, string category, LogLevel level)
    {
        if (builder.Configuration[$"Logging:LogLevel:{category}"] is null)
            builder.Logging.AddFilter(category, level);
    }
}
