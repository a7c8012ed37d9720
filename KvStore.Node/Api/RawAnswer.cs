using KvStore.Contracts;

namespace KvStore.Node.Api;

/// <summary>A value as it is stored, or a part of it.</summary>
internal static class RawAnswer
{
    /// <summary>What is written before it is awaited that the client has taken some of it.</summary>
    private const int PieceBytes = 64 << 10;

    /// <summary>
    /// What a writer stored is nobody's page: a browser runs no script of it and does not guess its type.
    /// </summary>
    private const string Sandbox = "sandbox";

    /// <summary>Answers a read.</summary>
    /// <returns>Why not; null when it was answered.</returns>
    public static async ValueTask<Refusal?> SendAsync(
        HttpContext context, KeyRequest request, ReadOnlyMemory<byte> value, string contentType)
    {
        var (response, asked) = (context.Response, context.Request.Headers);
        response.Headers.AcceptRanges = "bytes";
        if (RangeIn(request, asked, response.Headers.ETag.ToString(), value.Length) is { } range)
        {
            var contentRange = range.Format(value.Length);
            if (range.Length == 0)
                return Problems.RangeNotSatisfiable(contentRange);
            response.StatusCode = StatusCodes.Status206PartialContent;
            response.Headers.ContentRange = contentRange;
            value = value.Slice(range.Start, range.Length);
        }

        if (asked.TryGetValue(KvHeaders.WantContentDigest, out var want) && ContentDigest.IsWanted(want))
            response.Headers[KvHeaders.ContentDigest] = ContentDigest.Of(value.Span);
        await SendAsync(context, value, contentType, withBody: request.Verb is not Verb.Head);
        return null;
    }

    /// <summary>Sends bytes out of the memory that they are stored in, at the pace of the client.</summary>
    public static async ValueTask SendAsync(
        HttpContext context, ReadOnlyMemory<byte> value, string contentType, bool withBody)
    {
        var response = context.Response;
        response.ContentType = contentType;
        response.ContentLength = value.Length;
        response.Headers.XContentTypeOptions = "nosniff";
        response.Headers.ContentSecurityPolicy = Sandbox;
        for (var sent = 0; withBody && sent < value.Length; sent += PieceBytes)
        {
            var piece = value.Slice(sent, Math.Min(PieceBytes, value.Length - sent));
            var flushed = await response.BodyWriter.WriteAsync(piece, context.RequestAborted);
            if (flushed.IsCompleted)
                return;    // nobody reads any more
        }
    }

    /// <summary>The part that is asked for, if the value is still the one that the client has parts of.</summary>
    private static ByteRange? RangeIn(KeyRequest request, IHeaderDictionary asked, string etag, int size)
    {
        if (request.Verb is not Verb.Get || asked.Range.Count == 0)
            return null;
        var isSame = asked.IfRange.Count == 0 || (asked.IfRange.Count == 1 && asked.IfRange[0] == etag);
        return isSame ? ByteRange.Read(asked.Range, size) : null;
    }
}
