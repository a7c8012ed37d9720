using System.Collections.Frozen;
using KvStore.Contracts;

namespace KvStore.Node.Api;

/// <summary>
/// The headers that start with <c>Kv-</c>: all are this API's, so that a misspelt one is refused and never ignored.
/// </summary>
internal static class OwnHeaders
{
    /// <summary>Clients copy them from an answer into a request, where they say nothing.</summary>
    private static readonly FrozenSet<string> OfAnswers = new[]
    {
        KvHeaders.Version, KvHeaders.StalenessMs, KvHeaders.Copies, KvHeaders.ServedBy, KvHeaders.Role,
        KvHeaders.Owner, KvHeaders.RequestId, KvHeaders.ExpiresAt,
    }.ToFrozenSet(StringComparer.OrdinalIgnoreCase);

    /// <summary>Whether a header is one of them.</summary>
    public static bool Has(string name) => name.StartsWith("Kv-", StringComparison.OrdinalIgnoreCase);

    /// <summary>Whether it says nothing in any request.</summary>
    public static bool IsOfAnswers(string name) => OfAnswers.Contains(name);

    /// <summary>Whether it says nothing in requests that name no key: any node answers those.</summary>
    public static bool IsIgnoredWithoutKey(string name) =>
        IsOfAnswers(name) || Is(name, KvHeaders.Forward) || Is(name, KvHeaders.Session);

    /// <summary>Whether two names are the same header.</summary>
    public static bool Is(string name, string known) => name.Equals(known, StringComparison.OrdinalIgnoreCase);
}
