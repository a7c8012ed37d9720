using System.Buffers;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace KvStore.Cli.Verbs;

/// <summary>The lines of an export: how they are cut, and what tells one from another.</summary>
internal static class ExportLines
{
    /// <summary>The first name in the last line of an export.</summary>
    public const string End = "end";

    /// <summary>The first name in a line from which an export goes on.</summary>
    public const string Cursor = "cursor";

    /// <summary>The lines of a stream with their ends; the last may be without.</summary>
    public static async IAsyncEnumerable<byte[]> ReadAsync(
        Stream stream, [EnumeratorCancellation] CancellationToken stop = default)
    {
        var reader = PipeReader.Create(stream, new StreamPipeReaderOptions(leaveOpen: true));
        while (true)
        {
            var result = await reader.ReadAsync(stop).ConfigureAwait(false);
            var rest = result.Buffer;
            while (rest.PositionOf((byte)'\n') is { } at)
            {
                var next = rest.GetPosition(1, at);
                yield return rest.Slice(0, next).ToArray();
                rest = rest.Slice(next);
            }

            if (result.IsCompleted && !rest.IsEmpty)
                yield return rest.ToArray();
            reader.AdvanceTo(rest.Start, rest.End);
            if (result.IsCompleted)
                yield break;
        }
    }

    /// <summary>The first name of a line that is an object; empty: it is none, or has no name.</summary>
    public static string NameIn(byte[] line)
    {
        try
        {
            var reader = new Utf8JsonReader(line);
            return reader.Read() && reader.TokenType is JsonTokenType.StartObject
                && reader.Read() && reader.TokenType is JsonTokenType.PropertyName
                    ? reader.GetString()!
                    : "";
        }
        catch (Exception malformed) when (malformed is JsonException or InvalidOperationException)
        {
            return "";
        }
    }

    /// <summary>Reads a line.</summary>
    /// <exception cref="FailureException">It is not of that form.</exception>
    public static T Read<T>(ReadOnlySpan<byte> line, JsonTypeInfo<T> type)
    {
        try
        {
            return JsonSerializer.Deserialize(line, type) ?? throw new JsonException();
        }
        catch (JsonException failure)
        {
            throw new FailureException("This is not what a KvStore says of an export or an import.", inner: failure);
        }
    }
}
