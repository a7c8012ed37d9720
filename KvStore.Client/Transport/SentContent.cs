using System.Net;

namespace KvStore.Client.Transport;

/// <summary>
/// What a write sends, be it nothing: it tells when somebody wants to send it, which is only where there is a
/// connection. A request without any content .NET sends again by itself when a kept connection ends, and tells of the
/// second try alone; one that has content it does not.
/// </summary>
/// <param name="bytes">What is sent.</param>
/// <param name="onWanted">Is told.</param>
internal sealed class SentContent(ReadOnlyMemory<byte> bytes, Action onWanted) : HttpContent
{
    protected override bool TryComputeLength(out long length)
    {
        length = bytes.Length;
        return true;
    }

    protected override void SerializeToStream(
        Stream stream, TransportContext? context, CancellationToken cancellationToken)
    {
        onWanted();
        stream.Write(bytes.Span);
    }

    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) =>
        SerializeToStreamAsync(stream, context, CancellationToken.None);

    protected override Task SerializeToStreamAsync(
        Stream stream, TransportContext? context, CancellationToken cancellationToken)
    {
        onWanted();
        return stream.WriteAsync(bytes, cancellationToken).AsTask();
    }
}
