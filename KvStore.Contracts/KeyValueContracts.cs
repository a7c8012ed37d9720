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

/// <summary>
/// What <c>POST</c> stores: either <see cref="Value"/>, or <see cref="Base64"/> and <see cref="ContentType"/>.
/// </summary>
public sealed record EntryRequest
{
    /// <summary>Any JSON, also null, of at most 32 levels; it is stored byte for byte as it stands here.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public JsonElement Value { get; init; }

    /// <summary>The value's bytes.</summary>
    public ReadOnlyMemory<byte>? Base64 { get; init; }

    /// <summary>The MIME type of the bytes; <c>application/octet-stream</c> unless given.</summary>
    public string? ContentType { get; init; }

    /// <summary>How long the key is kept, as in <see cref="KvHeaders.Ttl"/>.</summary>
    public string? Ttl { get; init; }
}

/// <summary>What <c>PATCH</c> adds to a decimal integer of 64 bits.</summary>
public sealed record IncrementRequest
{
    /// <summary>What is added, 1 unless given.</summary>
    public long? By { get; init; }

    /// <summary>What it is added to when the key is not there, 0 unless given.</summary>
    public long? Initial { get; init; }
}

/// <summary>What is known of a key besides its value. Times are RFC 3339 in UTC, with milliseconds.</summary>
public sealed record EntryMetaResponse
{
    /// <summary>The key, decoded.</summary>
    public required string Key { get; init; }

    /// <summary>The name of its bucket.</summary>
    public required string Bucket { get; init; }

    /// <summary>Commit sequence of the key's partition at the write, as in <see cref="KvHeaders.Version"/>.</summary>
    public required long Version { get; init; }

    /// <summary>The entity tag, with its quotes.</summary>
    public required string Etag { get; init; }

    /// <summary>Bytes of the value.</summary>
    public required long Size { get; init; }

    /// <summary>The value's media type.</summary>
    public required string ContentType { get; init; }

    /// <summary>When the key was stored that was not there before.</summary>
    public required string Created { get; init; }

    /// <summary>When its value was last written.</summary>
    public required string Modified { get; init; }

    /// <summary>When it ends; absent when it does not.</summary>
    public string? Expires { get; init; }

    /// <summary>The name of the node that is believed to be its primary; absent when none is known.</summary>
    public string? Owner { get; init; }
}

/// <summary>A key that is no longer there.</summary>
/// <param name="Key">The key, decoded.</param>
/// <param name="Deleted">Always true.</param>
public sealed record DeleteResponse(string Key, bool Deleted);
