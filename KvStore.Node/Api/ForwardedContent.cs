using System.Net;

namespace KvStore.Node.Api;

/// <summary>
/// A request's body on its way to another node, which knows whether it set out: before that, no connection had taken
/// the request, and whatever went wrong, nothing was applied.
/// </summary>
internal sealed class ForwardedContent(ReadOnlyMemory<byte> body) : HttpContent
{
    private volatile bool _wasSent;

    /// <summary>Whether any of the request may have left this node.</summary>
    public bool WasSent => _wasSent;

    /// <inheritdoc/>
    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) =>
        SerializeToStreamAsync(stream, context, CancellationToken.None);

    /// <inheritdoc/>
    protected override Task SerializeToStreamAsync(
        Stream stream, TransportContext? context, CancellationToken cancellationToken)
    {
        _wasSent = true;    // the head stands in the same buffer and leaves with the body's first byte, or with its end
        return stream.WriteAsync(body, cancellationToken).AsTask();
    }

    /// <inheritdoc/>
    protected override bool TryComputeLength(out long length)
    {
        length = body.Length;
        return true;
    }
}
