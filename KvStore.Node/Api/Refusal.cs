using KvStore.Contracts;

namespace KvStore.Node.Api;

/// <summary>Why a request is not answered as asked, and what a client can do with that.</summary>
/// <param name="Type">Which of the closed list.</param>
/// <param name="Detail">What was wrong and what was expected; repeats no secret and no value.</param>
internal sealed record Refusal(ProblemType Type, string Detail)
{
    /// <summary>What the request did to the store.</summary>
    public Applied Applied { get; init; }

    /// <summary>The tag of the stored version, with 412.</summary>
    public string? CurrentEtag { get; init; }

    /// <summary>How many keys there are, with 412 and 422 of a removal of many.</summary>
    public long? Count { get; init; }

    /// <summary>The oldest cursor from which changes are kept, with 410.</summary>
    public string? OldestCursor { get; init; }

    /// <summary>The items of a transaction that kept it from happening.</summary>
    public IReadOnlyList<FailedItem>? Failed { get; init; }

    /// <summary>What had come of an import when it ended.</summary>
    public ImportResponse? Import { get; init; }

    /// <summary>The commit sequence of a write that was applied all the same.</summary>
    public long? Version { get; init; }

    /// <summary>Copies that a write reached, such as <c>2/3</c>.</summary>
    public string? Copies { get; init; }

    /// <summary>What the answer was read from, when it was.</summary>
    public ReadFacts? Read { get; init; }

    /// <summary>What the session has seen with this answer, as text.</summary>
    public string? Session { get; init; }

    /// <summary>Whether this is the answer of an earlier try, given again.</summary>
    public bool IsReplay { get; init; }

    /// <summary>The name of the node to ask instead.</summary>
    public string? Owner { get; init; }

    /// <summary>The methods that are allowed, with 405.</summary>
    public string? Allow { get; init; }

    /// <summary>What PATCH takes, with 415.</summary>
    public string? AcceptPatch { get; init; }

    /// <summary>How many bytes there are, with 416.</summary>
    public string? ContentRange { get; init; }

    /// <summary>Seconds after which to try again.</summary>
    public int? RetryAfterSeconds { get; init; }

    /// <summary>Whether the connection cannot be used further: what is left of the body is not read.</summary>
    public bool ClosesConnection { get; init; }
}
