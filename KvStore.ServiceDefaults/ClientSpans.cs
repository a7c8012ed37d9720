using System.Diagnostics;
using System.Net;
using Microsoft.Net.Http.Headers;

namespace KvStore.ServiceDefaults;

/// <summary>
/// Makes a span of each call that is a part of a traced request, and tells the called program of it. Other calls go
/// out unchanged.
/// </summary>
/// <param name="inner">What sends; its own <see cref="SocketsHttpHandler.ActivityHeadersPropagator"/> is null.</param>
public sealed class ClientSpans(HttpMessageHandler inner) : DelegatingHandler(inner)
{
    private const string GrpcSpan = "Grpc.Net.Client.GrpcOut";

    /// <inheritdoc/>
    protected override Task<HttpResponseMessage> SendAsync(
        HttpRequestMessage request, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(request);
        return Activity.Current is { Recorded: true } parent
            && !SpanPaths.IsPeerLink(request.RequestUri?.AbsolutePath)
            ? TraceAsync(request, parent, cancellationToken)
            : base.SendAsync(request, cancellationToken);
    }

    private async Task<HttpResponseMessage> TraceAsync(
        HttpRequestMessage request, Activity parent, CancellationToken cancellation)
    {
        while (parent is { OperationName: GrpcSpan, Parent: { } outer })    // a span of its own, which nobody keeps
            parent = outer;
        var method = HttpSpans.MethodOf(request.Method.Method);    // a balancer sends what its clients like
        using var span = HttpSpans.Source.StartActivity(
            HttpSpans.VerbOf(method), ActivityKind.Client, parent.Context);
        if (span is null)    // nobody listens, or no longer
            return await base.SendAsync(request, cancellation).ConfigureAwait(false);
        Set(request, HeaderNames.TraceParent, span.Id);
        Set(request, HeaderNames.TraceState, span.TraceStateString);
        if (request.RequestUri is { } url)
        {
            span.SetTag(HttpSpans.ServerTag, url.Host);
            span.SetTag(HttpSpans.PortTag, url.Port);
            span.SetTag(
                HttpSpans.UrlTag, url.GetLeftPart(UriPartial.Authority) + SpanPaths.KnownRouteOf(url.AbsolutePath));
        }

        span.SetTag(HttpSpans.MethodTag, method);
        try
        {
            var answer = await base.SendAsync(request, cancellation).ConfigureAwait(false);
            HttpSpans.Answered(span, (int)answer.StatusCode, (int)HttpStatusCode.BadRequest);
            return answer;
        }
        catch (Exception failure)
        {
            HttpSpans.Failed(span, failure);
            throw;
        }
    }

    private static void Set(HttpRequestMessage request, string header, string? value)
    {
        request.Headers.Remove(header);
        if (!string.IsNullOrEmpty(value))
            request.Headers.TryAddWithoutValidation(header, value);
    }
}
