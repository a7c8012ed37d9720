using KvStore.Contracts;
using Microsoft.Extensions.Primitives;

namespace KvStore.Node.Api;

/// <summary>Reads what a request asks of its read: the word, how stale it may be, and what its session saw.</summary>
internal static class ConsistencyReader
{
    private static readonly Refusal SessionInvalid = new(
        ProblemType.SessionInvalid, "Kv-Session is to be sent once, exactly as an answer of this cluster gave it.");

    /// <returns>Null when it was read; else why not.</returns>
    public static Refusal? Read(
        StringValues word, StringValues token, IHeaderDictionary headers, QueryParameters query, KeyRequest read)
    {
        SessionToken? session = null;
        var refusal = ReadWord(word, query, read)
            ?? ReadMaxStaleness(headers.CacheControl, query.MaxStaleness, read)
            ?? ReadSession(token, out session);
        read.Session = session;
        return refusal;
    }

    private static Refusal? ReadWord(StringValues header, QueryParameters query, KeyRequest read)
    {
        if (RequestReader.Pick(header, query.Consistency, KvHeaders.Consistency, out var word) is { } refusal)
            return refusal;
        if (word is null)
        {
            if (query.MaxStaleness is null)
                return null;
            read.IsConsistencyGiven = true;
            read.Consistency = Consistency.Bounded;
            return null;
        }

        if (!ConsistencyWords.TryParse(word, out var consistency))
            return RequestReader.Invalid(header, $"The consistency must be {ConsistencyWords.All}.");
        read.IsConsistencyGiven = true;
        read.IsConsistencyInQuery = query.Consistency is not null;
        read.Consistency = consistency;
        return query.MaxStaleness is null || consistency is Consistency.Bounded
            ? null
            : new Refusal(ProblemType.QueryInvalid, $"A {word} read takes no max_staleness; a bounded one does.");
    }

    /// <summary>
    /// <c>Cache-Control</c> says it only to a read that is bounded anyway: browsers and caches send it unasked. Of two,
    /// the stricter counts.
    /// </summary>
    private static Refusal? ReadMaxStaleness(StringValues cacheControl, string? parameter, KeyRequest read)
    {
        if (read.Consistency is not Consistency.Bounded)
            return null;
        var (inQuery, inHeader) = (TimeSpan.MaxValue, TimeSpan.MaxValue);
        if (parameter is not null && !MaxStaleness.TryParse(parameter, out inQuery, out var wrong))
            return new Refusal(ProblemType.QueryInvalid, wrong);
        foreach (var line in cacheControl)
        {
            foreach (var range in line.AsSpan().Split(','))
            {
                if (!TryReadMaxAge(line.AsSpan(range).Trim(), ref inHeader))
                {
                    return new Refusal(
                        ProblemType.HeaderInvalid,
                        "Cache-Control: max-age of a bounded read is a whole number of seconds, at most a day.");
                }
            }
        }

        var stricter = inHeader < inQuery ? inHeader : inQuery;
        read.IsMaxStalenessInQuery = parameter is not null;
        read.MaxStaleness = stricter == TimeSpan.MaxValue ? MaxStaleness.Default : stricter;
        return null;
    }

    /// <summary>False: it is a max-age that cannot be read. Other directives say nothing here but no-cache.</summary>
    private static bool TryReadMaxAge(ReadOnlySpan<char> directive, ref TimeSpan maxAge)
    {
        if (directive.Equals("no-cache", StringComparison.OrdinalIgnoreCase))
            maxAge = TimeSpan.Zero;
        var equals = directive.IndexOf('=');
        if (equals < 0 || !directive[..equals].TrimEnd().Equals("max-age", StringComparison.OrdinalIgnoreCase))
            return true;
        var seconds = directive[(equals + 1)..].Trim().Trim('"');
        if (seconds.IsEmpty || seconds.ContainsAnyExceptInRange('0', '9')
            || !MaxStaleness.TryParse(seconds.ToString(), out var read, out _))
            return false;
        maxAge = read < maxAge ? read : maxAge;
        return true;
    }

    /// <summary>Reads what a session saw; a request need not be of one.</summary>
    public static Refusal? ReadSession(StringValues header, out SessionToken? session)
    {
        session = null;
        return header.Count == 0 || (header.Count == 1 && SessionToken.TryParse(header.ToString(), out session))
            ? null
            : SessionInvalid;
    }

    /// <summary>Whether the session is one of this cluster, which the request alone does not tell.</summary>
    public static Refusal? CheckSession(SessionToken? session, ulong clusterId, int partitions) =>
        session is null ? null
        : session.ClusterId != clusterId ? Problems.SessionOfAnother
        : session.LastPartition < partitions ? null
        : SessionInvalid;
}
