using System.Net;
using System.Net.Http.Headers;
using System.Text;

namespace KvStore.Cli.Chaos.Load;

/// <summary>
/// The body of a write, nothing for a delete; knows whether it set out. The kind of an error does not tell: of a
/// request without content that .NET sends a second time, only the second failure is seen.
/// </summary>
internal sealed class WrittenContent : HttpContent
{
    private readonly byte[] _bytes;
    private volatile bool _hasLeft;

    public WrittenContent(string? text, string mediaType = "text/plain")
    {
        _bytes = Encoding.UTF8.GetBytes(text ?? "");
        if (text is not null)
            Headers.ContentType = new MediaTypeHeaderValue(mediaType);
    }

    public bool HasLeft => _hasLeft;

    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context)
    {
        _hasLeft = true;
        return stream.WriteAsync(_bytes).AsTask();
    }

    protected override bool TryComputeLength(out long length)
    {
        length = _bytes.Length;
        return true;
    }
}
