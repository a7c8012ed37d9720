using System.Buffers;
using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Unicode;
using KvStore.Contracts;
using KvStore.Node.Replication;

namespace KvStore.Node.Api;

/// <summary>
/// Writes pages and lines of a list as JSON, as <see cref="KeyListResponse"/> describes it, and lines of an export:
/// from these the very bytes of each value can be had again.
/// </summary>
internal sealed class KeysWriter(ulong clusterId, ScanValues values, bool isExport)
{
    private const int PieceBytes = 64 << 10;

    /// <summary>What would take six bytes for one; all else takes three at most.</summary>
    private static readonly SearchValues<byte> Unprintable = SearchValues.Create(
        [.. Enumerable.Range(0, 0x20).Select(octet => (byte)octet).Except("\t\n\r"u8.ToArray()), 0x7F]);

    private static readonly JsonWriterOptions Options = new()
    {
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        SkipValidation = true,
    };

    /// <summary>Writes a page.</summary>
    public ReadOnlyMemory<byte> Page(PageOutcome.Page page, string? cursor, string snapshot)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using var json = new Utf8JsonWriter(buffer, Options);
        json.WriteStartObject();
        json.WriteStartArray("items"u8);
        foreach (var item in page.Items.Where(item => !item.IsPrefix))
            WriteItem(json, item, isLine: false);
        json.WriteEndArray();
        json.WriteStartArray("prefixes"u8);
        foreach (var item in page.Items.Where(item => item.IsPrefix))
            json.WriteStringValue(item.Key.Span);
        json.WriteEndArray();
        json.WriteString("cursor"u8, cursor);
        json.WriteString("snapshot"u8, snapshot);
        if (page.Count is { } count)
            json.WriteNumber("count"u8, count);
        else
            json.WriteNull("count"u8);
        json.WriteEndObject();
        json.Flush();
        return buffer.WrittenMemory;
    }

    /// <summary>Writes one line for each item; gives them in pieces, each good until the next is asked for.</summary>
    public IEnumerable<ReadOnlyMemory<byte>> Lines(IEnumerable<ScanItem> items)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using var json = new Utf8JsonWriter(buffer, Options);
        foreach (var item in items)
        {
            if (item.IsPrefix)
            {
                json.WriteStartObject();
                json.WriteString("prefix"u8, item.Key.Span);
                json.WriteEndObject();
            }
            else
            {
                WriteItem(json, item, isLine: true);
            }

            json.Flush();
            buffer.Write("\n"u8);
            json.Reset();
            if (buffer.WrittenCount < PieceBytes)
                continue;
            yield return buffer.WrittenMemory;
            buffer.ResetWrittenCount();
        }

        yield return buffer.WrittenMemory;
    }

    private void WriteItem(Utf8JsonWriter json, ScanItem item, bool isLine)
    {
        json.WriteStartObject();
        json.WriteString("key"u8, item.Key.Span);
        json.WriteString("etag"u8, Etags.Format(clusterId, item.Version));
        json.WriteNumber("size"u8, item.Size);
        if (values is not ScanValues.None && item.ContentType is { } type)
        {
            json.WriteNumber("version"u8, item.Version.Index.Value);
            json.WriteString("contentType"u8, type);
            json.WriteString("modified"u8, Time(item.ModifiedMs));
            if (item.ExpiresMs > 0)
                json.WriteString("expires"u8, Time(item.ExpiresMs));
            else if (isExport)
                json.WriteNull("expires"u8);
            MetadataFormat.WriteTo(json, item.Metadata.Span);
            if (isExport)
                WriteExactly(json, item.Value, type);
            else if (values is ScanValues.Full)
                EntryWriter.WriteValue(json, isLine ? OnOneLine(item.Value.Span) : item.Value.Span, type);
        }

        json.WriteEndObject();

        // Between the tokens of JSON a line's end is as good as a space; in any other value it is not touched.
        ReadOnlySpan<byte> OnOneLine(ReadOnlySpan<byte> value)
        {
            if (!MediaTypes.MayBeInlineJson(type) || value.IndexOfAny((byte)'\n', (byte)'\r') < 0
                || !EntryWriter.IsJson(value))
                return value;
            var line = value.ToArray();
            line.AsSpan().Replace((byte)'\n', (byte)' ');
            line.AsSpan().Replace((byte)'\r', (byte)' ');
            return line;
        }
    }

    /// <summary>
    /// JSON and text inline where an import finds the same bytes again, whatever was stored under their type.
    /// </summary>
    private static void WriteExactly(Utf8JsonWriter json, ReadOnlyMemory<byte> value, string type)
    {
        if (MediaTypes.MayBeInlineJson(type))
        {
            if (StrictJson.IsOneLine(value))
            {
                json.WritePropertyName("value"u8);
                json.WriteRawValue(value.Span, skipInputValidation: true);
                return;
            }
        }
        else if (MediaTypes.MayBeInlineText(type) && Utf8.IsValid(value.Span) && !value.Span.ContainsAny(Unprintable))
        {
            json.WriteString("value"u8, value.Span);
            return;
        }

        json.WriteBase64String("base64"u8, value.Span);
    }

    private static string Time(long milliseconds) => DateTimeOffset.FromUnixTimeMilliseconds(milliseconds)
        .ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture);
}
