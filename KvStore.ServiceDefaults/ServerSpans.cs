using System.Diagnostics;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using OpenTelemetry.Trace;

namespace KvStore.ServiceDefaults;

/// <summary>
/// Makes a span of each request that is traced, before anything else is done with it. Of one that is not it makes
/// nothing, and says so in its <c>traceparent</c>: nobody decides anew about it, and its number is one everywhere.
/// ASP.NET Core's own instrumentation makes a span of each and keeps few, which reads paid a tenth of their throughput
/// for.
/// </summary>
internal sealed class ServerSpans(Sampler sampler) : IStartupFilter
{
    /// <inheritdoc/>
    public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => app =>
    {
        app.Use(InvokeAsync);
        next(app);
    };

    private Task InvokeAsync(HttpContext context, RequestDelegate next)
    {
        var request = context.Request;
        if (SpanPaths.IsProbe(request.Path) || SpanPaths.IsPeerLink(request.Path.Value))
            return next(context);
        if (ActivityContext.TryParse(
            request.Headers.TraceParent, request.Headers.TraceState, isRemote: true, out var parent))
            return IsTraced(parent, parent.TraceId) ? TraceAsync(context, next, parent) : next(context);
        if (SpanPaths.IsPeerCall(request.Path.Value))    // for nobody whose request is traced
            return next(context);
        // Where the host logs requests it has given this one a number already.
        var trace = Activity.Current?.TraceId ?? ActivityTraceId.CreateRandom();
        if (IsTraced(default, trace))
            return TraceAsync(context, next, new(trace, default, ActivityTraceFlags.Recorded));
        request.Headers.TraceParent = $"00-{trace.ToHexString()}-{ActivitySpanId.CreateRandom().ToHexString()}-00";
        return next(context);
    }

    private bool IsTraced(ActivityContext parent, ActivityTraceId trace) =>
        sampler.ShouldSample(new SamplingParameters(parent, trace, HttpSpans.Name, ActivityKind.Server)).Decision
            is SamplingDecision.RecordAndSample;

    private static async Task TraceAsync(HttpContext context, RequestDelegate next, ActivityContext parent)
    {
        var request = context.Request;
        var path = request.Path.Value ?? "/";
        var method = request.Method;
        var route = SpanPaths.RouteOf(path);
        using var span = HttpSpans.Source.StartActivity(method, ActivityKind.Server, parent);
        if (span is null)    // the program stops, and nobody listens any more
        {
            await next(context);
            return;
        }

        span.SetTag(HttpSpans.MethodTag, method);
        span.SetTag("url.scheme", request.Scheme);
        span.SetTag(HttpSpans.PathTag, route ?? path);
        span.SetTag("network.protocol.version", request.Protocol.Split('/')[^1]);
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
            span.SetTag(HttpSpans.RouteTag, route);
            span.DisplayName = route is null ? method : $"{method} {route}";
        }
    }
}
