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

    private sealed record KnownCluster(ulong Id, string Text);

    private volatile KnownCluster? _cluster;

    /// <summary>An answer told of a version: it names the cluster.</summary>
    public void Learn(KvVersion? version)
    {
        if (version is { ClusterId: var id } && _cluster?.Id != id)
            _cluster = new KnownCluster(id, id.ToString("x16", CultureInfo.InvariantCulture));
    }

    /// <summary>A call begins, probably at that server.</summary>
    public Activity? Begin(KvCall call, Uri server)
    {
        if (!isTraced || !Source.HasListeners())
            return null;
        var name = call.Bucket is null ? call.Operation : $"{call.Operation} {call.Bucket}";
        var tags = TagsOf(call, server);
        if (call.BatchSize > 1)
            tags.Add("db.operation.batch.size", call.BatchSize);
        return Source.StartActivity(ActivityKind.Client, name: name, tags: tags);
    }

    /// <summary>A call ends, at the server that was asked last.</summary>
    public void End(
        KvCall call, Uri server, Activity? span, TimeSpan took, HttpStatusCode? status, string? error)
    {
        var tags = TagsOf(call, server);
        if (status is { } code)
            tags.Add("db.response.status_code", ((int)code).ToString(CultureInfo.InvariantCulture));
        if (error is not null)
            tags.Add("error.type", error);
        if (isMeasured)
            Duration.Record(took.TotalSeconds, tags);
        if (span is null)
            return;
        foreach (var (name, value) in tags)
            span.SetTag(name, value);
        if (error is not null)
            span.SetStatus(ActivityStatusCode.Error);
    }

    private TagList TagsOf(KvCall call, Uri server)
    {
        var tags = new TagList
        {
            { "db.system.name", "kvstore" },
            { "db.operation.name", call.Operation },
            { "server.address", server.Host },
            { "server.port", server.Port },
        };
        if (call.Bucket is { } bucket)
            tags.Add("db.collection.name", bucket);
        if (_cluster is { Text: var cluster })
            tags.Add("db.namespace", cluster);
        return tags;
    }
}
