using System.Net;
using System.Text.Json;
using KvStore.Balancer.Membership;
using KvStore.Balancer.Telemetry;
using KvStore.Contracts;
using Microsoft.Extensions.Primitives;
using Yarp.ReverseProxy.Forwarder;

namespace KvStore.Balancer.Routing;

/// <summary>
/// One request on its way to a node, over all its attempts: what YARP asks how to change the request and the answer,
/// and what remembers how the attempts went.
/// </summary>
internal sealed class ForwardedCall(OwnerRoute route, CurrentView views, TimeProvider time) : HttpTransformer
{
    private const int MaxRefusalBytes = 64 << 10;
    private const string PrimaryRole = "primary";
    private const string EventStream = "text/event-stream";

    private static readonly UriCreationOptions AsItIs = new() { DangerousDisablePathAndQueryCanonicalization = true };

    private CancellationTokenSource? _deadline;
    private long _startedAt;
    private long _routingSince;
    private long _sentAt;
    private TimeSpan _timeout;
    private TimeSpan _allowed;

    /// <summary>What the client asked for.</summary>
    public OwnerRoute Route { get; } = route;

    /// <summary>The name that every attempt of a write carries; null when it needs none.</summary>
    public string? HopRequestId { get; init; }

    /// <summary>Where this attempt goes.</summary>
    public Destination Destination { get; private set; } = null!;

    /// <summary>Whether this attempt was refused in a way that another may not be.</summary>
    public bool IsRefused { get; private set; }

    /// <summary>Whether some attempt may have been carried out without our hearing of it.</summary>
    public bool MayHaveReached { get; set; }

    /// <summary>Whether some attempt reached a node at all, or may have.</summary>
    public bool HasReached { get; set; }

    /// <summary>Whether the client did not send the body that it announced.</summary>
    public bool IsBodyBroken { get; set; }

    /// <summary>
    /// Whether there can be no other attempt: the body went past and is gone, or it could be done twice.
    /// </summary>
    public bool IsSpent => (Route.IsStreamed && HasReached) || (Route.IsNameless && MayHaveReached);

    /// <summary>What the last node that refused said; null when none did.</summary>
    public string? LastRefusal { get; private set; }

    /// <summary>What is left of the deadline; may be negative.</summary>
    public TimeSpan Remaining => _timeout - time.GetElapsedTime(_startedAt);

    /// <summary>
    /// Whether there is time for another attempt after a pause. A refusal that is there is worth more than an attempt
    /// that would hardly be answered in time.
    /// </summary>
    public bool HasTimeAfter(TimeSpan pause) =>
        Remaining - pause > (IsRefused ? KvTimeout.MarginOf(_allowed) : TimeSpan.Zero);

    /// <summary>From now on the client waits.</summary>
    public void Start(TimeSpan defaultTimeout)
    {
        _allowed = Route.Timeout ?? defaultTimeout;
        _timeout = _allowed + Route.Wait * LongPoll.LongestFactor;
        _startedAt = _routingSince = time.GetTimestamp();
    }

    /// <summary>An attempt begins.</summary>
    public void Begin(Destination destination, CancellationTokenSource deadline)
    {
        Destination = destination;
        _deadline = deadline;
        IsRefused = false;
        BalancerTracing.Routed(_routingSince, destination.Name, time);
        _sentAt = time.GetTimestamp();
    }

    /// <summary>The attempt came to nothing.</summary>
    public void Failed() => _routingSince = time.GetTimestamp();

    /// <inheritdoc/>
    public override async ValueTask TransformRequestAsync(
        HttpContext httpContext,
        HttpRequestMessage proxyRequest,
        string destinationPrefix,
        CancellationToken cancellationToken)
    {
        await base.TransformRequestAsync(httpContext, proxyRequest, destinationPrefix, cancellationToken);
        proxyRequest.RequestUri = new Uri(destinationPrefix + Route.RawTarget, AsItIs);
        proxyRequest.Headers.Host = null;
        if (Route.IsStreamed)
            proxyRequest.Headers.ExpectContinue = true;    // one that is refused by its head is told so
        if (!Route.KeepsTimeout)
            SetTimes(proxyRequest, Remaining);
        if (HopRequestId is not null)
            proxyRequest.Headers.TryAddWithoutValidation(KvHeaders.HopRequestId, HopRequestId);
    }

    /// <summary>What is left of the deadline, and of the wait beyond it.</summary>
    private void SetTimes(HttpRequestMessage request, TimeSpan left)
    {
        var timeout = KvTimeout.ForNextHop(left < _allowed ? left : _allowed, _allowed);
        request.Headers.TryAddWithoutValidation(KvHeaders.Timeout, KvTimeout.Format(timeout));
        if (Route.Wait == TimeSpan.Zero || !request.Headers.NonValidated.TryGetValues(KvHeaders.Prefer, out var prefer))
            return;
        var shortened = LongPoll.Shorten(
            string.Join(", ", prefer), (left - _allowed) / LongPoll.LongestFactor);
        request.Headers.Remove(KvHeaders.Prefer);
        request.Headers.TryAddWithoutValidation(KvHeaders.Prefer, shortened);
    }

    /// <inheritdoc/>
    public override async ValueTask<bool> TransformResponseAsync(
        HttpContext httpContext, HttpResponseMessage? proxyResponse, CancellationToken cancellationToken)
    {
        if (proxyResponse is null)
            return false;
        if (IsSignOfLife(proxyResponse))
            Destination.AnsweredRequest(time.GetTimestamp());
        if ((int)proxyResponse.StatusCode is >= StatusCodes.Status500InternalServerError
            or StatusCodes.Status409Conflict
            or StatusCodes.Status421MisdirectedRequest
            or StatusCodes.Status429TooManyRequests)
        {
            IsRefused = await IsWorthAnotherAsync(proxyResponse, cancellationToken);
            if (IsRefused)
                return false;
        }

        _deadline!.CancelAfter(Timeout.InfiniteTimeSpan);    // a slow reader has the server's own limits
        var copiesBody = await base.TransformResponseAsync(httpContext, proxyResponse, cancellationToken);
        LearnFrom(httpContext.Response.Headers);
        AddTiming(httpContext.Response.Headers);
        if (proxyResponse.Content.Headers.ContentType?.MediaType is EventStream)
            await httpContext.Response.Body.FlushAsync(cancellationToken);    // its first event may be long in coming
        return copiesBody;
    }

    /// <summary>A node's own answer, no proxy's before it, and one that came in time.</summary>
    private static bool IsSignOfLife(HttpResponseMessage answer) =>
        answer.Headers.NonValidated.Contains(KvHeaders.ServedBy)
        && answer.StatusCode is not HttpStatusCode.GatewayTimeout;

    /// <summary>
    /// Whether the refusal holds for this node or this moment only, or cannot be told the client: one that says that
    /// nothing was applied knows nothing of an earlier attempt which may have been. Its body is read and stays
    /// readable. Nothing is worth another when the body of the request is gone.
    /// </summary>
    private async ValueTask<bool> IsWorthAnotherAsync(HttpResponseMessage response, CancellationToken cancellation)
    {
        if (Route.IsStreamed)
            return false;
        await response.Content.LoadIntoBufferAsync(MaxRefusalBytes, cancellation);
        var body = await response.Content.ReadAsByteArrayAsync(cancellation);
        if (ProblemIn(body) is not { } problem || (Route.IsNameless && problem.Applied != Applied.No))
            return false;
        var isWorth = problem.Code == ProblemType.NoQuorum.Code
            || problem.Code == ProblemType.NotReady.Code
            || problem.Code == ProblemType.Draining.Code
            || problem.Status == StatusCodes.Status421MisdirectedRequest
            || (Route.IsWrite && MayHaveReached && problem.Applied == Applied.No);
        if (isWorth)
        {
            MayHaveReached |= problem.Applied != Applied.No;
            LastRefusal = $"{problem.Node ?? Destination.Name ?? "A node"}: {problem.Detail ?? problem.Title}";
        }

        return isWorth;
    }

    private static Problem? ProblemIn(byte[] body)
    {
        try
        {
            return JsonSerializer.Deserialize(body, ContractsJson.Default.Problem);
        }
        catch (JsonException)
        {
            return null;    // not one of our nodes' refusals: passed on as it is
        }
    }

    private void AddTiming(IHeaderDictionary headers)
    {
        if (headers.TryGetValue(KvHeaders.ServerTiming, out var rest))
            headers[KvHeaders.ServerTiming] = ServerTiming.Format(
                "balancer", time.GetElapsedTime(_startedAt, _sentAt), rest.ToString());
    }

    /// <summary>An answer of another primary than the one that was asked is news for the next request.</summary>
    private void LearnFrom(IHeaderDictionary headers)
    {
        if (Route.Key.IsEmpty || !headers.TryGetValue(KvHeaders.ServedBy, out StringValues server))
            return;
        if (server.Count == 1 && server[0] is { } name && name != Destination.Name
            && headers.TryGetValue(KvHeaders.Role, out var role) && role == PrimaryRole
            && views.Value.Ring is { } ring)
            views.Learn(ring.PartitionOf(Route.Key.Span), name);
    }
}
