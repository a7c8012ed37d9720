using System.Net;

namespace KvStore.Balancer.Routing;

/// <summary>
/// Makes a connection error mean what it says: that the request never left. When a kept connection ends, .NET sends a
/// request without content again on a new one; and when that one cannot be opened, all that it tells of is the second
/// try. It does so with no request that has content, be it empty. And a write that is given up before there is a
/// connection for it fails by a connection error, too: its content is asked for only when there is one.
/// </summary>
internal sealed class SingleSendHandler(HttpMessageHandler inner) : DelegatingHandler(inner)
{
    /// <inheritdoc/>
    protected override Task<HttpResponseMessage> SendAsync(
        HttpRequestMessage request, CancellationToken cancellationToken) =>
        request.Method == HttpMethod.Get || request.Method == HttpMethod.Head
            ? base.SendAsync(request, cancellationToken)
            : SendWriteAsync(request, cancellationToken);

    private async Task<HttpResponseMessage> SendWriteAsync(HttpRequestMessage request, CancellationToken cancellation)
    {
        var content = new NotedContent(request.Content ?? new ByteArrayContent([]));
        request.Content = content;
        try
        {
            return await base.SendAsync(request, cancellation).ConfigureAwait(false);
        }
        catch (OperationCanceledException canceled) when (!content.IsAskedFor)
        {
            throw new HttpRequestException(
                HttpRequestError.ConnectionError, "There was no connection in time.", canceled);
        }
    }

    /// <summary>Content that knows whether somebody wanted to send it.</summary>
    private sealed class NotedContent : HttpContent
    {
        private readonly HttpContent _content;
        private volatile bool _isAskedFor;

        public NotedContent(HttpContent content)
        {
            _content = content;
            foreach (var (name, values) in content.Headers.NonValidated)
                Headers.TryAddWithoutValidation(name, values);
        }

        public bool IsAskedFor => _isAskedFor;

        protected override bool TryComputeLength(out long length)
        {
            length = _content.Headers.ContentLength ?? 0;
            return _content.Headers.ContentLength is not null;
        }

        protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) =>
            SerializeToStreamAsync(stream, context, CancellationToken.None);

        protected override Task SerializeToStreamAsync(
            Stream stream, TransportContext? context, CancellationToken cancellationToken)
        {
            _isAskedFor = true;
            return _content.CopyToAsync(stream, context, cancellationToken);
        }

        protected override void Dispose(bool disposing)
        {
            if (disposing)
                _content.Dispose();
            base.Dispose(disposing);
        }
    }
}
