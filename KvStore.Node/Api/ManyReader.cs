using System.Text.Json;
using System.Text.Unicode;

namespace KvStore.Node.Api;

/// <summary>
/// Reads the documents that batches and transactions are: an object of lists of objects. As strict as
/// <see cref="EntryReader"/>; what is wrong is said with the place of the item that it is wrong with.
/// </summary>
internal static class ManyReader
{
    private const int DepthOfItems = 2;    // in a list, in the document

    /// <summary>Gives the bytes of each item of each list.</summary>
    /// <param name="body">The document.</param>
    /// <param name="lists">The lists that it may have.</param>
    /// <param name="limit">The most items of all lists; with more, one more is given and reading ends.</param>
    /// <param name="items">By list; each list that is there, once.</param>
    /// <returns>Null when it was read; else what is wrong with it, as a sentence.</returns>
    public static string? Split(
        ReadOnlyMemory<byte> body,
        string[] lists,
        int limit,
        out Dictionary<string, List<ReadOnlyMemory<byte>>> items)
    {
        items = [];
        if (body.Span.StartsWith("\uFEFF"u8))
            return "The body must not start with a byte order mark.";
        if (!Utf8.IsValid(body.Span))
            return "The body is not valid UTF-8.";
        try
        {
            return SplitObject(body, lists, limit, items);
        }
        catch (JsonException malformed)
        {
            var place = $"line {malformed.LineNumber + 1}, byte {malformed.BytePositionInLine}";
            return $"The body is not valid JSON ({place}), or a value is deeper than {StrictJson.MaxDepth} levels.";
        }
        catch (InvalidOperationException)    // how the reader says that a string is no text
        {
            return "A name in the body has half of a surrogate pair.";
        }
    }

    /// <summary>Reads one item, and hands its members on.</summary>
    /// <param name="item">As <see cref="Split"/> gave it.</param>
    /// <param name="read">Gets the item; what it keeps of it, it copies. Gives what is wrong, as a sentence.</param>
    public static string? ReadItem(ReadOnlyMemory<byte> item, Func<JsonElement, string?> read)
    {
        try
        {
            using var document = JsonDocument.Parse(item, new JsonDocumentOptions
            {
                MaxDepth = StrictJson.MaxDepth + 1,
                AllowDuplicateProperties = false,
            });
            return document.RootElement.ValueKind != JsonValueKind.Object ? "It must be an object."
                : Check(document.RootElement) ?? read(document.RootElement);
        }
        catch (JsonException)
        {
            return $"It is not valid JSON, or has a name twice, or a value deeper than {StrictJson.MaxDepth} levels.";
        }
        catch (InvalidOperationException)
        {
            return "A string in it has half of a surrogate pair.";
        }
    }

    private static string? SplitObject(
        ReadOnlyMemory<byte> body,
        string[] lists,
        int limit,
        Dictionary<string, List<ReadOnlyMemory<byte>>> items)
    {
        var shape = $"The body must be an object of lists: {string.Join(", ", lists)}; each once and nothing else.";
        var reader = new Utf8JsonReader(
            body.Span, new JsonReaderOptions { MaxDepth = StrictJson.MaxDepth + 1 + DepthOfItems });
        if (!reader.Read() || reader.TokenType is not JsonTokenType.StartObject)
            return shape;
        var count = 0;
        while (reader.Read() && reader.TokenType is JsonTokenType.PropertyName)
        {
            var list = new List<ReadOnlyMemory<byte>>();
            var name = reader.GetString()!;
            if (!lists.Contains(name) || !items.TryAdd(name, list)
                || !reader.Read() || reader.TokenType is not JsonTokenType.StartArray)
                return shape;
            while (reader.Read() && reader.TokenType is not JsonTokenType.EndArray)
            {
                if (++count > limit)
                {
                    list.Add(default);    // one too many, and there it ends
                    return null;
                }

                var start = (int)reader.TokenStartIndex;
                reader.Skip();
                list.Add(body[start..(int)reader.BytesConsumed]);
            }
        }

        return reader.Read() ? shape : null;
    }

    /// <summary>What the syntax alone does not forbid: halves of characters, numbers that nobody can hold.</summary>
    private static string? Check(JsonElement element)
    {
        switch (element.ValueKind)
        {
            case JsonValueKind.Object:
                foreach (var member in element.EnumerateObject())
                {
                    _ = member.Name;
                    if (Check(member.Value) is { } wrong)
                        return wrong;
                }

                return null;
            case JsonValueKind.Array:
                foreach (var part in element.EnumerateArray())
                {
                    if (Check(part) is { } wrong)
                        return wrong;
                }

                return null;
            case JsonValueKind.String:
                _ = element.GetString();
                return null;
            case JsonValueKind.Number when !element.TryGetDouble(out var number) || !double.IsFinite(number):
                return "A number in it is out of range.";
            default:
                return null;
        }
    }
}
