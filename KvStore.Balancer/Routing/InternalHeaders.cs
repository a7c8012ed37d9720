using KvStore.Contracts;
using Microsoft.Net.Http.Headers;

namespace KvStore.Balancer.Routing;

/// <summary>
/// Removes from a client's request what only the product's own hops may say, and what is between two hops.
/// </summary>
internal static class InternalHeaders
{
    private const string Forwarded = "Forwarded";
    private const string ForwardedPrefix = "X-Forwarded-";

    /// <summary>Removes them.</summary>
    public static void Strip(IHeaderDictionary headers, bool keepsTimeout)
    {
        List<string>? unwanted = null;
        foreach (var (name, _) in headers)
        {
            if (IsUnwanted(name, keepsTimeout))
                (unwanted ??= []).Add(name);
        }

        if (unwanted is null)
            return;
        foreach (var name in unwanted)
            headers.Remove(name);
    }

    private static bool IsUnwanted(string name, bool keepsTimeout) => name.Length switch
    {
        _ when name.StartsWith(ForwardedPrefix, StringComparison.OrdinalIgnoreCase) => true,
        9 => Is(name, Forwarded),
        10 => !keepsTimeout && Is(name, KvHeaders.Timeout),
        17 => Is(name, KvHeaders.HopRequestId),
        6 => Is(name, HeaderNames.Expect),    // the body is already here
        7 => Is(name, HeaderNames.Upgrade),    // to no other protocol
        _ => false,
    };

    private static bool Is(string name, string other) => name.Equals(other, StringComparison.OrdinalIgnoreCase);
}
