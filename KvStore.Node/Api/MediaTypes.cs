using Microsoft.Net.Http.Headers;

namespace KvStore.Node.Api;

/// <summary>What the API needs to know of MIME types.</summary>
internal static class MediaTypes
{
    /// <summary>The type of JSON values and of every answer with an entry.</summary>
    public const string Json = "application/json";

    /// <summary>The type of bytes that came without one.</summary>
    public const string Binary = "application/octet-stream";

    /// <summary>The longest type that is stored.</summary>
    public const int MaxLength = 255;

    /// <summary>Whether the text is a MIME type that can be stored.</summary>
    public static bool IsValid(string text) =>
        text.Length <= MaxLength && !text.AsSpan().ContainsAnyExceptInRange(' ', '~')
        && MediaTypeHeaderValue.TryParse(text, out var type) && !type.MatchesAllTypes && !type.MatchesAllSubTypes;

    /// <summary>Whether it is <c>application/json</c>, in UTF-8 if it names a character set.</summary>
    public static bool IsJson(string? text) => Is(text, Json);

    /// <summary>Whether it is a type of text, in UTF-8 if it names a character set.</summary>
    public static bool Is(string? text, string known) =>
        text == known || (MediaTypeHeaderValue.TryParse(text, out var type)
            && type.MediaType.Equals(known, StringComparison.OrdinalIgnoreCase) && IsUtf8(type));

    /// <summary>Whether the bytes can stand as JSON in an answer, if they are valid.</summary>
    public static bool MayBeInlineJson(string text) =>
        text is Json || (MediaTypeHeaderValue.TryParse(text, out var type) && IsUtf8(type)
            && (type.MediaType.Equals(Json, StringComparison.OrdinalIgnoreCase)
                || type.Suffix.Equals("json", StringComparison.OrdinalIgnoreCase)));

    /// <summary>
    /// Whether the bytes can stand as a string in an answer, if they are valid UTF-8. Of a type of JSON they cannot: a
    /// reader would take the string for the value.
    /// </summary>
    public static bool MayBeInlineText(string text) =>
        text.StartsWith("text/", StringComparison.OrdinalIgnoreCase) && !MayBeInlineJson(text)
        && MediaTypeHeaderValue.TryParse(text, out var type) && IsUtf8(type);

    private static bool IsUtf8(MediaTypeHeaderValue type)
    {
        var charset = HeaderUtilities.RemoveQuotes(type.Charset);
        return !charset.HasValue || charset.Length == 0
            || charset.Equals("utf-8", StringComparison.OrdinalIgnoreCase)
            || charset.Equals("us-ascii", StringComparison.OrdinalIgnoreCase);
    }
}
