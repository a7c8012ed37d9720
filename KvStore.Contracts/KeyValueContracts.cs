using System.Text.Json;
using System.Text.Json.Serialization;

namespace KvStore.Contracts;

/// <summary>
/// A key with its value: JSON and text inline in <see cref="Value"/>, anything else as <see cref="Base64"/> with its
/// <see cref="ContentType"/>.
/// </summary>
public sealed record EntryResponse
{
    /// <summary>The key, decoded.</summary>
    public required string Key { get; init; }

    /// <summary>Any JSON, also null; absent (<see cref="JsonValueKind.Undefined"/>) when the value is binary.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public JsonElement Value { get; init; }

    /// <summary>The value's bytes, when it is binary.</summary>
    public ReadOnlyMemory<byte>? Base64 { get; init; }

    /// <summary>The media type of the bytes, when the value is binary.</summary>
    public string? ContentType { get; init; }

    /// <summary>Commit sequence of the key's partition at the write, as in <see cref="KvHeaders.Version"/>.</summary>
    public required long Version { get; init; }
}

/// <summary>A key that is no longer there.</summary>
public sealed record DeleteResponse(string Key, bool Deleted);
