using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using KvStore.Client.Transport;
using KvStore.Contracts;

namespace KvStore.Client;

/// <summary>Many keys, in their order.</summary>
public partial class KvBucket
{
    /// <summary>
    /// Entries in the order of their keys' bytes, each once, all of one snapshot however long the reading takes (as
    /// long as somebody reads on within ten minutes).
    /// </summary>
    /// <typeparam name="T">As of <see cref="GetAsync"/>.</typeparam>
    /// <param name="prefix">What the keys begin with.</param>
    /// <param name="options">Which of them.</param>
    /// <param name="cancellationToken">Ends the reading.</param>
    /// <exception cref="KvStoreException">It cannot be read now, or not to its end.</exception>
    /// <exception cref="JsonException">What is stored is not of this type.</exception>
    public async IAsyncEnumerable<KvEntry<T>> ListAsync<T>(
        string prefix = "",
        KvListOptions? options = null,
        [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        await foreach (var item in ItemsAsync(prefix, "full", options, cancellationToken).ConfigureAwait(false))
        {
            var value = _values.ReadInline<T>(item.Value, item.Base64, item.ContentType);
            yield return new KvEntry<T>(item.Key, value, VersionOf(item.Etag))
            {
                ContentType = item.ContentType ?? "",
                ExpiresAt = item.Expires,
                Metadata = KvMetadata.Of(item.Meta),
            };
        }
    }

    /// <summary>As <see cref="ListAsync"/>, without the values.</summary>
    /// <param name="prefix">What the keys begin with.</param>
    /// <param name="options">Which of them.</param>
    /// <param name="cancellationToken">Ends the reading.</param>
    /// <exception cref="KvStoreException">It cannot be read now, or not to its end.</exception>
    public async IAsyncEnumerable<KvKey> ListKeysAsync(
        string prefix = "",
        KvListOptions? options = null,
        [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        await foreach (var item in ItemsAsync(prefix, "meta", options, cancellationToken).ConfigureAwait(false))
        {
            yield return new KvKey(
                item.Key, VersionOf(item.Etag), item.Size, item.ContentType ?? "", item.Modified ?? default,
                item.Expires);
        }
    }

    /// <summary>
    /// What keys that have a delimiter behind the prefix begin with, up to the end of the delimiter: as folders are
    /// listed. In the order of their bytes, each once. Keys without one are listed by <see cref="ListKeysAsync"/> with
    /// <see cref="KvListOptions.Delimiter"/>.
    /// </summary>
    /// <param name="prefix">What the keys begin with.</param>
    /// <param name="delimiter">The delimiter.</param>
    /// <param name="options">Which of them.</param>
    /// <param name="cancellationToken">Ends the reading.</param>
    /// <exception cref="KvStoreException">It cannot be read now, or not to its end.</exception>
    public async IAsyncEnumerable<string> ListPrefixesAsync(
        string prefix = "",
        string delimiter = "/",
        KvListOptions? options = null,
        [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(delimiter);
        options = (options ?? new KvListOptions()) with { Delimiter = delimiter };
        await foreach (var page in PagesAsync(prefix, "none", options, cancellationToken).ConfigureAwait(false))
        {
            foreach (var found in page.Prefixes)
                yield return found;
        }
    }

    /// <summary>How many keys there are.</summary>
    /// <param name="prefix">What the keys begin with.</param>
    /// <param name="options">Which of them; their order and pages are not looked at.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <exception cref="KvStoreException">They cannot be counted now.</exception>
    public async Task<long> CountAsync(
        string prefix = "", KvListOptions? options = null, CancellationToken cancellationToken = default)
    {
        var query = Range(prefix, options).Append("&limit=1&count=true");
        var page = await PageAsync(query.ToString(), options?.Timeout, cancellationToken).ConfigureAwait(false);
        return page.Count ?? throw new KvStoreException("The answer has no count; is it a KvStore?", Applied.No);
    }

    private async IAsyncEnumerable<KeyListItem> ItemsAsync(
        string prefix,
        string values,
        KvListOptions? options,
        [EnumeratorCancellation] CancellationToken cancellation)
    {
        await foreach (var page in PagesAsync(prefix, values, options, cancellation).ConfigureAwait(false))
        {
            foreach (var item in page.Items)
                yield return item;
        }
    }

    private async IAsyncEnumerable<KeyListResponse> PagesAsync(
        string prefix,
        string values,
        KvListOptions? options,
        [EnumeratorCancellation] CancellationToken cancellation)
    {
        options ??= new KvListOptions();
        var query = Range(prefix, options).Append("&values=").Append(values).Append("&limit=").Append(options.PageSize);
        Append(query, "delimiter", options.Delimiter);
        if (options.IsReversed)
            query.Append("&order=desc");
        string? cursor = null;
        do
        {
            var target = cursor is null ? query.ToString() : $"{query}&cursor={Uri.EscapeDataString(cursor)}";
            var page = await PageAsync(target, options.Timeout, cancellation).ConfigureAwait(false);
            yield return page;
            cursor = page.Cursor;
        }
        while (cursor is not null);
    }

    private async Task<KeyListResponse> PageAsync(string target, TimeSpan? timeout, CancellationToken cancellation)
    {
        var call = new KvCall(HttpMethod.Get, target, "list") { Bucket = Name, Timeout = timeout ?? _settings.Timeout };
        using var answer = await _transport.SendAsync(call, cancellation).ConfigureAwait(false);
        return answer.Read(ContractsJson.Default.KeyListResponse);
    }

    /// <summary>The target of a range of keys, to which more of the query can be added.</summary>
    private StringBuilder Range(string prefix, KvListOptions? options)
    {
        var query = new StringBuilder(In(Routes.BucketKeys)).Append("?prefix=").Append(Escape(prefix));
        Append(query, "start", options?.Start);
        Append(query, "end", options?.End);
        return query;
    }

    private string In(string route) => route.Replace("{bucket}", Name, StringComparison.Ordinal);

    private static void Append(StringBuilder query, string name, string? value)
    {
        if (!string.IsNullOrEmpty(value))
            query.Append('&').Append(name).Append('=').Append(Escape(value));
    }

    /// <summary>Text as part of a query.</summary>
    /// <exception cref="ArgumentException">It has half of a surrogate pair.</exception>
    private static string Escape(string text)
    {
        _ = KvValues.Utf8.GetByteCount(text);
        return Uri.EscapeDataString(text);
    }

    private static KvVersion VersionOf(string? etag) => KvVersion.TryParse(etag, out var version)
        ? version
        : throw new KvStoreException("The answer has a key without its version; is it a KvStore?", Applied.No);
}

/// <summary>Which keys are listed, and how.</summary>
public sealed record KvListOptions
{
    /// <summary>The first key, itself included.</summary>
    public string? Start { get; init; }

    /// <summary>The key before which it ends.</summary>
    public string? End { get; init; }

    /// <summary>
    /// Leaves out the keys that have this behind the prefix: <see cref="KvBucket.ListPrefixesAsync"/> tells what they
    /// begin with.
    /// </summary>
    public string? Delimiter { get; init; }

    /// <summary>Whether the last key comes first.</summary>
    public bool IsReversed { get; init; }

    /// <summary>How many keys are asked for at once: 1 to 1000.</summary>
    public int PageSize { get; init; } = 500;

    /// <summary>
    /// How long all tries of a page may take together; as the client's settings have it unless given.
    /// </summary>
    public TimeSpan? Timeout { get; init; }
}
