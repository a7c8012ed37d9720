using System.Net;

namespace KvStore.Balancer.Routing;

/// <summary>
/// Makes a connection error mean what it says: that the request never left. When a kept connection breaks, .NET sends a
/// request without a body again on a new one, and if that one cannot be opened, all that it tells of is the second try.
/// A write without a body therefore gets an empty one, which is not sent twice and knows whether it set out.
/// </summary>
internal sealed class SentMarkHandler(HttpMessageHandler inner) : DelegatingHandler(inner)
{
    /// <inheritdoc/>
    protected override async Task<HttpResponseMessage> SendAsync(
        HttpRequestMessage request, CancellationToken cancellationToken)
    {
        if (request.Content is not null || request.Method == HttpMethod.Get || request.Method == HttpMethod.Head)
            return await base.SendAsync(request, cancellationToken);
        var mark = new SentMark();
        request.Content = mark;
        try
        {
            return await base.SendAsync(request, cancellationToken);
        }
        catch (HttpRequestException failure) when (mark.WasSent
            && failure.HttpRequestError == HttpRequestError.ConnectionError)
        {
            throw new HttpRequestException(HttpRequestError.ResponseEnded, failure.Message, failure);
        }
    }

    /// <summary>Nothing, and whether it was sent.</summary>
    private sealed class SentMark : HttpContent
    {
        private volatile bool _wasSent;

        public bool WasSent => _wasSent;

        protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            _wasSent = true;
            return Task.CompletedTask;
        }

        protected override bool TryComputeLength(out long length)
        {
            length = 0;
            return true;
        }
    }
}
