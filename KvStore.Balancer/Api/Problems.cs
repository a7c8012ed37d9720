using System.Diagnostics;
using System.Text;
using System.Text.Json;
using KvStore.Balancer.Telemetry;
using KvStore.Contracts;
using KvStore.ServiceDefaults;
using Microsoft.AspNetCore.Http.Features;

namespace KvStore.Balancer.Api;

/// <summary>Writes refusals as problem details, in the same words as a node does.</summary>
internal static class Problems
{
    private const string Name = "balancer";

    /// <summary>Answers with a problem.</summary>
    public static Task WriteAsync(
        HttpContext context,
        ProblemType type,
        string detail,
        Applied applied = Applied.No,
        int? retryAfterSeconds = null)
    {
        var raw = context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget;
        var target = KeyPath.Parse(raw);
        var key = target as KeyTarget.Key;
        var traceId = TraceId(context);
        var problem = Problem.Of(type, detail, applied) with
        {
            Instance = raw.Split('?')[0],
            Node = Name,
            TraceId = traceId,
            Key = key is null ? null : Encoding.UTF8.GetString(key.Bytes.Span),
            Bucket = key?.Bucket ?? (target as KeyTarget.Collection)?.Bucket,
        };
        var response = context.Response;
        response.StatusCode = type.Status;
        response.ContentType = Problem.MediaType;
        response.Headers.CacheControl = "no-cache";
        response.Headers[KvHeaders.RequestId] = traceId;
        if (retryAfterSeconds is { } seconds)
            response.Headers.RetryAfter = RetryAfter.Header(seconds);
        var body = JsonSerializer.SerializeToUtf8Bytes(problem, ContractsJson.Default.Problem);
        response.ContentLength = body.Length;
        return HttpMethods.IsHead(context.Request.Method)
            ? Task.CompletedTask
            : response.Body.WriteAsync(body, context.RequestAborted).AsTask();
    }

    /// <summary>Says in a problem that no route took the path, or not with this method.</summary>
    public static void UseRouteProblems(this WebApplication app) =>
        app.Use(next => async context =>
        {
            await next(context);
            var response = context.Response;
            if (response is { HasStarted: false, StatusCode: StatusCodes.Status405MethodNotAllowed })
                await WriteAsync(
                    context, ProblemType.MethodNotAllowed, "Allow lists the methods that this path takes.");
            else if (response is { HasStarted: false, StatusCode: StatusCodes.Status404NotFound })
                await WriteAsync(context, ProblemType.RouteNotFound, "Nothing is served at this path.");
        });

    /// <summary>Turns what nobody else caught into problems.</summary>
    public static void UseProblems(this WebApplication app)
    {
        var log = app.Services.GetRequiredService<ILoggerFactory>().CreateLogger("KvStore.Balancer.Api");
        app.Use(next => context => CatchAsync(next, context, log));
    }

    /// <summary>What the log and the answer call the request; of one without a trace, made up once.</summary>
    private static string TraceId(HttpContext context) =>
        RequestTrace.IdOf(context)
        ?? (string)(context.Items[typeof(ActivityTraceId)] ??= ActivityTraceId.CreateRandom().ToHexString());

    private static async Task CatchAsync(RequestDelegate next, HttpContext context, ILogger log)
    {
        try
        {
            await next(context);
        }
        catch (Exception failure) when (failure is not BadHttpRequestException)    // those the server answers itself
        {
            if (context.RequestAborted.IsCancellationRequested)
                return;
            log.RequestFailed(TraceId(context), failure);
            if (context.Response.HasStarted)
                throw;
            context.Response.Clear();
            await WriteAsync(context, ProblemType.Internal, "The balancer failed; its log says how.", Applied.Unknown);
        }
    }
}
