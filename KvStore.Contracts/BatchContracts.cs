using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace KvStore.Contracts;

/// <summary>Operations that are sent together, each judged alone.</summary>
/// <param name="Ops">1 to 1000 operations. Those of one key are done in this order.</param>
public sealed record BatchRequest(ImmutableArray<OperationRequest> Ops);

/// <summary>
/// What is to be done if some comparisons hold, and what if they do not: one of both as a whole, or nothing. 1 to 128
/// comparisons and operations together; of one branch, no two write the same key.
/// </summary>
public sealed record TransactionRequest
{
    /// <summary>Comparisons; all of them must hold. Absent: they do.</summary>
    public IReadOnlyList<CompareRequest>? If { get; init; }

    /// <summary>What is done if they hold.</summary>
    public IReadOnlyList<OperationRequest>? Then { get; init; }

    /// <summary>What is done if one does not. Absent: the transaction is refused then.</summary>
    public IReadOnlyList<OperationRequest>? Else { get; init; }
}

/// <summary>
/// One operation of a batch or a transaction. <c>get</c>; <c>put</c> with <c>value</c>, or <c>base64</c> and
/// <c>contentType</c>; <c>delete</c>; <c>touch</c> with <c>ttl</c>; <c>increment</c> with <c>by</c> and
/// <c>initial</c>; <c>merge</c> with <c>patch</c>. A member that the operation does not take is refused.
/// </summary>
public sealed record OperationRequest
{
    /// <summary>One of <c>get</c>, <c>put</c>, <c>delete</c>, <c>touch</c>, <c>increment</c>, <c>merge</c>.</summary>
    public required string Op { get; init; }

    /// <summary>The key as text; else <c>key64</c>.</summary>
    public string? Key { get; init; }

    /// <summary>The key in base64url without padding; else <c>key</c>.</summary>
    public string? Key64 { get; init; }

    /// <summary>Of <c>put</c>: the value, any JSON; else <c>base64</c>.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public JsonElement Value { get; init; }

    /// <summary>Of <c>put</c>: the value's bytes.</summary>
    public ReadOnlyMemory<byte>? Base64 { get; init; }

    /// <summary>Of <c>put</c> with <c>base64</c>: the MIME type of the bytes.</summary>
    public string? ContentType { get; init; }

    /// <summary>Of <c>put</c>: the user's metadata by name, as <c>Kv-Meta-</c> headers have it.</summary>
    public IReadOnlyDictionary<string, string>? Meta { get; init; }

    /// <summary>Of <c>merge</c>: a JSON merge patch (RFC 7396).</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public JsonElement Patch { get; init; }

    /// <summary>Of <c>increment</c>: what is added, 1 unless given.</summary>
    public long? By { get; init; }

    /// <summary>Of <c>increment</c>: what is added to when the key is not there, 0 unless given.</summary>
    public long? Initial { get; init; }

    /// <summary>
    /// How long the key is kept, as in <see cref="KvHeaders.Ttl"/>; not of <c>get</c> and <c>delete</c>.
    /// </summary>
    public string? Ttl { get; init; }

    /// <summary>As the header <c>If-Match</c>; not of <c>get</c>.</summary>
    public string? IfMatch { get; init; }

    /// <summary>An asterisk: only if the key is not there. Not of <c>get</c>, nor beside <c>ifMatch</c>.</summary>
    public string? IfNoneMatch { get; init; }
}

/// <summary>
/// One comparison of a transaction: a key, and one of <c>etag</c>, <c>exists</c>, <c>version</c> and <c>value</c>.
/// </summary>
public sealed record CompareRequest
{
    /// <summary>The key as text; else <c>key64</c>.</summary>
    public string? Key { get; init; }

    /// <summary>The key in base64url without padding; else <c>key</c>.</summary>
    public string? Key64 { get; init; }

    /// <summary>The stored version has one of these entity tags, written as in <c>If-Match</c>.</summary>
    public string? Etag { get; init; }

    /// <summary>The key is there, or is not.</summary>
    public bool? Exists { get; init; }

    /// <summary>The number of the stored version compares so.</summary>
    public VersionCompare? Version { get; init; }

    /// <summary>The stored value is this JSON, or JSON that means the same.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public JsonElement Value { get; init; }
}

/// <summary>How a version is compared: one of these, each an integer of 0 or more.</summary>
public sealed record VersionCompare
{
    /// <summary>It is this.</summary>
    public long? Eq { get; init; }

    /// <summary>It is not this.</summary>
    public long? Ne { get; init; }

    /// <summary>It is greater.</summary>
    public long? Gt { get; init; }

    /// <summary>It is less.</summary>
    public long? Lt { get; init; }
}

/// <summary>What a batch came to.</summary>
/// <param name="Results">One for each operation, in their order.</param>
public sealed record BatchResponse(ImmutableArray<ItemResponse> Results);

/// <summary>What a transaction came to.</summary>
/// <param name="Succeeded">Whether the comparisons held, so that <c>then</c> was done.</param>
/// <param name="Version">Commit sequence of the transaction's coordinating partition, in decimal.</param>
/// <param name="Results">One for each operation of the branch that was done, in their order.</param>
public sealed record TransactionResponse(bool Succeeded, string Version, ImmutableArray<ItemResponse> Results);

/// <summary>What one operation came to.</summary>
public sealed record ItemResponse
{
    /// <summary>The HTTP status that it would have had alone: 200, 201, 204, or that of its problem.</summary>
    public required int Status { get; init; }

    /// <summary>Its key, decoded.</summary>
    public required string Key { get; init; }

    /// <summary>Why it was not done; absent when it was.</summary>
    public Problem? Problem { get; init; }

    /// <summary>Of <c>get</c> the value, of <c>increment</c> the sum.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public JsonElement Value { get; init; }

    /// <summary>Of <c>get</c>: the value's bytes, when it is binary.</summary>
    public ReadOnlyMemory<byte>? Base64 { get; init; }

    /// <summary>Of <c>get</c>: the value's media type, where the value alone does not tell it.</summary>
    public string? ContentType { get; init; }

    /// <summary>Of <c>get</c>: the user's metadata by name, without <c>Kv-Meta-</c>; absent: none.</summary>
    public IReadOnlyDictionary<string, string>? Meta { get; init; }

    /// <summary>The entity tag of the stored version; absent after <c>delete</c>.</summary>
    public string? Etag { get; init; }

    /// <summary>Commit sequence of the key's partition at the write.</summary>
    public long? Version { get; init; }
}
