using KvStore.Contracts;
using Microsoft.Extensions.Primitives;

namespace KvStore.Node.Api;

/// <summary>Reads the conditional headers; what a write cannot honour exactly is refused, never dropped.</summary>
internal static class RequestConditions
{
    /// <summary>Reads them into the request.</summary>
    /// <returns>Null when they were read; else why not.</returns>
    public static Refusal? Read(IHeaderDictionary headers, KeyRequest read)
    {
        var (ifMatch, ifNoneMatch) = (headers.IfMatch, headers.IfNoneMatch);
        if (read.IsWrite && (headers.IfModifiedSince.Count | headers.IfUnmodifiedSince.Count) != 0)
            return Invalid("A write takes no condition on a date; use If-Match with an ETag.");
        if (ifMatch.Count == 0 && ifNoneMatch.Count == 0)
            return null;
        if (read.IsWrite && ifMatch.Count > 0 && ifNoneMatch.Count > 0)
            return Invalid("If-Match and If-None-Match must not be sent together with a write.");
        (read.IfMatchText, read.IfNoneMatchText) = (Join(ifMatch), Join(ifNoneMatch));
        return ReadMatch(read) ?? ReadNoneMatch(read);
    }

    private static Refusal? ReadMatch(KeyRequest read)
    {
        if (read.IfMatchText is null)
            return null;
        var isRead = EtagCondition.TryParse(read.IfMatchText, out var condition, out var wrong);
        read.IfMatch = condition;
        return isRead ? null : Invalid("If-Match: " + wrong);
    }

    private static Refusal? ReadNoneMatch(KeyRequest read)
    {
        if (read.IfNoneMatchText is null)
            return null;
        var isRead = EtagCondition.TryParse(read.IfNoneMatchText, out var condition, out var wrong);
        read.IfNoneMatch = condition;
        if (!isRead)
            return Invalid("If-None-Match: " + wrong);
        return read.IsWrite && !condition!.IsAny
            ? Invalid("With a write, If-None-Match has one value: an asterisk, to create only.")
            : null;
    }

    /// <summary>Several lines of one header are one list.</summary>
    private static string? Join(StringValues header) => header.Count switch
    {
        0 => null,
        1 => header[0] ?? "",
        _ => string.Join(',', header.ToArray()),
    };

    private static Refusal Invalid(string detail) => new(ProblemType.ConditionInvalid, detail);
}
