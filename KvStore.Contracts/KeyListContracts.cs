using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace KvStore.Contracts;

/// <summary>
/// One key of a list; in a streamed list, one line of it. In an export, too, which is like one with <c>values=full</c>
/// but that its lines have an <c>expires</c> of null where a key does not end, and each value in a form from which its
/// very bytes can be had: JSON under a JSON type, a string under a type of text, else <c>base64</c>.
/// </summary>
public sealed record KeyListItem
{
    /// <summary>The key, decoded.</summary>
    public required string Key { get; init; }

    /// <summary>The entity tag of the stored version, as in the header of that name.</summary>
    public required string Etag { get; init; }

    /// <summary>Bytes of the value.</summary>
    public required int Size { get; init; }

    /// <summary>Commit sequence of the key's partition at the write; from <c>values=meta</c> on.</summary>
    public long? Version { get; init; }

    /// <summary>The value's media type; from <c>values=meta</c> on.</summary>
    public string? ContentType { get; init; }

    /// <summary>When it was last written; from <c>values=meta</c> on.</summary>
    public DateTimeOffset? Modified { get; init; }

    /// <summary>From when on it is gone; absent: never.</summary>
    public DateTimeOffset? Expires { get; init; }

    /// <summary>With <c>values=full</c>: the user's metadata by name, without <c>Kv-Meta-</c>; absent: none.</summary>
    public IReadOnlyDictionary<string, string>? Meta { get; init; }

    /// <summary>With <c>values=full</c>: the value, where it is JSON or text.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public JsonElement Value { get; init; }

    /// <summary>With <c>values=full</c>: the value's bytes, where it is neither.</summary>
    public ReadOnlyMemory<byte>? Base64 { get; init; }
}

/// <summary>A page of a bucket's keys.</summary>
/// <param name="Items">Keys in the order asked for.</param>
/// <param name="Prefixes">
/// What keys that have the delimiter begin with, up to its end, each once, in the same order.
/// </param>
/// <param name="Cursor">Asks for the next page, with all other parameters as they were; null on the last one.</param>
/// <param name="Snapshot">Where in the history of the bucket the list stands; the same on every page.</param>
/// <param name="Count">How many keys there are on all pages, if that was asked for.</param>
public sealed record KeyListResponse(
    ImmutableArray<KeyListItem> Items,
    ImmutableArray<string> Prefixes,
    string? Cursor,
    string Snapshot,
    long? Count);

/// <summary>The last line of a streamed list, or of an export: without it, the list is not whole.</summary>
/// <param name="End">Always true.</param>
/// <param name="Count">
/// How many keys were before it; of an export that went on from a cursor, those before the cursor count.
/// </param>
/// <param name="Snapshot">Where in the history of the bucket the list stands.</param>
/// <param name="Cursor">Where a limit ended it: asks for what follows; else absent.</param>
public sealed record KeyListEnd(bool End, long Count, string Snapshot, string? Cursor);

/// <summary>
/// A line between the entries of an export: who has all that is before it goes on with <c>?cursor=</c> if the rest does
/// not come, and all other parameters as they were. What follows is of the same snapshot.
/// </summary>
/// <param name="Cursor">Where.</param>
/// <param name="Count">How many entries are before it, from the beginning.</param>
public sealed record ExportCursor(string Cursor, long Count);

/// <summary>How many keys a removal would concern.</summary>
/// <param name="Count">Keys in the range.</param>
/// <param name="DryRun">Always true: nothing was removed.</param>
public sealed record RangeCountResponse(long Count, bool DryRun);

/// <summary>What a removal of many keys came to.</summary>
/// <param name="Deleted">Keys that it removed.</param>
/// <param name="Changed">
/// Keys that were written or removed by others since they were counted: it left them alone.
/// </param>
public sealed record RangeDeleteResponse(long Deleted, long Changed);
