using System.Text.Json;
using System.Text.Unicode;

namespace KvStore.Node.Api;

/// <summary>Reads JSON of clients so that two readers of one document can never find two meanings in it.</summary>
internal static class StrictJson
{
    /// <summary>How deep a value may be nested.</summary>
    public const int MaxDepth = 32;

    /// <summary>How deep the items of a document stand that is an object of lists.</summary>
    public const int DepthOfItems = 2;

    /// <summary>Reads a body.</summary>
    /// <param name="body">All of it.</param>
    /// <param name="into">Where to.</param>
    /// <param name="read">Reads it, and says what is wrong with it; it may throw what the JSON reader throws.</param>
    /// <param name="maxDepth">How deep it may be, as the reader was told.</param>
    /// <returns>Null when it was read; else what is wrong with it, as a sentence.</returns>
    public static string? Read<T>(
        ReadOnlyMemory<byte> body, T into, Func<ReadOnlyMemory<byte>, T, string?> read, int maxDepth = MaxDepth)
    {
        if (body.Span.StartsWith("\uFEFF"u8))
            return "The body must not start with a byte order mark.";
        if (!Utf8.IsValid(body.Span))
            return "The body is not valid UTF-8.";
        try
        {
            return read(body, into);
        }
        catch (JsonException malformed)
        {
            var place = $"line {malformed.LineNumber + 1}, byte {malformed.BytePositionInLine}";
            return $"The body is not valid JSON ({place}), has a name twice, or is deeper than {maxDepth} levels.";
        }
        catch (InvalidOperationException)    // how the reader says that a string is no text
        {
            return HalfCharacter;
        }
    }

    private const string HalfCharacter = "A string has half of a surrogate pair.";

    /// <summary>
    /// Whether it is all of a value that can stand in a line of JSON and be read there, byte for byte.
    /// </summary>
    public static bool IsOneLine(ReadOnlyMemory<byte> value) =>
        !value.IsEmpty && value.Span[0] is not ((byte)' ' or (byte)'\t')
        && value.Span[^1] is not ((byte)' ' or (byte)'\t')
        && value.Span.IndexOfAny((byte)'\n', (byte)'\r') < 0
        && Read(value, string.Empty, static (body, _) =>
        {
            var reader = new Utf8JsonReader(body.Span, new JsonReaderOptions { MaxDepth = MaxDepth });
            reader.Read();
            return Walk(ref reader) ?? (reader.Read() ? "There is more." : null);
        }) is null;

    /// <summary>
    /// Reads from the first token of a value to its last, and checks what the syntax alone does not forbid.
    /// </summary>
    /// <returns>Null, or what is wrong, as a sentence.</returns>
    public static string? Walk(ref Utf8JsonReader reader)
    {
        try
        {
            return WalkValue(ref reader);
        }
        catch (InvalidOperationException)
        {
            return HalfCharacter;
        }
    }

    private static string? WalkValue(ref Utf8JsonReader reader)
    {
        var depth = reader.CurrentDepth;
        var names = default(HashSet<(int Object, string Name)>);
        var objects = 0;
        Span<int> open = stackalloc int[MaxDepth + 2 + DepthOfItems];
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
                        return "An object has a name twice.";
                    break;
                case JsonTokenType.String when reader.ValueIsEscaped:
                    _ = reader.GetString();
                    break;
                case JsonTokenType.Number when !reader.TryGetDouble(out var number) || !double.IsFinite(number):
                    return "A number is out of range.";
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
}
