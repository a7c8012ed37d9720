using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Unicode;

namespace KvStore.Node.Api;

/// <summary>
/// Writes an entry as JSON: JSON and text inline, anything else as base64. <c>contentType</c> stands there whenever
/// the value alone would not tell it.
/// </summary>
internal sealed partial class EntryWriter : IDisposable
{
    private const int MaxKept = 256 << 10;

    [ThreadStatic]
    private static EntryWriter? _spare;

    private ArrayBufferWriter<byte> _buffer = new(1024);
    private readonly Utf8JsonWriter _json;

    private EntryWriter() => _json = new Utf8JsonWriter(
        _buffer,
        new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true });

    /// <summary>What was written; gone with <see cref="Dispose"/>.</summary>
    public ReadOnlySpan<byte> Written => _buffer.WrittenSpan;

    /// <summary>A writer of this thread's own; disposed before the next await, so that the thread keeps it.</summary>
    public static EntryWriter Rent()
    {
        var writer = _spare ?? new EntryWriter();
        _spare = null;
        return writer;
    }

    /// <summary>Writes <c>{"key", "value" or "base64", "contentType", "version"}</c>.</summary>
    public void WriteEntry(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value, string contentType, long version)
    {
        _json.WriteStartObject();
        _json.WriteString("key"u8, key);
        WriteValueTo(_json, value, contentType);
        _json.WriteNumber("version"u8, version);
        _json.WriteEndObject();
        _json.Flush();
    }

    /// <summary>Writes <c>{"key", "value", "version"}</c> of a number.</summary>
    public void WriteNumber(ReadOnlySpan<byte> key, long number, long version)
    {
        _json.WriteStartObject();
        _json.WriteString("key"u8, key);
        _json.WriteNumber("value"u8, number);
        _json.WriteNumber("version"u8, version);
        _json.WriteEndObject();
        _json.Flush();
    }

    /// <summary>Writes <c>{"key", "deleted": true}</c>.</summary>
    public void WriteDeleted(ReadOnlySpan<byte> key)
    {
        _json.WriteStartObject();
        _json.WriteString("key"u8, key);
        _json.WriteBoolean("deleted"u8, true);
        _json.WriteEndObject();
        _json.Flush();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_buffer.Capacity > MaxKept)
            _buffer = new ArrayBufferWriter<byte>(1024);
        else
            _buffer.ResetWrittenCount();
        _json.Reset(_buffer);
        _spare = this;
    }

    /// <summary>
    /// Writes <c>"value"</c> or <c>"base64"</c>, and <c>"contentType"</c> where the value alone would not tell it.
    /// </summary>
    public static void WriteValueTo(Utf8JsonWriter json, ReadOnlySpan<byte> value, string contentType)
    {
        if (WriteValue(json, value, contentType) || contentType is not MediaTypes.Json)
            json.WriteString("contentType"u8, contentType);
    }

    /// <summary>Writes <c>"value"</c> or <c>"base64"</c>.</summary>
    /// <returns>Whether the value's type must be told beside it.</returns>
    public static bool WriteValue(Utf8JsonWriter json, ReadOnlySpan<byte> value, string contentType)
    {
        if (MediaTypes.MayBeInlineJson(contentType) && IsJson(value))
        {
            json.WritePropertyName("value"u8);
            json.WriteRawValue(value, skipInputValidation: true);
            return false;
        }

        if (MediaTypes.MayBeInlineText(contentType) && Utf8.IsValid(value))
            json.WriteString("value"u8, value);
        else
            json.WriteBase64String("base64"u8, value);
        return true;
    }

    /// <summary>Bytes stored by PUT under a JSON type were never read as JSON.</summary>
    public static bool IsJson(ReadOnlySpan<byte> value)
    {
        if (value.IsEmpty || !Utf8.IsValid(value))
            return false;
        var reader = new Utf8JsonReader(value);
        try
        {
            while (reader.Read())
            {
            }

            return true;
        }
        catch (JsonException)
        {
            return false;
        }
    }
}
