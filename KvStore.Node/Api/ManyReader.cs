using System.Text.Json;

namespace KvStore.Node.Api;

/// <summary>
/// Reads the documents that batches and transactions are: an object of lists of objects. What is wrong with an item is
/// said with its place.
/// </summary>
internal static class ManyReader
{
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
        return StrictJson.Read(body, items, (document, into) => SplitObject(document, lists, limit, into));
    }

    /// <summary>Reads one item, and hands its members on.</summary>
    /// <param name="item">As <see cref="Split"/> gave it.</param>
    /// <param name="read">Gets the item; what it keeps of it, it copies. Gives what is wrong, as a sentence.</param>
    public static string? ReadItem(ReadOnlyMemory<byte> item, Func<JsonElement, string?> read)
    {
        using var document = JsonDocument.Parse(item, new JsonDocumentOptions { MaxDepth = StrictJson.MaxDepth + 1 });
        return document.RootElement.ValueKind is JsonValueKind.Object
            ? read(document.RootElement)
            : "It must be an object.";
    }

    private static string? SplitObject(
        ReadOnlyMemory<byte> body,
        string[] lists,
        int limit,
        Dictionary<string, List<ReadOnlyMemory<byte>>> items)
    {
        var shape = $"The body must be an object of lists: {string.Join(", ", lists)}; each once and nothing else.";
        var reader = new Utf8JsonReader(
            body.Span, new JsonReaderOptions { MaxDepth = StrictJson.MaxDepth + 1 + StrictJson.DepthOfItems });
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
                if (StrictJson.Walk(ref reader) is { } wrong)
                    return $"{name}[{list.Count}]: {wrong}";
                list.Add(body[start..(int)reader.BytesConsumed]);
            }
        }

        return reader.Read() ? shape : null;
    }
}
