using System.Text.Json.Serialization;

namespace KvStore.Contracts;

/// <summary>What a refused request did to the store.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<Applied>))]
public enum Applied
{
    /// <summary>Nothing, and it never will.</summary>
    [JsonStringEnumMemberName("no")]
    No,

    /// <summary>It was applied; only the answer is not what was asked for.</summary>
    [JsonStringEnumMemberName("yes")]
    Yes,

    /// <summary>It may have been applied, or may still be.</summary>
    [JsonStringEnumMemberName("unknown")]
    Unknown,
}

/// <summary>An item of a transaction that kept it from happening.</summary>
/// <param name="Index">Its place in its list, from 0.</param>
/// <param name="Key">Its key; absent where it is not known of which list it is.</param>
/// <param name="Code">What is wrong with it: one of the codes of <see cref="ProblemType"/>.</param>
/// <param name="CurrentEtag">The ETag that is stored; absent when the key is not there.</param>
public sealed record FailedItem(int Index, string? Key, string Code, string? CurrentEtag);

/// <summary>The body of every error: problem details as in RFC 9457, with this API's own members.</summary>
public sealed record Problem
{
    /// <summary>The media type of the body.</summary>
    public const string MediaType = "application/problem+json";

    /// <summary><see cref="ProblemType.Reference"/>.</summary>
    public required string Type { get; init; }

    /// <summary>The same sentence for every problem of the type.</summary>
    public required string Title { get; init; }

    /// <summary>The HTTP status code.</summary>
    public required int Status { get; init; }

    /// <summary>What was wrong this time and what was expected.</summary>
    public string? Detail { get; init; }

    /// <summary>The path of the request.</summary>
    public string? Instance { get; init; }

    /// <summary><see cref="ProblemType.Code"/>: what programs look at.</summary>
    public required string Code { get; init; }

    /// <summary>Whether the same request may soon succeed unchanged.</summary>
    public required bool Retryable { get; init; }

    /// <summary>Whether the store was changed.</summary>
    public required Applied Applied { get; init; }

    /// <summary>The key, decoded; absent when the request named none.</summary>
    public string? Key { get; init; }

    /// <summary>The key's bucket.</summary>
    public string? Bucket { get; init; }

    /// <summary>With 412: the ETag that is stored; absent when the key is not there.</summary>
    public string? CurrentEtag { get; init; }

    /// <summary>With 412 and 422 of a removal of many keys: how many there are.</summary>
    public long? Count { get; init; }

    /// <summary>With 410: the oldest cursor from which the node that refused can still go on.</summary>
    public string? OldestCursor { get; init; }

    /// <summary>Of a transaction: the comparisons that did not hold, or the operations that cannot be done.</summary>
    public IReadOnlyList<FailedItem>? Failed { get; init; }

    /// <summary>Of an import: what had come of it when it ended.</summary>
    public ImportResponse? Import { get; init; }

    /// <summary>The name of the node that refused.</summary>
    public string? Node { get; init; }

    /// <summary>What log lines call the request: its trace, or an id made up where it has none.</summary>
    public string? TraceId { get; init; }

    /// <summary>A problem of the type; whoever knows more adds it.</summary>
    public static Problem Of(ProblemType type, string? detail = null, Applied applied = Applied.No)
    {
        ArgumentNullException.ThrowIfNull(type);
        return new Problem
        {
            Type = type.Reference,
            Title = type.Title,
            Status = type.Status,
            Detail = detail,
            Code = type.Code,
            Retryable = type.Retryable,
            Applied = applied,
        };
    }

    /// <summary>All that it says, in one line for people.</summary>
    public string Describe()
    {
        var detail = Detail is { } said && said.TrimEnd('.') != Title ? $": {said.TrimEnd('.')}" : "";
        var current = CurrentEtag is { } etag ? $" The ETag is {etag}." : "";
        var outcome = Applied is Applied.Unknown ? " Whether the write was applied is not known." : "";
        return $"{Title}{detail} ({Code}).{current}{outcome}";
    }
}
