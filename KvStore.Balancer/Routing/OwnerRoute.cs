using KvStore.Balancer.Membership;
using KvStore.Contracts;
using Microsoft.AspNetCore.Http.Features;

namespace KvStore.Balancer.Routing;

/// <summary>What a request asks for, read once from its raw target, method and headers.</summary>
internal sealed class OwnerRoute
{
    private const string Get = "GET";

    /// <summary>The target as it came; it is passed on unchanged.</summary>
    public required string RawTarget { get; init; }

    /// <summary>The key; empty when the target names none: any node answers then.</summary>
    public ReadOnlyMemory<byte> Key { get; private init; }

    /// <summary>Why the target cannot be read; null when it can be.</summary>
    public KeyTarget.Invalid? Invalid { get; private init; }

    /// <summary>
    /// Whether the body is passed on as it comes: it may be larger than anything that could be held.
    /// </summary>
    public bool IsStreamed { get; private init; }

    /// <summary>
    /// Whether it must not be sent twice: a removal of many keys has no name by which a node would know it again, and
    /// would take what was written meanwhile, too.
    /// </summary>
    public bool IsNameless { get; private init; }

    /// <summary>Whether the body holds many operations and not one value.</summary>
    public bool TakesMany { get; private init; }

    /// <summary>Whether it is a transaction.</summary>
    public bool IsTransaction { get; private init; }

    /// <summary>Whether it may change something.</summary>
    public required bool IsWrite { get; init; }

    /// <summary>Whether any copy may answer, or see itself that it cannot.</summary>
    public bool TakesAnyCopy { get; private init; }

    /// <summary>What the client allows; null when it says nothing, or nothing that can be read.</summary>
    public TimeSpan? Timeout { get; private init; }

    /// <summary>
    /// Whether what the client says of its deadline goes to the node as it is: the node refuses it, or keeps it alone.
    /// </summary>
    public bool KeepsTimeout { get; private init; }

    /// <summary>How long the client lets a read wait for a change, beyond the deadline; mostly zero.</summary>
    public TimeSpan Wait { get; private init; }

    /// <summary>The methods that the path takes; of a path that names no keys, those of a key.</summary>
    public string AllowedMethods { get; private init; } = Routes.KeyMethods;

    /// <summary>
    /// Whether the answer takes as long as there is something to tell: the nodes bound how many of those.
    /// </summary>
    public bool IsLong { get; private init; }

    /// <summary>Reads a request.</summary>
    public static OwnerRoute Of(HttpContext context)
    {
        var raw = context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget;
        var method = context.Request.Method;
        var isRead = HttpMethods.IsGet(method) || HttpMethods.IsHead(method);
        var isWrite = !isRead && !HttpMethods.IsOptions(method);
        var headers = context.Request.Headers;
        var timeout = headers.TryGetValue(KvHeaders.Timeout, out var text) ? text.ToString() : null;
        var target = KeyPath.Parse(raw);
        if (QueryOf(target) is not { } query)
            return new()
            {
                RawTarget = raw,
                Invalid = target as KeyTarget.Invalid,
                IsWrite = isWrite,
                KeepsTimeout = timeout is not null,
            };

        var key = (target as KeyTarget.Key)?.Bytes ?? default;
        var isStreamed = IsOperation(target, Routes.Import);
        var (allowed, isReadable) = TimeoutOf(timeout, Parameter(query, "timeout"));
        var wait = method is Get && headers.TryGetValue(KvHeaders.Prefer, out var prefer)
            ? LongPoll.WaitIn(prefer.ToString())
            : TimeSpan.Zero;
        return new()
        {
            RawTarget = raw,
            Key = key,
            AllowedMethods = target is KeyTarget.Collection ? Routes.KeysMethods : Routes.KeyMethods,
            IsWrite = isWrite,
            TakesAnyCopy = isRead && !key.IsEmpty && AllowsAnyCopy(headers, query),
            IsStreamed = isStreamed,
            IsNameless = HttpMethods.IsDelete(method) && target is KeyTarget.Collection,
            TakesMany = IsOperation(target, Routes.Batch) || IsOperation(target, Routes.Transaction),
            IsTransaction = IsOperation(target, Routes.Transaction),
            Timeout = allowed,
            KeepsTimeout = !isReadable || isStreamed,
            Wait = wait,
            IsLong = isStreamed || wait > TimeSpan.Zero
                || IsOperation(target, Routes.Watch) || IsOperation(target, Routes.Export),
        };
    }

    /// <summary>The query of what concerns keys or buckets; null of all else.</summary>
    private static string? QueryOf(KeyTarget target) => target switch
    {
        KeyTarget.Key key => key.Query,
        KeyTarget.Collection all => all.Query,
        KeyTarget.BucketRoute route => route.Query,
        _ => null,
    };

    /// <summary>Whether a router takes the path for the route, whatever the bucket; it minds no capitals.</summary>
    private static bool IsOperation(KeyTarget target, string route) =>
        target is KeyTarget.BucketRoute { Rest: var rest }
        && rest.AsSpan().TrimEnd('/')
            .Equals(route.AsSpan(Routes.Bucket.Length), StringComparison.OrdinalIgnoreCase);

    /// <summary>
    /// Where to send it, by the view of now. Attempt 0 goes to the primary, those after it to the other copies in turn;
    /// a read that takes any copy begins at the next one each time.
    /// </summary>
    /// <param name="view">Read by the caller, once for this attempt.</param>
    /// <param name="attempt">Counted from 0.</param>
    /// <param name="turn">Grows with every request.</param>
    /// <returns>Null while no node is known.</returns>
    public Destination? Pick(RoutingView view, int attempt, uint turn)
    {
        var hasOwner = Key.Length > 0 && view.Ring is not null;
        var route = hasOwner ? view.RouteOf(view.Ring!.PartitionOf(Key.Span)) : view.Everyone;
        if (route.IsEmpty)
            return null;
        var first = hasOwner && !TakesAnyCopy ? 0 : turn;
        return route[(int)((first + (uint)attempt) % (uint)route.Length)];
    }

    /// <summary>Where header and query differ, any node will do: it refuses.</summary>
    private static bool AllowsAnyCopy(IHeaderDictionary headers, string query) =>
        (headers.TryGetValue(KvHeaders.Consistency, out var level) && IsWeaker(level is [var one] ? one : null))
        || IsWeaker(Parameter(query, "consistency"))
        || Parameter(query, "max_staleness") is not null;    // a bounded read by that alone

    private static bool IsWeaker(string? word) =>
        ConsistencyWords.TryParse(word, out var consistency) && consistency is not Consistency.Strong;

    private static (TimeSpan? Allowed, bool IsReadable) TimeoutOf(string? inHeader, string? inQuery)
    {
        TimeSpan? allowed = null;
        foreach (var text in (ReadOnlySpan<string?>)[inHeader, inQuery])
        {
            if (text is null)
                continue;
            if (!KvTimeout.TryParse(text, out var timeout, out _))
                return (null, false);
            allowed = allowed < timeout ? allowed : timeout;
        }

        return (allowed, true);
    }

    /// <summary>The first value of a query parameter, decoded as the node does; null when it is not there.</summary>
    private static string? Parameter(string query, string name)
    {
        if (query.Length == 0)
            return null;
        foreach (var range in query.AsSpan().Split('&'))
        {
            var pair = query.AsSpan(range);
            var equals = pair.IndexOf('=');
            if (equals > 0 && Uri.UnescapeDataString(pair[..equals]) == name)
                return Uri.UnescapeDataString(pair[(equals + 1)..]);
        }

        return null;
    }
}
