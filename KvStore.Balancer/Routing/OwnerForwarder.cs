using KvStore.Balancer.Api;
using KvStore.Balancer.Membership;
using KvStore.Balancer.Options;
using KvStore.Balancer.Telemetry;
using KvStore.Contracts;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Options;
using Microsoft.Net.Http.Headers;
using Yarp.ReverseProxy.Forwarder;

namespace KvStore.Balancer.Routing;

/// <summary>
/// Sends a request to the owner of its key, or one that names no key to any node. Where a node does not answer, or
/// refuses for this moment only, the request is held and tried on the others until its deadline: reads since they
/// change nothing, writes since each attempt carries the same request id and at most one is applied.
/// </summary>
internal sealed class OwnerForwarder(
    IHttpForwarder forwarder,
    HttpMessageInvoker client,
    CurrentView views,
    BodyReader bodies,
    DeadlineTokens deadlines,
    Backoff backoff,
    BalancerMetrics metrics,
    TimeProvider time,
    IOptions<BalancerOptions> options)
{
    private static readonly ForwarderRequestConfig Config = new()
    {
        ActivityTimeout = KvTimeout.Max * 3,    // an answer that has begun may pause; before that, deadlines are ours
        Version = System.Net.HttpVersion.Version11,
        VersionPolicy = HttpVersionPolicy.RequestVersionExact,
    };

    private static readonly Action<object?> Cancel = static source => ((CancellationTokenSource)source!).Cancel();

    private static readonly TimeSpan Shortest = TimeSpan.FromMilliseconds(1);

    private readonly TimeSpan _defaultTimeout = options.Value.DefaultTimeout;
    private readonly int _maxInFlight = options.Value.MaxRequestsInFlight;
    private int _inFlight;
    private uint _turn;

    /// <summary>Requests on their way to nodes, without those that wait for changes.</summary>
    public int InFlight => Volatile.Read(ref _inFlight);

    /// <summary>Answers a request, whatever happens.</summary>
    public Task ForwardAsync(HttpContext context)
    {
        var route = OwnerRoute.Of(context);
        return route.IsLong ? ForwardAsync(context, route) : AdmitAsync(context, route);
    }

    /// <summary>
    /// Refuses what is too much before anything of it is read: an answer in time for those who came first is worth more
    /// than a late one for all.
    /// </summary>
    private async Task AdmitAsync(HttpContext context, OwnerRoute route)
    {
        try
        {
            if (Interlocked.Increment(ref _inFlight) <= _maxInFlight)
            {
                await ForwardAsync(context, route);
                return;
            }

            metrics.Refused();
            context.Response.Headers.Connection = HasBody(context) ? "close" : default;    // it is not read
            await Problems.WriteAsync(
                context,
                ProblemType.Overloaded,
                "As many requests are on their way as this balancer takes; nothing was begun.",
                retryAfterSeconds: 1);
        }
        finally
        {
            Interlocked.Decrement(ref _inFlight);
        }
    }

    private static bool HasBody(HttpContext context) =>
        context.Features.Get<IHttpRequestBodyDetectionFeature>()?.CanHaveBody ?? true;

    private Task ForwardAsync(HttpContext context, OwnerRoute route)
    {
        var headers = context.Request.Headers;
        var isConnect = context.Request.Method is "CONNECT";    // no request of a client can have it
        if (!isConnect && route.Invalid is { } invalid && !route.RawTarget.StartsWith('/'))
            return Problems.WriteAsync(context, invalid.Problem, invalid.Detail);    // no request line can repeat it
        if (isConnect)
        {
            context.Response.Headers.Allow = route.AllowedMethods;
            return Problems.WriteAsync(
                context, ProblemType.MethodNotAllowed, "Allow lists the methods that are taken, in capitals.");
        }

        if (route.IsWrite && IsMetadataTwice(headers))
            return Problems.WriteAsync(
                context, ProblemType.HeaderInvalid, "A Kv-Meta- header was sent more than once.");
        InternalHeaders.Strip(headers, route.KeepsTimeout);
        var call = new ForwardedCall(route, views, time)
        {
            HopRequestId = route.IsWrite && !headers.ContainsKey(KvHeaders.IdempotencyKey) ? NewRequestId() : null,
        };
        var hasBody = HasBody(context);
        if (hasBody && (route.IsStreamed || route.TakesMany))
            context.Features.GetRequiredFeature<IHttpMaxRequestBodySizeFeature>().MaxRequestBodySize =
                route.IsStreamed ? null : BodyLimits.WithFraming(BodyLimits.MaxManyBytes);
        return !hasBody ? AttemptAllAsync(context, call, null)
            : route.IsStreamed ? PassOnAsync(context, call)
            : HoldAndAttemptAsync(context, call);
    }

    /// <summary>A client of nodes makes one header of two, so that no node could refuse them.</summary>
    private static bool IsMetadataTwice(IHeaderDictionary headers)
    {
        foreach (var (name, values) in headers)
        {
            if (values.Count > 1 && name.StartsWith(KvHeaders.MetadataPrefix, StringComparison.OrdinalIgnoreCase))
                return true;
        }

        return false;
    }

    private string NewRequestId() => Guid.CreateVersion7(time.GetUtcNow()).ToString("N");

    private async Task HoldAndAttemptAsync(HttpContext context, ForwardedCall call)
    {
        var (body, refusal) = await bodies.ReadAsync(context.Request, call.Route);
        if (body is null)
        {
            await RefuseBodyAsync(context, refusal!);
            return;
        }

        using (body)
        {
            if (body.Length > 0)    // in no chunks at all it stays a body: where none is taken, a node refuses it
            {
                context.Request.Headers.Remove(HeaderNames.TransferEncoding);
                context.Request.ContentLength = body.Length;
            }

            await AttemptAllAsync(context, call, body);
        }
    }

    /// <summary>
    /// Lets the body through as it comes. Once a node may have seen some of it there is no second attempt, and since
    /// only the client knows its length, no deadline either: a connection on which nothing moves is ended.
    /// </summary>
    private Task PassOnAsync(HttpContext context, ForwardedCall call)
    {
        var request = context.Request;
        return BodyReader.WrongFraming(request) is { } wrong
            ? RefuseBodyAsync(context, new(ProblemType.BodyInvalid, wrong))
            : AttemptAllAsync(context, call, null);
    }

    private static Task RefuseBodyAsync(HttpContext context, BodyRefusal refusal)
    {
        context.Response.Headers.Connection = "close";    // the rest of the body is not read
        return Problems.WriteAsync(context, refusal.Type, refusal.Detail);
    }

    private async Task AttemptAllAsync(HttpContext context, ForwardedCall call, HeldBody? body)
    {
        call.Start(_defaultTimeout);
        var turn = Interlocked.Increment(ref _turn);
        for (var attempt = 0; ; attempt++)
        {
            if (call.Route.Pick(views.Value, attempt, turn) is { } destination
                && await AttemptAsync(context, call, destination, body))
                return;
            context.Response.Clear();
            var pause = backoff.After(attempt);
            if (!call.HasTimeAfter(pause) || call.IsSpent)
            {
                metrics.Expired();
                await GiveUpAsync(context, call);
                return;
            }

            metrics.Retried();
            await Task.Delay(pause, time, context.RequestAborted);
        }
    }

    /// <summary>
    /// Tries one destination; false: nothing was sent to the client, and another attempt may succeed.
    /// </summary>
    private async Task<bool> AttemptAsync(
        HttpContext context, ForwardedCall call, Destination destination, HeldBody? body)
    {
        if (body is not null)
            context.Request.Body = body.Open();
        var deadline = deadlines.Rent(
            call.Route.IsStreamed ? Timeout.InfiniteTimeSpan : call.Remaining > Shortest ? call.Remaining : Shortest);
        var letGo = destination.End.UnsafeRegister(Cancel, deadline);
        ForwarderError error;
        try
        {
            call.Begin(destination, deadline);
            error = await forwarder.SendAsync(context, destination.Prefix, client, Config, call, deadline.Token);
        }
        finally
        {
            await letGo.DisposeAsync();
            deadlines.Return(deadline);
        }

        if (error == ForwarderError.None && !call.IsRefused)
            return true;
        if (context.Response.HasStarted || context.RequestAborted.IsCancellationRequested)
            return true;    // an answer that has begun is never taken back; YARP has ended the connection
        Note(context, call, error);
        call.Failed();
        return false;
    }

    /// <summary>What a failed attempt means for the view, and for what the client is told in the end.</summary>
    private void Note(HttpContext context, ForwardedCall call, ForwarderError error)
    {
        if (error == ForwarderError.None)
        {
            call.HasReached = true;
            views.Doubt();
            return;
        }

        var failure = context.GetForwarderErrorFeature()?.Exception;
        call.IsBodyBroken = error is ForwarderError.RequestBodyClient;
        if (error == ForwarderError.RequestCreation)
            throw new InvalidOperationException("The request could not be made anew for the node.", failure);
        if (!CallFailure.IsNeverSent(failure))
        {
            call.HasReached = true;
            call.MayHaveReached = true;
        }

        if (CallFailure.VerdictOf(failure) is CallVerdict.NobodyThere)
            views.Fell(call.Destination);
        else
            views.Doubt();
    }

    private static Task GiveUpAsync(HttpContext context, ForwardedCall call)
    {
        if (call.Route.IsStreamed && call.IsSpent)
            context.Response.Headers.Connection = "close";    // what is left of the body is not read
        if (call.IsBodyBroken)
            return Problems.WriteAsync(
                context,
                ProblemType.BodyInvalid,
                "The body did not arrive as its headers announced it; what had arrived may be applied.",
                Applied.Unknown);
        if (call.MayHaveReached)
            return Problems.WriteAsync(
                context,
                ProblemType.DeadlineExceeded,
                call.Route switch
                {
                    { IsNameless: true } => "A node that may have begun to remove keys did not answer. Count again.",
                    { IsWrite: true } => "A node that may have taken the write did not answer in time. Send it again "
                        + $"with the same {KvHeaders.IdempotencyKey}, or read what is stored.",
                    _ => "No node answered in time.",
                },
                call.Route.IsWrite ? Applied.Unknown : Applied.No);
        return Problems.WriteAsync(
            context,
            ProblemType.NoQuorum,
            call.LastRefusal ?? (call.HasReached ? "No node answered in time." : "No node takes connections."),
            retryAfterSeconds: 1);
    }
}
