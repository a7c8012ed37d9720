using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace KvStore.Cli.Verbs;

/// <summary>What <c>kv get -o json</c> prints: the entry, and what the answer's headers say of it.</summary>
internal sealed record ReadLine
{
    public required string Key { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public JsonElement Value { get; init; }

    public ReadOnlyMemory<byte>? Base64 { get; init; }

    public string? ContentType { get; init; }

    public required long Version { get; init; }

    public string? Etag { get; init; }

    public string? Consistency { get; init; }

    public long? StalenessMs { get; init; }

    public string? ServedBy { get; init; }
}

/// <summary>What <c>kv put -o json</c> prints.</summary>
internal sealed record WrittenLine(
    string Key, bool Created, long Version, string? Etag, string? ContentType, string? Copies, string? ServedBy);

/// <summary>What <c>kv delete -o json</c> prints.</summary>
internal sealed record DeletedLine(string Key, bool Deleted, long Version, string? Copies, string? ServedBy);

/// <summary>How these are written: camelCase, absent rather than null, one line each.</summary>
[JsonSerializable(typeof(ReadLine))]
[JsonSerializable(typeof(WrittenLine))]
[JsonSerializable(typeof(DeletedLine))]
internal sealed partial class VerbJson : JsonSerializerContext
{
    /// <summary>Letters beyond ASCII stand for themselves: this is for pipes, not for web pages.</summary>
    public static VerbJson Lines { get; } = new(new JsonSerializerOptions
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    });
}
