using System.Text.Json;

namespace KvStore.Node.Api;

/// <summary>Reads the bodies that PATCH takes.</summary>
internal static class PatchReader
{
    private const string IncrementShape =
        "The body must be {\"by\": ..., \"initial\": ...}, each at most once, and nothing else.";

    private const string NotAnInteger = "The members by and initial are integers of 64 bits.";

    /// <summary>Proves that the body is JSON that can be a patch, as it is.</summary>
    /// <returns>Null when it is; else what is wrong with it, as a sentence.</returns>
    public static string? ReadMerge(KeyRequest request) =>
        StrictJson.Read(request.Body, request, static (body, _) =>
        {
            var reader = new Utf8JsonReader(body.Span, new JsonReaderOptions { MaxDepth = StrictJson.MaxDepth });
            reader.Read();
            var wrong = StrictJson.Walk(ref reader);
            if (wrong is null)
                reader.Read();    // throws on anything behind the value
            return wrong;
        });

    /// <summary>Reads <see cref="KeyRequest.By"/> and <see cref="KeyRequest.Initial"/>.</summary>
    /// <returns>Null when they were read; else what is wrong, as a sentence.</returns>
    public static string? ReadIncrement(KeyRequest request) =>
        StrictJson.Read(request.Body, request, static (body, request) => ReadMembers(body, request));

    private static string? ReadMembers(ReadOnlyMemory<byte> body, KeyRequest request)
    {
        var reader = new Utf8JsonReader(body.Span, new JsonReaderOptions { MaxDepth = StrictJson.MaxDepth });
        var (by, initial) = (default(long?), default(long?));
        if (!reader.Read() || reader.TokenType is not JsonTokenType.StartObject)
            return IncrementShape;
        while (reader.Read() && reader.TokenType is JsonTokenType.PropertyName)
        {
            var name = reader.GetString();
            reader.Read();
            if (reader.TokenType is not JsonTokenType.Number || !reader.TryGetInt64(out var number))
                return NotAnInteger;
            if (name is "by" && by is null)
                by = number;
            else if (name is "initial" && initial is null)
                initial = number;
            else
                return IncrementShape;
        }

        reader.Read();    // throws on anything behind the object
        (request.By, request.Initial) = (by ?? 1, initial ?? 0);
        return null;
    }
}
