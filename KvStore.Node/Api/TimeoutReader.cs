using KvStore.Contracts;
using Microsoft.Extensions.Primitives;

namespace KvStore.Node.Api;

/// <summary>
/// Reads how long a request may take. It may say so in a header and in the query, and both may differ, since whoever
/// passes it on tells what is left of the time and cannot touch the query: the earlier deadline counts.
/// </summary>
internal static class TimeoutReader
{
    /// <summary>Reads what stands in both places.</summary>
    /// <param name="header">The values of <see cref="KvHeaders.Timeout"/>.</param>
    /// <param name="parameter">The value in the query; null when it has none.</param>
    /// <param name="timeout">The smaller one; null when there is none.</param>
    /// <returns>Null when it was read; else why not.</returns>
    public static Refusal? Read(StringValues header, string? parameter, out TimeSpan? timeout)
    {
        timeout = null;
        var (inHeader, inQuery) = (TimeSpan.MaxValue, TimeSpan.MaxValue);
        if (header.Count > 1)
            return new Refusal(ProblemType.HeaderInvalid, $"{KvHeaders.Timeout} was sent more than once.");
        if (header.Count == 1 && !KvTimeout.TryParse(header.ToString(), out inHeader, out var wrong))
            return new Refusal(ProblemType.HeaderInvalid, wrong);
        if (parameter is not null && !KvTimeout.TryParse(parameter, out inQuery, out wrong))
            return new Refusal(ProblemType.QueryInvalid, wrong);
        var earlier = inHeader < inQuery ? inHeader : inQuery;
        if (earlier != TimeSpan.MaxValue)
            timeout = earlier;
        return null;
    }
}
