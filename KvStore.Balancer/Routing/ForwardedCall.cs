using System.Text.Json;
using KvStore.Balancer.Membership;
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

    private static readonly UriCreationOptions AsItIs = new() { DangerousDisablePathAndQueryCanonicalization = true };

    private CancellationTokenSource? _deadline;
    private long _startedAt;
    private TimeSpan _timeout;

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

    /// <summary>Whether some attempt reached a node at all.</summary>
    public bool WasHeard { get; set; }

    /// <summary>What the last node that refused said; null when none did.</summary>
    public string? LastRefusal { get; private set; }

    /// <summary>What is left of the deadline; may be negative.</summary>
    public TimeSpan Remaining => _timeout - time.GetElapsedTime(_startedAt);

    /// <summary>From now on the client waits.</summary>
    public void Start(TimeSpan defaultTimeout)
    {
        _timeout = Route.Timeout ?? defaultTimeout;
        _startedAt = time.GetTimestamp();
    }

    /// <summary>An attempt begins.</summary>
    public void Begin(Destination destination, CancellationTokenSource deadline)
    {
        Destination = destination;
        _deadline = deadline;
        IsRefused = false;
    }

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
        if (!Route.KeepsTimeout)
            proxyRequest.Headers.TryAddWithoutValidation(KvHeaders.Timeout, KvTimeout.Format(Remaining));
        if (HopRequestId is not null)
            proxyRequest.Headers.TryAddWithoutValidation(KvHeaders.HopRequestId, HopRequestId);
    }

    /// <inheritdoc/>
    public override async ValueTask<bool> TransformResponseAsync(
        HttpContext httpContext, HttpResponseMessage? proxyResponse, CancellationToken cancellationToken)
    {
        if (proxyResponse is null)
            return false;
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
        return copiesBody;
    }

    /// <summary>
    /// Whether the refusal holds for this node or this moment only, or cannot be told the client: one that says that
    /// nothing was applied knows nothing of an earlier attempt which may have been. Its body is read and stays
    /// readable.
    /// </summary>
    private async ValueTask<bool> IsWorthAnotherAsync(HttpResponseMessage response, CancellationToken cancellation)
    {
        await response.Content.LoadIntoBufferAsync(MaxRefusalBytes, cancellation);
        var body = await response.Content.ReadAsByteArrayAsync(cancellation);
        if (ProblemIn(body) is not { } problem)
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
