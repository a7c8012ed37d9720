using System.Diagnostics;
using OpenTelemetry;

namespace KvStore.ServiceDefaults;

/// <summary>
/// Takes keys out of the spans of HTTP: the server's and the client's instrumentation put the path of a request into
/// them, and the path of a key is the key.
/// </summary>
internal sealed class KeylessSpans : BaseProcessor<Activity>
{
    private const string Path = "url.path";
    private const string Query = "url.query";
    private const string Full = "url.full";

    /// <inheritdoc/>
    public override void OnEnd(Activity span)
    {
        if (span.Kind is ActivityKind.Server && span.GetTagItem(Path) is string path)
        {
            if (RouteOf(path) is not { } route)
                return;
            span.SetTag(Path, route);
            span.SetTag(Query, null);
            span.SetTag("http.route", route);
            span.DisplayName = $"{span.GetTagItem("http.request.method")} {route}";
        }
        else if (span.Kind is ActivityKind.Client
            && span.GetTagItem(Full) is string full
            && Uri.TryCreate(full, UriKind.Absolute, out var uri)
            && RouteOf(uri.AbsolutePath) is { } route)
        {
            span.SetTag(Full, uri.GetLeftPart(UriPartial.Authority) + route);
        }
    }

    /// <summary>The route that a path follows; null when it can hold no key.</summary>
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
