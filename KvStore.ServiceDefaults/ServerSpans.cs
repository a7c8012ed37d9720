using System.Diagnostics;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Logging;
using OpenTelemetry.Trace;

namespace KvStore.ServiceDefaults;

/// <summary>
/// Makes a span of each request that is traced, before anything else is done with it. Of one that is not it makes
/// nothing, and, where it came without a trace, says so in its <c>traceparent</c>: nobody decides anew about it, and it
/// has the same trace id everywhere. ASP.NET Core's own instrumentation makes a span of each and keeps few.
/// </summary>
internal sealed partial class ServerSpans(Sampling sampling, ILogger<ServerSpans> logger) : IStartupFilter
{
    /// <inheritdoc/>
    public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => app =>
    {
        if (sampling.Ignored is { } ignored)
            SamplerIgnored(logger, ignored);
        app.Use(InvokeAsync);
        next(app);
    };

    private Task InvokeAsync(HttpContext context, RequestDelegate next)
    {
        var request = context.Request;
        if (SpanPaths.IsNeverTraced(request.Path) || SpanPaths.IsPeerLink(request.Path.Value))
            return next(context);
        if (ActivityContext.TryParse(
            request.Headers.TraceParent, request.Headers.TraceState, isRemote: true, out var parent))
            return IsTraced(parent, parent.TraceId) ? TraceAsync(context, next, parent) : next(context);
        if (SpanPaths.IsPeerCall(request.Path.Value))    // a node asks for a request that is not traced, or for itself
            return next(context);
        request.Headers.TraceState = default;    // of no trace, or of one that cannot be read
        request.Headers.TraceParent = default;
        // Where the host logs requests it has given this one a trace id already.
        var trace = Activity.Current?.TraceId ?? ActivityTraceId.CreateRandom();
        if (IsTraced(default, trace))
        {
            // Without a span's id it begins here; recorded, since the SDK asks the sampler again and takes it for a
            // parent.
            return TraceAsync(context, next, new(trace, default, ActivityTraceFlags.Recorded));
        }

        request.Headers.TraceParent = $"00-{trace.ToHexString()}-{ActivitySpanId.CreateRandom().ToHexString()}-00";
        return next(context);
    }

    private bool IsTraced(ActivityContext parent, ActivityTraceId trace) =>
        sampling.Sampler.ShouldSample(new(parent, trace, HttpSpans.Name, ActivityKind.Server)).Decision
            is SamplingDecision.RecordAndSample;

    [LoggerMessage(9002, LogLevel.Warning, "{Setting} is not understood, and is as if it were not set")]
    private static partial void SamplerIgnored(ILogger logger, string setting);

    private static async Task TraceAsync(HttpContext context, RequestDelegate next, ActivityContext parent)
    {
        var request = context.Request;
        var method = HttpSpans.MethodOf(request.Method);
        var route = SpanPaths.RouteOf(request.Path.Value ?? "/");
        Activity.Current = null;    // here alone: the host's, where it logs requests, is not the parent
        using var span = HttpSpans.Source.StartActivity("HTTP", ActivityKind.Server, parent);
        if (span is null)    // nobody listens, or no longer
        {
            await next(context);
            return;
        }

        span.SetTag(HttpSpans.MethodTag, method);
        span.SetTag(HttpSpans.SchemeTag, request.Scheme);
        span.SetTag(HttpSpans.ProtocolTag, request.Protocol.Split('/')[^1]);
        span.SetTag(HttpSpans.ServerTag, request.Host.Host);
        span.SetTag(HttpSpans.PortTag, request.Host.Port);
        try
        {
            await next(context);
            HttpSpans.Answered(span, context.Response.StatusCode, StatusCodes.Status500InternalServerError);
        }
        catch (Exception failure)
        {
            HttpSpans.Failed(span, failure);
            throw;
        }
        finally
        {
            route ??= (context.GetEndpoint() as RouteEndpoint)?.RoutePattern.RawText;
            span.SetTag(HttpSpans.PathTag, route);
            span.SetTag(HttpSpans.RouteTag, route);
            var verb = HttpSpans.VerbOf(method);
            span.DisplayName = route is null ? verb : $"{verb} {route}";
        }
    }
}
