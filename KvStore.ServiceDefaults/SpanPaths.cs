using System.Collections.Frozen;
using System.Diagnostics.CodeAnalysis;
using Microsoft.AspNetCore.Http;

namespace KvStore.ServiceDefaults;

/// <summary>
/// Which paths are traced, and what a span says of one: never a key, and the path of a key is the key.
/// </summary>
internal static class SpanPaths
{
    /// <summary>Before the name of a call between nodes; these names are peer.proto's.</summary>
    private const string PeerCalls = "/kvstore.peer.v1.Peer/";

    private static readonly FrozenSet<string> PeerCallPaths = FrozenSet.Create(
        StringComparer.Ordinal,
        PeerCalls + "Compare",
        PeerCalls + "FollowChanges",
        PeerCalls + "Install",
        PeerCalls + "Link",
        PeerCalls + "Pin",
        PeerCalls + "Propose",
        PeerCalls + "ReadEntries",
        PeerCalls + "ReadKeys",
        PeerCalls + "ReadPositions",
        PeerCalls + "RenewCatalog",
        PeerCalls + "Scan",
        PeerCalls + "Settle");

    /// <summary>Whether it is one that is asked again and again, or by programs, which no trace is wanted of.</summary>
    internal static bool IsNeverTraced(PathString path) =>
        path == "/"    // of a node: the balancer and the others ask how it is
        || path.StartsWithSegments(Extensions.AlivePath, StringComparison.Ordinal)
        || path.StartsWithSegments("/ready", StringComparison.Ordinal)
        || path.StartsWithSegments("/health", StringComparison.Ordinal)
        || path.StartsWithSegments("/admin", StringComparison.Ordinal)
        || path.StartsWithSegments(Telemetry.ScrapePath, StringComparison.Ordinal);

    /// <summary>Whether it is a call between nodes.</summary>
    internal static bool IsPeerCall([NotNullWhen(true)] string? path) =>
        path is not null && path.StartsWith(PeerCalls, StringComparison.Ordinal);

    /// <summary>Whether it is one that lasts as long as both nodes do, and so is a part of no request.</summary>
    internal static bool IsPeerLink(string? path) => path is PeerCalls + "Link" or PeerCalls + "FollowChanges";

    /// <summary>
    /// What <see cref="RouteOf"/> says, or a call between nodes; null of all others: a path that nobody knows may be a
    /// key in a disguise.
    /// </summary>
    internal static string? KnownRouteOf(string path) =>
        RouteOf(path) ?? (PeerCallPaths.Contains(path) ? path : null);

    /// <summary>The route that a path of keys or buckets follows; null of others.</summary>
    internal static string? RouteOf(string path)
    {
        var isDefault = Is(path, "/v1");
        if (!isDefault && !Is(path, "/buckets"))
            return null;
        if (isDefault)
            return path.Length > "/v1/".Length ? "/v1/{key}" : "/v1";
        var parts = path.Split('/', 5);    // "", "buckets", the bucket, what of it, the rest
        return parts switch
        {
            [_, _, _, "keys", { Length: > 0 }] => "/buckets/{bucket}/keys/{key}",
            [_, _, _, "keys" or "batch" or "txn" or "watch" or "export" or "import", ..] =>
                $"/buckets/{{bucket}}/{parts[3]}",
            [_, _, { Length: > 0 }, ..] => "/buckets/{bucket}",
            _ => "/buckets",
        };
    }

    private static bool Is(string path, string root) =>
        path.StartsWith(root, StringComparison.OrdinalIgnoreCase)
        && (path.Length == root.Length || path[root.Length] == '/');
}
