using System.Net;
using System.Net.Http.Headers;
using System.Text;

namespace KvStore.Cli.Chaos.Load;

/// <summary>
/// The value of a write, or nothing for a delete; knows whether it set out. The kind of an error does not tell: of a
/// request without content that .NET sends a second time, only the second failure is seen.
/// </summary>
internal sealed class WrittenContent : HttpContent
{
    private readonly byte[] _bytes;
    private volatile bool _hasLeft;

    public WrittenContent(string? value)
    {
        _bytes = Encoding.UTF8.GetBytes(value ?? "");
        if (value is not null)
            Headers.ContentType = new MediaTypeHeaderValue("text/plain", "utf-8");
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
