using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace KvStore.Client;

/// <summary>
/// Values as bytes and back. <see cref="byte"/> arrays, memory and <see cref="string"/>s are stored as they are, all
/// else as JSON.
/// </summary>
internal sealed class KvValues(JsonSerializerOptions options)
{
    private const string Binary = "application/octet-stream";
    private const string Text = "text/plain; charset=utf-8";
    private const string Json = "application/json";

    /// <summary>Text as bytes; half of a surrogate pair is refused, as it would become another text.</summary>
    public static UTF8Encoding Utf8 { get; } = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>Whether values of the type are stored as they are.</summary>
    public static bool AreAsTheyAre<T>() =>
        typeof(T) == typeof(byte[]) || typeof(T) == typeof(ReadOnlyMemory<byte>) || typeof(T) == typeof(string);

    /// <summary>Bytes, and the media type that suits them.</summary>
    /// <exception cref="ArgumentException">It is null, or text with half of a surrogate pair.</exception>
    public (ReadOnlyMemory<byte> Bytes, string ContentType) Write<T>(T value)
    {
        if (!AreAsTheyAre<T>())
            return (JsonSerializer.SerializeToUtf8Bytes(value, TypeOf<T>()), Json);
        ArgumentNullException.ThrowIfNull(value);
        return value switch
        {
            byte[] bytes => (bytes, Binary),
            ReadOnlyMemory<byte> bytes => (bytes, Binary),
            _ => (Utf8.GetBytes((string)(object)value), Text),
        };
    }

    /// <summary>The same to stand in JSON: a value that is JSON by itself, else bytes and their type.</summary>
    public (JsonElement? Json, ReadOnlyMemory<byte>? Bytes, string? ContentType) WriteInline<T>(T value)
    {
        if (!AreAsTheyAre<T>())
            return (JsonSerializer.SerializeToElement(value, TypeOf<T>()), null, null);
        var (bytes, type) = Write(value);
        return (null, bytes, type);
    }

    /// <summary>A value as JSON: what is stored as it is must be JSON already.</summary>
    /// <exception cref="JsonException">It is not.</exception>
    public JsonElement WriteJson<T>(T value) => AreAsTheyAre<T>()
        ? JsonElement.Parse(Write(value).Bytes.Span)
        : JsonSerializer.SerializeToElement(value, TypeOf<T>());

    /// <summary>The value that was stored as these bytes.</summary>
    /// <exception cref="JsonException">They are no JSON of this type.</exception>
    public T Read<T>(ReadOnlyMemory<byte> bytes)
    {
        if (typeof(T) == typeof(byte[]))
            return (T)(object)bytes.ToArray();
        if (typeof(T) == typeof(ReadOnlyMemory<byte>))
            return (T)(object)bytes;
        if (typeof(T) == typeof(string))
            return (T)(object)Encoding.UTF8.GetString(bytes.Span);
        return JsonSerializer.Deserialize(bytes.Span, TypeOf<T>())!;
    }

    /// <summary>
    /// A value that a list, a batch or a watch gave inline: JSON and text as JSON, all else as bytes.
    /// </summary>
    /// <exception cref="JsonException">It is no value of this type.</exception>
    public T ReadInline<T>(JsonElement value, ReadOnlyMemory<byte>? bytes, string? contentType)
    {
        if (bytes is { } binary)
            return Read<T>(binary);
        if (value.ValueKind == JsonValueKind.String && contentType is not null && !IsJson(contentType))
            return Read<T>(Encoding.UTF8.GetBytes(value.GetString()!));
        if (AreAsTheyAre<T>())
            return Read<T>(Encoding.UTF8.GetBytes(value.GetRawText()));
        return value.Deserialize(TypeOf<T>())!;
    }

    /// <summary>Whether values of a media type are JSON.</summary>
    public static bool IsJson(string contentType) =>
        MediaTypeHeaderValue.TryParse(contentType, out var type)
        && (string.Equals(type.MediaType, Json, StringComparison.OrdinalIgnoreCase)
            || type.MediaType!.EndsWith("+json", StringComparison.OrdinalIgnoreCase));

    private JsonTypeInfo<T> TypeOf<T>() => (JsonTypeInfo<T>)options.GetTypeInfo(typeof(T));
}
