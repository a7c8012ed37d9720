namespace KvStore.Contracts;

/// <summary>How a body may be announced, the same at every door: by its length, or in chunks.</summary>
public static class BodyFraming
{
    /// <summary>
    /// Where the HTTP server moves a Content-Length that stands beside a Transfer-Encoding: what is there then tells of
    /// two lengths, and nobody knows which one others would believe.
    /// </summary>
    public const string MovedLength = "X-Content-Length";

    /// <summary>Says why a request's framing is refused; null when it is sound.</summary>
    /// <param name="hasLength">Whether there is a Content-Length, or a <see cref="MovedLength"/>.</param>
    /// <param name="transferEncoding">The header's value, several joined; empty when it is absent.</param>
    public static string? Wrong(bool hasLength, string transferEncoding) =>
        transferEncoding.Length == 0 ? null
        : hasLength ? "Content-Length and Transfer-Encoding exclude each other; nothing was applied."
        : transferEncoding.Equals("chunked", StringComparison.OrdinalIgnoreCase) ? null
        : "Transfer-Encoding may be chunked and nothing else; nothing was applied.";
}
