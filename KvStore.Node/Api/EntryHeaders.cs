using System.Globalization;
using KvStore.Contracts;
using KvStore.Core.State;

namespace KvStore.Node.Api;

/// <summary>The headers that tell of a stored entry, whatever its face.</summary>
internal static class EntryHeaders
{
    /// <summary>Sets all of them but those of its version.</summary>
    public static void Set(IHeaderDictionary headers, StoredEntry entry)
    {
        headers.LastModified = HttpDate(entry.ModifiedMs);
        MetadataFormat.WriteTo(headers, entry.Metadata.Span);
        SetExpiry(headers, entry);
    }

    /// <summary>Sets those that say when it ends, if it does.</summary>
    public static void SetExpiry(IHeaderDictionary headers, StoredEntry entry)
    {
        if (entry.ExpiresMs == 0)
            return;
        headers[KvHeaders.ExpiresAt] = Instant(entry.ExpiresMs);
        headers.Expires = HttpDate(entry.ExpiresMs);
    }

    /// <summary>Milliseconds since 1970 as RFC 3339 has them.</summary>
    public static string Instant(long milliseconds) => DateTimeOffset.FromUnixTimeMilliseconds(milliseconds)
        .ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture);

    private static string HttpDate(long milliseconds) =>
        DateTimeOffset.FromUnixTimeMilliseconds(milliseconds).ToString("R", CultureInfo.InvariantCulture);
}
