using System.Diagnostics;
using Microsoft.AspNetCore.Http;

namespace KvStore.ServiceDefaults;

/// <summary>The trace that a request is a part of, whether anybody keeps it or not.</summary>
public static class RequestTrace
{
    /// <summary>Its id, 32 hexadecimal digits; null where the client sent none and nobody decided about it.</summary>
    public static string? IdOf(HttpContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        return Activity.Current is { } span ? span.TraceId.ToHexString()
            : ActivityContext.TryParse(context.Request.Headers.TraceParent, traceState: null, out var trace)
                ? trace.TraceId.ToHexString()
                : null;
    }
}
