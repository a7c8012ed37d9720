namespace KvStore.Contracts;

/// <summary>How a body may be announced, the same at every door: by its length, or in chunks.</summary>
public static class BodyFraming
{
    /// <summary>Says why a request's framing is refused; null when it is sound.</summary>
    /// <param name="contentLength">As read from Content-Length; null when that is absent.</param>
    /// <param name="transferEncoding">The header's value, several joined; empty when it is absent.</param>
    public static string? Wrong(long? contentLength, string transferEncoding) =>
        transferEncoding.Length == 0 ? null
        : contentLength is not null ? "Content-Length and Transfer-Encoding exclude each other; nothing was applied."
        : transferEncoding.Equals("chunked", StringComparison.OrdinalIgnoreCase) ? null
        : "Transfer-Encoding may be chunked and nothing else; nothing was applied.";
}
