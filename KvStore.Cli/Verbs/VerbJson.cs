using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using KvStore.Contracts;

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
    string Key,
    bool Created,
    long Version,
    string? Etag,
    string? ContentType,
    string? Expires,
    string? Copies,
    string? ServedBy);

/// <summary>What <c>kv incr -o json</c> prints.</summary>
internal sealed record CountedLine(string Key, long Value, long Version, string? Etag, string? Expires);

/// <summary>What <c>kv touch -o json</c> prints.</summary>
internal sealed record TouchedLine(string Key, long Version, string? Etag, string? Expires);

/// <summary>What <c>kv bucket drop -o json</c> prints.</summary>
internal sealed record DroppedLine(string Name, bool Dropped);

/// <summary>What <c>kv watch</c> prints of each change, as it came, with what kind it is.</summary>
internal sealed record WatchedLine(string Event, JsonElement Data, string? Cursor);

/// <summary>What <c>kv export -o json</c> prints of it all.</summary>
internal sealed record ExportedLine(string Bucket, long Entries, string? File);

/// <summary>What <c>kv import -o json</c> prints.</summary>
/// <param name="Bucket">Where to.</param>
/// <param name="Applied">Entries that were stored, each counted once.</param>
/// <param name="Existing">Those that were there, with <c>--mode create</c>.</param>
/// <param name="Repeated">Of these, the most that this import may have stored itself, in parts sent again.</param>
/// <param name="Expired">Those whose time had passed.</param>
/// <param name="Refused">Those that the bucket does not take.</param>
/// <param name="End">Whether the last line of an export came.</param>
internal sealed record ImportedLine(
    string Bucket, long Applied, long Existing, long Repeated, long Expired, long Refused, bool End);

/// <summary>What <c>kv delete -o json</c> prints.</summary>
internal sealed record DeletedLine(string Key, bool Deleted, long Version, string? Copies, string? ServedBy);

/// <summary>How these are written: camelCase, absent rather than null, one line each.</summary>
[JsonSerializable(typeof(ReadLine))]
[JsonSerializable(typeof(WrittenLine))]
[JsonSerializable(typeof(DeletedLine))]
[JsonSerializable(typeof(CountedLine))]
[JsonSerializable(typeof(TouchedLine))]
[JsonSerializable(typeof(DroppedLine))]
[JsonSerializable(typeof(WatchedLine))]
[JsonSerializable(typeof(ExportedLine))]
[JsonSerializable(typeof(ImportedLine))]
[JsonSerializable(typeof(BucketSettings))]
[JsonSerializable(typeof(BucketResponse))]
[JsonSerializable(typeof(IncrementBody))]
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
