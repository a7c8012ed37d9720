using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Globalization;
using System.Net;

namespace KvStore.Client.Transport;

/// <summary>
/// Traces and measurements of calls, by OpenTelemetry's conventions for databases; never a key or a value.
/// </summary>
internal sealed class ClientTelemetry(bool isTraced, bool isMeasured)
{
    private static readonly ActivitySource Source = new(KvStoreClient.TelemetryName);
    private static readonly Meter Meter = new(KvStoreClient.TelemetryName);

    private static readonly Histogram<double> Duration = Meter.CreateHistogram(
        "db.client.operation.duration",
        "s",
        "How long a call took, all its tries together.",
        tags: null,
        new InstrumentAdvice<double>
        {
            HistogramBucketBoundaries = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10],
        });

    public Activity? Begin(KvCall call, Uri server)
    {
        if (!isTraced || !Source.HasListeners())
            return null;
        var name = call.Bucket is null ? call.Operation : $"{call.Operation} {call.Bucket}";
        var span = Source.StartActivity(name, ActivityKind.Client);
        if (span is not { IsAllDataRequested: true })
            return span;
        span.SetTag("db.system.name", "kvstore");
        span.SetTag("db.operation.name", call.Operation);
        if (call.Bucket is { } bucket)
            span.SetTag("db.collection.name", bucket);
        if (call.BatchSize > 1)
            span.SetTag("db.operation.batch.size", call.BatchSize);
        span.SetTag("server.address", server.Host);
        span.SetTag("server.port", server.Port);
        return span;
    }

    public void End(KvCall call, Activity? span, TimeSpan took, HttpStatusCode? status, string? error)
    {
        if (span is not null && status is { } answered)
            span.SetTag("db.response.status_code", ((int)answered).ToString(CultureInfo.InvariantCulture));
        if (span is not null && error is not null)
        {
            span.SetTag("error.type", error);
            span.SetStatus(ActivityStatusCode.Error);
        }

        if (!isMeasured || !Duration.Enabled)
            return;
        var tags = new TagList
        {
            { "db.system.name", "kvstore" },
            { "db.operation.name", call.Operation },
        };
        if (call.Bucket is { } bucket)
            tags.Add("db.collection.name", bucket);
        if (status is { } code)
            tags.Add("db.response.status_code", ((int)code).ToString(CultureInfo.InvariantCulture));
        if (error is not null)
            tags.Add("error.type", error);
        Duration.Record(took.TotalSeconds, tags);
    }
}
