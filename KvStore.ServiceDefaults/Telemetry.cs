using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Console;
using OpenTelemetry;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
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

    /// <summary><c>true</c> has metrics told at <see cref="ScrapePath"/>, to whoever asks.</summary>
    internal const string PrometheusVariable = "KVSTORE_PROMETHEUS";

    /// <summary>Where Prometheus reads.</summary>
    internal const string ScrapePath = "/metrics";

    /// <summary>Every meter and activity source of the product.</summary>
    private const string OwnNames = "KvStore.*";

    /// <summary>What the host begins a log scope with the request's path for, as soon as it is enabled.</summary>
    private const string HostCategory = "Microsoft.AspNetCore.Hosting.Diagnostics";

    internal static void AddTelemetry(this IHostApplicationBuilder builder)
    {
        builder.QuietByDefault("Microsoft.AspNetCore", LogLevel.Warning);
        builder.QuietByDefault(HostCategory, LogLevel.None);
        var isExported = !string.IsNullOrWhiteSpace(builder.Configuration[EndpointVariable]);
        var isScraped = IsScraped(builder.Configuration);
        if ((!isExported && !isScraped) || IsDisabled(builder.Configuration))
            return;
        var telemetry = builder.Services.AddOpenTelemetry()
            .ConfigureResource(resource => Describe(resource, builder))
            .WithMetrics(metrics => AddMetrics(metrics, isScraped));
        if (!isExported)
            return;
        builder.AddLogs();
        var sampling = Sampling.Read(builder.Configuration);
        builder.Services.AddSingleton(sampling).AddSingleton<IStartupFilter, ServerSpans>();
        telemetry.WithTracing(tracing => tracing.SetSampler(sampling.Sampler).AddSource(OwnNames)).UseOtlpExporter();
    }

    /// <summary>Maps <see cref="ScrapePath"/> where it is asked for.</summary>
    internal static void MapScrapePath(this WebApplication app)
    {
        if (IsScraped(app.Configuration) && !IsDisabled(app.Configuration))
            app.MapPrometheusScrapingEndpoint(ScrapePath);
    }

    /// <summary>As OpenTelemetry's SDK has it: any other word than this one is none.</summary>
    private static bool IsDisabled(IConfiguration configuration) =>
        string.Equals(configuration["OTEL_SDK_DISABLED"], "true", StringComparison.OrdinalIgnoreCase);

    private static bool IsScraped(IConfiguration configuration) => Settings.IsOn(configuration, PrometheusVariable);

    /// <summary>Who it is, unless the environment says so.</summary>
    private static void Describe(ResourceBuilder resource, IHostApplicationBuilder builder)
    {
        var isNamed = builder.Configuration["OTEL_SERVICE_NAME"] is not null
            || builder.Configuration["OTEL_RESOURCE_ATTRIBUTES"]?.Contains("service.name=", StringComparison.Ordinal)
                is true;
        if (!isNamed)
            resource.AddService(
                builder.Environment.ApplicationName, serviceInstanceId: builder.Configuration["NODE_NAME"]);
    }

    private static void AddMetrics(MeterProviderBuilder metrics, bool isScraped)
    {
        metrics
            .AddMeter("Microsoft.AspNetCore.Hosting", "Microsoft.AspNetCore.Server.Kestrel", "System.Net.Http")
            .AddRuntimeInstrumentation()
            .AddMeter(OwnNames)
            .AddView(instrument => IsLeftOut(instrument.Name) ? MetricStreamConfiguration.Drop : null)
            .SetExemplarFilter(ExemplarFilterType.TraceBased);
        if (isScraped)
            metrics.AddPrometheusExporter();
    }

    /// <summary>
    /// What costs more with each request than anybody looks at: of the calls, only how long connecting takes is kept,
    /// and what is in progress our own gauges tell.
    /// </summary>
    private static bool IsLeftOut(string instrument) => instrument is
        "http.server.active_requests" or "http.client.active_requests" or "http.client.open_connections"
        or "http.client.request.time_in_queue" or "http.client.request.duration";

    /// <summary>
    /// Each record says its trace by itself, and on the console by a scope. No other scopes are sent: the host's has
    /// the path of the request in it, and so the key.
    /// </summary>
    private static void AddLogs(this IHostApplicationBuilder builder)
    {
        builder.Logging.AddOpenTelemetry(logging => logging.IncludeFormattedMessage = true);
        builder.Logging.Configure(logging =>
            logging.ActivityTrackingOptions = ActivityTrackingOptions.TraceId | ActivityTrackingOptions.SpanId);
        if (builder.Configuration["Logging:Console:FormatterOptions:IncludeScopes"] is null)
            builder.Services.Configure<SimpleConsoleFormatterOptions>(console => console.IncludeScopes = true);
    }
}
