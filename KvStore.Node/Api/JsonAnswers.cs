using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace KvStore.Node.Api;

/// <summary>Answers that are one JSON document, or nothing, of what no client keeps.</summary>
internal sealed class JsonAnswers(Problems problems)
{
    /// <summary>Sets what stands over each of them.</summary>
    public void Begin(HttpContext context, int status = StatusCodes.Status200OK)
    {
        context.Response.StatusCode = status;
        context.Response.Headers.CacheControl = "no-cache";
        problems.Sign(context);
    }

    /// <summary>Sends a document.</summary>
    public ValueTask SendAsync<T>(
        HttpContext context, T answer, JsonTypeInfo<T> type, int status = StatusCodes.Status200OK) =>
        SendAsync(context, JsonSerializer.SerializeToUtf8Bytes(answer, type), status);

    /// <summary>Sends a document that is written already.</summary>
    public ValueTask SendAsync(
        HttpContext context, ReadOnlyMemory<byte> body, int status = StatusCodes.Status200OK)
    {
        Begin(context, status);
        context.Response.ContentType = MediaTypes.Json;
        context.Response.ContentLength = body.Length;
        return HttpMethods.IsHead(context.Request.Method)
            ? ValueTask.CompletedTask
            : context.Response.Body.WriteAsync(body, context.RequestAborted);
    }
}
