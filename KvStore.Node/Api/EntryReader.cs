using System.Text.Json;

namespace KvStore.Node.Api;

/// <summary>
/// Reads the envelope that <c>POST</c> takes: <c>{"value": any JSON}</c>, or <c>{"base64": "...", "contentType":
/// "..."}</c>; either may have a <c>"ttl"</c>.
/// </summary>
internal static class EntryReader
{
    private const string Shape =
        "The body must be {\"value\": ...}, or {\"base64\": \"...\"} with an optional \"contentType\"; with either an "
        + "optional \"ttl\"; nothing else.";

    /// <summary>Reads <see cref="KeyRequest.Body"/> into <see cref="KeyRequest.Value"/>.</summary>
    /// <returns>Null when it was read; else what is wrong with it, as a sentence.</returns>
    public static string? Read(KeyRequest request) =>
        StrictJson.Read(request.Body, request, static (body, request) => ReadEnvelope(body, request));

    private static string? ReadEnvelope(ReadOnlyMemory<byte> body, KeyRequest request)
    {
        var reader = new Utf8JsonReader(body.Span, new JsonReaderOptions { MaxDepth = StrictJson.MaxDepth + 1 });
        if (!reader.Read() || reader.TokenType is not JsonTokenType.StartObject)
            return Shape;
        var (value, base64) = (default(ReadOnlyMemory<byte>?), default(byte[]));
        var (contentType, ttl) = (default(string), default(string));
        while (reader.Read() && reader.TokenType is JsonTokenType.PropertyName)
        {
            var name = reader.GetString();
            reader.Read();
            var wrong = name switch
            {
                "value" when value is null && base64 is null => ReadValue(ref reader, body, out value),
                "base64" when value is null && base64 is null => ReadBase64(ref reader, out base64),
                "contentType" when contentType is null => ReadContentType(ref reader, out contentType),
                "ttl" when ttl is null => ReadTtl(ref reader, out ttl),
                _ => Shape,
            };
            if (wrong is not null)
                return wrong;
        }

        if (reader.Read())
            return Shape;
        if (value is null ? base64 is null : contentType is not null)
            return Shape;
        request.Value = value ?? base64;
        request.ContentType = value is null ? contentType ?? MediaTypes.Binary : MediaTypes.Json;
        return ttl is null ? null : TtlReader.Take(ttl, request);
    }

    private static string? ReadValue(
        ref Utf8JsonReader reader, ReadOnlyMemory<byte> body, out ReadOnlyMemory<byte>? value)
    {
        var start = (int)reader.TokenStartIndex;
        var wrong = StrictJson.Walk(ref reader);
        value = body[start..(int)reader.BytesConsumed];
        return wrong;
    }

    private static string? ReadBase64(ref Utf8JsonReader reader, out byte[]? bytes)
    {
        bytes = null;
        return reader.TokenType is JsonTokenType.String && reader.TryGetBytesFromBase64(out bytes)
            ? null
            : "The member base64 must be a string of base64 with padding.";
    }

    private static string? ReadContentType(ref Utf8JsonReader reader, out string? contentType)
    {
        contentType = reader.TokenType is JsonTokenType.String ? reader.GetString() : null;
        return contentType is not null && MediaTypes.IsValid(contentType)
            ? null
            : $"The member contentType must be a MIME type of at most {MediaTypes.MaxLength} characters.";
    }

    private static string? ReadTtl(ref Utf8JsonReader reader, out string? ttl)
    {
        ttl = reader.TokenType is JsonTokenType.String ? reader.GetString() : null;
        return ttl is not null ? null : "The member ttl must be a string, such as \"60s\".";
    }
}
