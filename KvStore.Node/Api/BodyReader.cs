using System.Buffers;
using System.IO.Pipelines;
using KvStore.Contracts;
using Microsoft.Extensions.Options;

namespace KvStore.Node.Api;

/// <summary>
/// Reads a body into one array, which becomes the stored value: nothing is allocated before the announced length was
/// found to be within the limit, and nothing is stored of a body that did not arrive whole.
/// </summary>
internal sealed class BodyReader(IOptions<ApiOptions> options)
{
    /// <summary>The most bytes a value may have.</summary>
    public int MaxValueBytes { get; } = options.Value.MaxValueBytes;

    /// <summary>The most bytes the body may have.</summary>
    public long LimitFor(BodyForm form) =>
        form is BodyForm.Envelope ? options.Value.MaxEnvelopeBytes : MaxValueBytes;

    /// <summary>Whether there is a body to read.</summary>
    public static bool IsSent(HttpRequest request) =>
        request.ContentLength is > 0 || request.Headers.TransferEncoding.Count > 0;

    /// <summary>Refuses a body by its headers alone.</summary>
    public Refusal? Refuse(HttpRequest request, BodyForm form)
    {
        if (request.Headers.ContentEncoding.Count > 0)
        {
            return new Refusal(ProblemType.UnsupportedEncoding, "Send the body without Content-Encoding.")
            {
                ClosesConnection = true,
            };
        }

        if (BodyFraming.Wrong(request.ContentLength, request.Headers.TransferEncoding.ToString()) is { } wrong)
            return new Refusal(ProblemType.BodyInvalid, wrong) { ClosesConnection = true };
        if (request.Headers.ContentType.Count > 1)
        {
            return new Refusal(ProblemType.HeaderInvalid, "Content-Type was sent more than once.")
            {
                ClosesConnection = true,
            };
        }

        return request.ContentLength > LimitFor(form) ? TooLarge() : null;
    }

    /// <summary>Reads the whole body into <see cref="KeyRequest.Body"/>.</summary>
    public async ValueTask<Refusal?> ReadAsync(HttpContext context, KeyRequest read)
    {
        try
        {
            return context.Request.ContentLength is { } length
                ? await ReadKnownAsync(context.Request.BodyReader, (int)length, read, context.RequestAborted)
                : await ReadChunksAsync(context.Request.BodyReader, read, context.RequestAborted);
        }
        catch (BadHttpRequestException broken)
        {
            return Broken(broken.StatusCode);
        }
        catch (IOException)    // how the server says that a chunk's size is no number it can count to
        {
            return Broken(StatusCodes.Status400BadRequest);
        }
    }

    /// <summary>A value beyond the limit.</summary>
    public Refusal TooLarge() => new(ProblemType.ValueTooLarge, $"A value may have {MaxValueBytes} bytes.")
    {
        ClosesConnection = true,
    };

    private static async ValueTask<Refusal?> ReadKnownAsync(
        PipeReader reader, int length, KeyRequest read, CancellationToken aborted)
    {
        if (length == 0)
            return null;
        var body = GC.AllocateUninitializedArray<byte>(length);
        var filled = 0;
        while (filled < length)
        {
            var result = await reader.ReadAsync(aborted);
            var part = result.Buffer.Slice(0, Math.Min(result.Buffer.Length, length - filled));
            part.CopyTo(body.AsSpan(filled));
            filled += (int)part.Length;
            reader.AdvanceTo(part.End);
            if (result.IsCompleted && filled < length)
                return Broken(StatusCodes.Status400BadRequest);
        }

        read.Body = body;
        return null;
    }

    private async ValueTask<Refusal?> ReadChunksAsync(PipeReader reader, KeyRequest read, CancellationToken aborted)
    {
        var limit = LimitFor(read.Form);
        var body = new ArrayBufferWriter<byte>();
        while (true)
        {
            var result = await reader.ReadAsync(aborted);
            if (body.WrittenCount + result.Buffer.Length > limit)
                return TooLarge();
            foreach (var part in result.Buffer)
                body.Write(part.Span);
            reader.AdvanceTo(result.Buffer.End);
            if (result.IsCompleted)
                break;
        }

        read.Body = body.WrittenMemory;
        return null;
    }

    private static Refusal Broken(int status) => new(
        ProblemType.BodyInvalid,
        status == StatusCodes.Status408RequestTimeout
            ? "The body came too slowly; nothing was applied."
            : "The body did not arrive as its headers announced it; nothing was applied.")
    {
        ClosesConnection = true,
    };
}
