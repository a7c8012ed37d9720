namespace KvStore.Balancer.Routing;

/// <summary>
/// Makes a connection error mean what it says: that the request never left. When a kept connection ends, .NET sends a
/// request without content again on a new one; and when that one cannot be opened, all that it tells of is the second
/// try. It does so with no request that has content, be it empty.
/// </summary>
internal sealed class SingleSendHandler(HttpMessageHandler inner) : DelegatingHandler(inner)
{
    /// <inheritdoc/>
    protected override Task<HttpResponseMessage> SendAsync(
        HttpRequestMessage request, CancellationToken cancellationToken)
    {
        if (request.Method != HttpMethod.Get && request.Method != HttpMethod.Head)
            request.Content ??= new ByteArrayContent([]);
        return base.SendAsync(request, cancellationToken);
    }
}
