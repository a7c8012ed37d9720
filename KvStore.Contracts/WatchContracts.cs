using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace KvStore.Contracts;

/// <summary>A change of a key; in a stream, the data of one event.</summary>
public sealed record ChangeEvent
{
    /// <summary><c>put</c>, <c>delete</c> or <c>expire</c>; in a stream the event has this name instead.</summary>
    public string? Event { get; init; }

    /// <summary>The key, decoded.</summary>
    public required string Key { get; init; }

    /// <summary>Of a put: the entity tag of the version that it stored.</summary>
    public string? Etag { get; init; }

    /// <summary>Commit sequence of the key's partition at the change.</summary>
    public required long Version { get; init; }

    /// <summary>Of a put, with <c>values=full</c>: the value, where it is JSON or text.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public JsonElement Value { get; init; }

    /// <summary>Of a put, with <c>values=full</c>: the value's bytes, where it is neither.</summary>
    public ReadOnlyMemory<byte>? Base64 { get; init; }

    /// <summary>The value's media type, where the value alone does not tell it.</summary>
    public string? ContentType { get; init; }
}

/// <summary>Changes as one answer.</summary>
/// <param name="Events">In the order of each key's changes; empty when there were none in time.</param>
/// <param name="Cursor">Where to go on: the next request's <c>since</c>.</param>
public sealed record ChangesResponse(ImmutableArray<ChangeEvent> Events, string Cursor);
