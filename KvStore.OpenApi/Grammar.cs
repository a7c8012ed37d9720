using System.Text.Json.Nodes;

namespace KvStore.OpenApi;

/// <summary>JSON schemas of what stands in paths, queries and headers.</summary>
internal static class Grammar
{
    public const string EtagExample = "\"00000000c0ffee00-9f3c-42\"";

    public static Func<JsonObject> Text(string? pattern = null, int? maxLength = null, int? minLength = null) => () =>
    {
        var schema = new JsonObject { ["type"] = "string" };
        if (pattern is not null)
            schema["pattern"] = pattern;
        if (minLength is not null)
            schema["minLength"] = minLength;
        if (maxLength is not null)
            schema["maxLength"] = maxLength;
        return schema;
    };

    public static Func<JsonObject> Words(params string[] words) => () => new JsonObject
    {
        ["type"] = "string",
        ["enum"] = new JsonArray([.. words.Select(word => JsonValue.Create(word))]),
    };

    public static Func<JsonObject> Number(long minimum = 0, long? maximum = null, long? fallback = null) => () =>
    {
        var schema = new JsonObject { ["type"] = "integer", ["format"] = "int64", ["minimum"] = minimum };
        if (maximum is not null)
            schema["maximum"] = maximum;
        if (fallback is not null)
            schema["default"] = fallback;
        return schema;
    };

    public static Func<JsonObject> Flag { get; } = () => new JsonObject { ["type"] = "boolean" };

    public static Func<JsonObject> Time { get; } =
        () => new JsonObject { ["type"] = "string", ["format"] = "date-time" };

    /// <summary>Whole seconds or milliseconds, as deadlines are written.</summary>
    public static Func<JsonObject> Span { get; } = Text("^[0-9]+(s|ms)?$");
}
