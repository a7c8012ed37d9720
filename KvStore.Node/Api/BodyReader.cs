using System.Buffers;
using System.IO.Pipelines;
using KvStore.Contracts;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Options;

namespace KvStore.Node.Api;

/// <summary>
/// Reads a body into one array, which becomes the stored value: nothing is allocated before the announced length was
/// found to be within the limit, and nothing is stored of a body that did not arrive whole.
/// </summary>
internal sealed class BodyReader(IOptions<ApiOptions> options)
{
    /// <summary>The rule of what reads or removes and knows no touch.</summary>
    public const string ReadsAndDeletesTakeNone = "GET, HEAD and DELETE take no body.";

    /// <summary>The most bytes a value may have.</summary>
    public int MaxValueBytes { get; } = options.Value.MaxValueBytes;

    /// <summary>The most bytes the body may have.</summary>
    public long LimitFor(BodyForm form) =>
        form is BodyForm.Envelope ? options.Value.MaxEnvelopeBytes : MaxValueBytes;

    /// <summary>Whether there is a body to read.</summary>
    public static bool IsSent(HttpRequest request) =>
        request.ContentLength is > 0 || request.Headers.TransferEncoding.Count > 0;

    /// <summary>Why it is not known where the body ends, as a sentence; null when it is.</summary>
    public static string? WrongFraming(HttpRequest request) => BodyFraming.Wrong(
        request.ContentLength is not null || request.Headers.ContainsKey(BodyFraming.MovedLength),
        request.Headers.TransferEncoding.ToString());

    /// <summary>Refuses a body where none is taken; null: there is none.</summary>
    /// <param name="request">The request.</param>
    /// <param name="rule">What takes no body, as a sentence.</param>
    public static Refusal? RefuseAny(HttpRequest request, string rule) =>
        IsSent(request) ? new Refusal(ProblemType.BodyNotAllowed, rule) { ClosesConnection = true } : null;

    /// <summary>Refuses the body of a request for a key by its headers alone.</summary>
    public Refusal? Refuse(HttpRequest request, BodyForm form) => Refuse(request, LimitFor(form), TooLarge);

    /// <summary>Refuses a body by its headers alone.</summary>
    /// <param name="request">The request.</param>
    /// <param name="limit">The most bytes.</param>
    /// <param name="tooLarge">What is said of more.</param>
    public static Refusal? Refuse(HttpRequest request, long limit, Refusal tooLarge)
    {
        var refusal = request.Headers.ContentEncoding.Count > 0
            ? new Refusal(ProblemType.UnsupportedEncoding, "Send the body without Content-Encoding.")
            : WrongFraming(request) is { } wrong
                ? new Refusal(ProblemType.BodyInvalid, wrong)
            : request.Headers.ContentType.Count > 1
                ? new Refusal(ProblemType.HeaderInvalid, "Content-Type was sent more than once.")
            : request.ContentLength > limit ? tooLarge
            : null;
        return refusal is null ? null : refusal with { ClosesConnection = true };
    }

    /// <summary>Reads the whole body of a request for a key into <see cref="KeyRequest.Body"/>.</summary>
    public async ValueTask<Refusal?> ReadAsync(HttpContext context, KeyRequest read)
    {
        (read.Body, var refusal) = await ReadAsync(context, LimitFor(read.Form), TooLarge);
        return refusal;
    }

    /// <summary>Reads a whole body whose headers were not refused.</summary>
    /// <param name="context">The request.</param>
    /// <param name="limit">The most bytes.</param>
    /// <param name="tooLarge">What is said of more.</param>
    /// <returns>The body, or why there is none.</returns>
    public static async ValueTask<(ReadOnlyMemory<byte> Body, Refusal? Refusal)> ReadAsync(
        HttpContext context, long limit, Refusal tooLarge)
    {
        if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } most)
            most.MaxRequestBodySize = BodyLimits.WithFraming(limit);
        try
        {
            var reader = context.Request.BodyReader;
            var body = context.Request.ContentLength is { } length
                ? await ReadKnownAsync(reader, (int)length, context.RequestAborted)
                : await ReadChunksAsync(reader, limit, context.RequestAborted);
            return body is { } whole ? (whole, null)
                : context.Request.ContentLength is null ? (default, tooLarge with { ClosesConnection = true })
                : (default, Broken(StatusCodes.Status400BadRequest));
        }
        catch (BadHttpRequestException broken)
        {
            return (default, broken.StatusCode is StatusCodes.Status413PayloadTooLarge
                ? tooLarge with { ClosesConnection = true }
                : Broken(broken.StatusCode));
        }
        catch (IOException)    // how the server says that a chunk's size is no number it can count to
        {
            return (default, Broken(StatusCodes.Status400BadRequest));
        }
    }

    /// <summary>A value beyond the limit.</summary>
    public Refusal TooLarge { get; } =
        new(ProblemType.ValueTooLarge, $"A value may have {options.Value.MaxValueBytes} bytes.")
        {
            ClosesConnection = true,
        };

    /// <returns>Null: it did not arrive whole.</returns>
    private static async ValueTask<ReadOnlyMemory<byte>?> ReadKnownAsync(
        PipeReader reader, int length, CancellationToken aborted)
    {
        if (length == 0)
            return ReadOnlyMemory<byte>.Empty;
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
                return null;
        }

        return body;
    }

    /// <returns>Null: it is too large.</returns>
    private static async ValueTask<ReadOnlyMemory<byte>?> ReadChunksAsync(
        PipeReader reader, long limit, CancellationToken aborted)
    {
        var body = new ArrayBufferWriter<byte>();
        while (true)
        {
            var result = await reader.ReadAsync(aborted);
            if (body.WrittenCount + result.Buffer.Length > limit)
                return null;
            foreach (var part in result.Buffer)
                body.Write(part.Span);
            reader.AdvanceTo(result.Buffer.End);
            if (result.IsCompleted)
                return body.WrittenMemory;
        }
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
