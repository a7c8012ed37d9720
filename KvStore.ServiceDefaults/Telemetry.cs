using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using OpenTelemetry;
using OpenTelemetry.Metrics;
using OpenTelemetry.Trace;

namespace KvStore.ServiceDefaults;

/// <summary>
/// Traces, metrics and logs by OpenTelemetry. Without an exporter nothing listens: a request then pays for neither an
/// activity nor a measurement nor a log scope.
/// </summary>
internal static class Telemetry
{
    /// <summary>Where the collector is; its presence turns telemetry on.</summary>
    internal const string EndpointVariable = "OTEL_EXPORTER_OTLP_ENDPOINT";

    /// <summary>Every meter and activity source of the product.</summary>
    private const string OwnNames = "KvStore.*";

    internal static void AddTelemetry(this IHostApplicationBuilder builder)
    {
        builder.QuietByDefault("Microsoft.AspNetCore", LogLevel.Warning);
        if (string.IsNullOrWhiteSpace(builder.Configuration[EndpointVariable]))
        {
            // The host begins an activity and a log scope per request as soon as this category is enabled at all.
            builder.QuietByDefault("Microsoft.AspNetCore.Hosting.Diagnostics", LogLevel.None);
            return;
        }

        builder.Logging.AddOpenTelemetry(logging =>
        {
            logging.IncludeFormattedMessage = true;
            logging.IncludeScopes = true;
        });
        builder.Services.AddOpenTelemetry()
            .WithMetrics(metrics => metrics
                .AddAspNetCoreInstrumentation()
                .AddHttpClientInstrumentation()
                .AddRuntimeInstrumentation()
                .AddMeter(OwnNames))
            .WithTracing(tracing => tracing
                .AddAspNetCoreInstrumentation(options => options.Filter = context => !IsProbe(context.Request.Path))
                .AddHttpClientInstrumentation()
                .AddSource(OwnNames))
            .UseOtlpExporter();
    }

    /// <summary>Whether a path is one that probes ask every second, which no trace is wanted of.</summary>
    internal static bool IsProbe(PathString path) =>
        path.StartsWithSegments(Extensions.AlivePath, StringComparison.Ordinal)
        || path.StartsWithSegments("/ready", StringComparison.Ordinal)
        || path.StartsWithSegments("/health", StringComparison.Ordinal);
}
