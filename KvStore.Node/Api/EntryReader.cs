using System.Text.Json;
using System.Text.Unicode;

namespace KvStore.Node.Api;

/// <summary>
/// Reads the envelope that <c>POST</c> takes: <c>{"value": any JSON}</c>, or <c>{"base64": "...", "contentType":
/// "..."}</c>. Strict, because two readers of one document must never find two values in it.
/// </summary>
internal static class EntryReader
{
    /// <summary>How deep a value may be nested.</summary>
    public const int MaxDepth = 32;

    private const string Shape =
        "The body must be {\"value\": ...}, or {\"base64\": \"...\"} with an optional \"contentType\"; nothing else.";

    /// <summary>Reads <see cref="KeyRequest.Body"/> into <see cref="KeyRequest.Value"/>.</summary>
    /// <returns>Null when it was read; else what is wrong with it, as a sentence.</returns>
    public static string? Read(KeyRequest request)
    {
        var body = request.Body;
        if (body.Span.StartsWith("\uFEFF"u8))
            return "The body must not start with a byte order mark.";
        if (!Utf8.IsValid(body.Span))
            return "The body is not valid UTF-8.";
        try
        {
            return ReadEnvelope(body, request);
        }
        catch (JsonException malformed)
        {
            var place = $"line {malformed.LineNumber + 1}, byte {malformed.BytePositionInLine}";
            return $"The body is not valid JSON ({place}), or deeper than {MaxDepth} levels.";
        }
        catch (InvalidOperationException)    // how the reader says that a string is no text
        {
            return "A string in the body has half of a surrogate pair.";
        }
    }

    private static string? ReadEnvelope(ReadOnlyMemory<byte> body, KeyRequest request)
    {
        var reader = new Utf8JsonReader(body.Span, new JsonReaderOptions { MaxDepth = MaxDepth + 1 });
        if (!reader.Read() || reader.TokenType is not JsonTokenType.StartObject)
            return Shape;
        var (value, base64, contentType) = (default(ReadOnlyMemory<byte>?), default(byte[]), default(string));
        while (reader.Read() && reader.TokenType is JsonTokenType.PropertyName)
        {
            var name = reader.GetString();
            reader.Read();
            var wrong = name switch
            {
                "value" when value is null && base64 is null => ReadValue(ref reader, body, out value),
                "base64" when value is null && base64 is null => ReadBase64(ref reader, out base64),
                "contentType" when contentType is null => ReadContentType(ref reader, out contentType),
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
        return null;
    }

    private static string? ReadValue(
        ref Utf8JsonReader reader, ReadOnlyMemory<byte> body, out ReadOnlyMemory<byte>? value)
    {
        var start = (int)reader.TokenStartIndex;
        var wrong = Walk(ref reader);
        value = body[start..(int)reader.BytesConsumed];
        return wrong;
    }

    /// <summary>Reads to the end of the value, and checks what the syntax alone does not forbid.</summary>
    private static string? Walk(ref Utf8JsonReader reader)
    {
        var depth = reader.CurrentDepth;
        var names = default(HashSet<(int Object, string Name)>);
        var objects = 0;
        Span<int> open = stackalloc int[MaxDepth + 2];
        while (true)
        {
            switch (reader.TokenType)
            {
                case JsonTokenType.StartObject:
                    open[reader.CurrentDepth] = ++objects;
                    break;
                case JsonTokenType.PropertyName:
                    names ??= [];
                    if (!names.Add((open[reader.CurrentDepth - 1], reader.GetString()!)))
                        return "An object in the body has a name twice.";
                    break;
                case JsonTokenType.String when reader.ValueIsEscaped:
                    _ = reader.GetString();
                    break;
                case JsonTokenType.Number when !reader.TryGetDouble(out var number) || !double.IsFinite(number):
                    return "A number in the body is out of range.";
                default:
                    break;
            }

            if (reader.CurrentDepth == depth && reader.TokenType
                is not (JsonTokenType.StartObject or JsonTokenType.StartArray or JsonTokenType.PropertyName))
            {
                return null;
            }

            reader.Read();
        }
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
}
