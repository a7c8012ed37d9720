using System.Buffers;
using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using KvStore.Contracts;
using KvStore.Node.Replication;

namespace KvStore.Node.Api;

/// <summary>Writes pages and lines of a list as JSON, as <see cref="KeyListResponse"/> describes it.</summary>
internal sealed class KeysWriter(ulong clusterId, ScanValues values)
{
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

    /// <summary>Writes one line for each item.</summary>
    public void Lines(ArrayBufferWriter<byte> buffer, IEnumerable<ScanItem> items)
    {
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
        }
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
            if (values is ScanValues.Full)
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

    private static string Time(long milliseconds) => DateTimeOffset.FromUnixTimeMilliseconds(milliseconds)
        .ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture);
}
