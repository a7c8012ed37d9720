using System.Text.Json;
using KvStore.Contracts;

namespace KvStore.Node.Api;

/// <summary>
/// Reads the settings of a bucket: a JSON object, each member known, valid and there once. A member that is null stands
/// for a setting that is not set.
/// </summary>
internal static class BucketSettingsReader
{
    private const int MaxDepth = 4;
    private const int MaxCacheControl = 256;

    private const string Shape =
        "The body must be a JSON object with any of defaultTtl, maxValueBytes, requireConditionalWrites, "
        + "defaultConsistency and cacheControl, each once.";

    /// <summary>Reads a body.</summary>
    /// <param name="body">UTF-8.</param>
    /// <param name="maxValueBytes">The most that <c>maxValueBytes</c> may be.</param>
    /// <param name="apply">Gives settings these members, and leaves them the others.</param>
    /// <returns>Null when it was read; else what is wrong with it, as a sentence.</returns>
    public static string? Read(
        ReadOnlyMemory<byte> body, int maxValueBytes, out Func<BucketSettings, BucketSettings> apply)
    {
        List<Func<BucketSettings, BucketSettings>> changes = [];
        apply = settings => changes.Aggregate(settings, (changed, change) => change(changed));
        return StrictJson.Read(
            body, changes, (settings, into) => ReadMembers(settings, maxValueBytes, into), MaxDepth);
    }

    private static string? ReadMembers(
        ReadOnlyMemory<byte> body, int maxValueBytes, List<Func<BucketSettings, BucketSettings>> changes)
    {
        using var document = JsonDocument.Parse(
            body, new JsonDocumentOptions { MaxDepth = MaxDepth, AllowDuplicateProperties = false });
        if (document.RootElement.ValueKind is not JsonValueKind.Object)
            return Shape;
        return document.RootElement.EnumerateObject()
            .Select(member => Read(member.Name, member.Value, maxValueBytes, changes))
            .FirstOrDefault(wrong => wrong is not null);
    }

    private static string? Read(
        string name, JsonElement value, int maxValueBytes, List<Func<BucketSettings, BucketSettings>> changes)
    {
        var isNull = value.ValueKind is JsonValueKind.Null;
        switch (name)
        {
            case "defaultTtl":
                var ttl = TextOf(value);
                changes.Add(settings => settings with { DefaultTtl = ttl });
                return isNull || IsTtl(ttl, out var wrongTtl) ? null : $"defaultTtl: {wrongTtl}";
            case "maxValueBytes":
                var bytes = value.ValueKind is JsonValueKind.Number && value.TryGetInt32(out var number) ? number : 0;
                changes.Add(settings => settings with { MaxValueBytes = isNull ? null : bytes });
                return isNull || (bytes >= 1 && bytes <= maxValueBytes)
                    ? null
                    : $"maxValueBytes must be a whole number from 1 to {maxValueBytes}.";
            case "requireConditionalWrites":
                bool? isOn = isNull ? null : value.ValueKind is JsonValueKind.True;
                changes.Add(settings => settings with { RequireConditionalWrites = isOn });
                return isNull || value.ValueKind is JsonValueKind.True or JsonValueKind.False
                    ? null
                    : "requireConditionalWrites must be true or false.";
            case "defaultConsistency":
                var word = TextOf(value);
                changes.Add(settings => settings with { DefaultConsistency = word });
                return isNull || word is "strong" or "session" or "bounded" or "eventual"
                    ? null
                    : "defaultConsistency must be strong, session, bounded or eventual.";
            case "cacheControl":
                var header = TextOf(value);
                changes.Add(settings => settings with { CacheControl = header });
                return isNull || IsHeaderValue(header)
                    ? null
                    : $"cacheControl must be 1 to {MaxCacheControl} visible ASCII characters, with spaces inside only.";
            case "replicas" or "maxBytes" or "compression" or "history":
                return $"The setting {name} is not supported by this version.";
            default:
                return Shape;
        }
    }

    private static string? TextOf(JsonElement value) =>
        value.ValueKind is JsonValueKind.String ? value.GetString() : null;

    private static bool IsTtl(string? text, out string? wrong)
    {
        wrong = "It must be a string.";
        return text is not null && KvTtl.TryParse(text, out _, out wrong);
    }

    private static bool IsHeaderValue(string? text) =>
        text is { Length: >= 1 and <= MaxCacheControl }
        && text[0] != ' '
        && text[^1] != ' '
        && !text.AsSpan().ContainsAnyExceptInRange(' ', '~');
}
