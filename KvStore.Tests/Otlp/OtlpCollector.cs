using System.Collections.Concurrent;
using Google.Protobuf;
using KvStore.Tests.Otlp.Wire;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace KvStore.Tests.Otlp;

/// <summary>A span, and which program it is of.</summary>
/// <param name="Trace">Its trace's id, in hexadecimal.</param>
/// <param name="Id">Its own.</param>
/// <param name="Parent">That of the span it is a part of; empty: of none.</param>
/// <param name="Name">What it is called.</param>
/// <param name="Kind">By the numbers of the protocol.</param>
/// <param name="Program">The service that told of it.</param>
/// <param name="Instance">Which one of them.</param>
/// <param name="Attributes">By name.</param>
internal sealed record CollectedSpan(
    string Trace,
    string Id,
    string Parent,
    string Name,
    SpanKind Kind,
    string Program,
    string Instance,
    Dictionary<string, string> Attributes)
{
    /// <summary>Nanoseconds since 1970.</summary>
    public ulong Start { get; init; }

    /// <summary>Likewise.</summary>
    public ulong End { get; init; }
}

/// <summary>The protocol's numbers.</summary>
internal enum SpanKind
{
    /// <summary>Inside a program.</summary>
    Internal = 1,

    /// <summary>Answers.</summary>
    Server = 2,

    /// <summary>Asks.</summary>
    Client = 3,

    /// <summary>Takes what somebody sent before.</summary>
    Consumer = 5,
}

/// <summary>A line of a log, its trace and which program wrote it.</summary>
internal sealed record CollectedLine(string Trace, string Text, string Program, string Instance);

/// <summary>Takes what programs export by OTLP over HTTP, on a free port, and keeps it.</summary>
internal sealed class OtlpCollector : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly ConcurrentQueue<CollectedSpan> _spans = [];
    private readonly ConcurrentQueue<CollectedLine> _lines = [];
    private readonly ConcurrentDictionary<string, string> _units = [];
    private readonly ConcurrentDictionary<string, string> _exemplars = [];

    private OtlpCollector(WebApplication app)
    {
        _app = app;
        app.MapPost("/v1/traces", async context => Take(Traces.Parser.ParseFrom(await ReadAsync(context))));
        app.MapPost("/v1/logs", async context => Take(Logs.Parser.ParseFrom(await ReadAsync(context))));
        app.MapPost("/v1/metrics", async context => Take(Metrics.Parser.ParseFrom(await ReadAsync(context))));
    }

    /// <summary>Where to send it.</summary>
    public string Url => _app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!
        .Addresses.Single();

    public IReadOnlyCollection<CollectedSpan> Spans => _spans;

    public IReadOnlyCollection<CollectedLine> Lines => _lines;

    /// <summary>The unit of each instrument, by its name.</summary>
    public IReadOnlyDictionary<string, string> Units => _units;

    /// <summary>The instrument of the product that a trace is an example of, by the trace.</summary>
    public IReadOnlyDictionary<string, string> Exemplars => _exemplars;

    public static async Task<OtlpCollector> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.Configuration["urls"] = "http://127.0.0.1:0";
        var collector = new OtlpCollector(builder.Build());
        await collector._app.StartAsync();
        return collector;
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private static async Task<ByteString> ReadAsync(HttpContext context)
    {
        context.Response.ContentType = "application/x-protobuf";
        return await ByteString.FromStreamAsync(context.Request.Body);
    }

    private void Take(Traces traces)
    {
        foreach (var of in traces.Resources)
        {
            foreach (var span in of.Scopes.SelectMany(scope => scope.Spans))
            {
                _spans.Enqueue(new CollectedSpan(
                    Hex(span.TraceId),
                    Hex(span.SpanId),
                    Hex(span.ParentSpanId),
                    span.Name,
                    (SpanKind)span.Kind,
                    Of(of.Resource, "service.name"),
                    Of(of.Resource, "service.instance.id"),
                    span.Attributes.ToDictionary(one => one.Key, one => $"{one.Value}"))
                {
                    Start = span.Start,
                    End = span.End,
                });
            }
        }
    }

    private void Take(Logs logs)
    {
        foreach (var of in logs.Resources)
        {
            foreach (var line in of.Scopes.SelectMany(scope => scope.Records))
            {
                _lines.Enqueue(new CollectedLine(
                    Hex(line.TraceId),
                    line.Body?.Text ?? "",
                    Of(of.Resource, "service.name"),
                    Of(of.Resource, "service.instance.id")));
            }
        }
    }

    private void Take(Metrics metrics)
    {
        foreach (var metric in metrics.Resources.SelectMany(of => of.Scopes).SelectMany(scope => scope.Metrics))
        {
            _units[metric.Name] = metric.Unit;
            if (!metric.Name.StartsWith("kvstore.", StringComparison.Ordinal))
                continue;
            foreach (var exemplar in metric.Histogram?.Points.SelectMany(point => point.Exemplars) ?? [])
                _exemplars[Hex(exemplar.TraceId)] = metric.Name;
        }
    }

    private static string Hex(ByteString bytes) => Convert.ToHexStringLower(bytes.Span);

    private static string Of(Resource resource, string name) =>
        resource.Attributes.FirstOrDefault(one => one.Key == name)?.Value.Text ?? "";
}
