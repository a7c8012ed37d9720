using System.Buffers;
using System.IO.Pipelines;
using System.Runtime.InteropServices;
using KvStore.Client.Caching;
using KvStore.Contracts;
using Microsoft.AspNetCore.OutputCaching;

namespace KvStore.Client.OutputCaching;

/// <summary>
/// A bucket as the store of ASP.NET Core's output cache. What an entry is valid for is its time to live. A store that
/// cannot be reached in time is told by a <see cref="KvStoreException"/>, which the middleware logs; it makes the page
/// then as if it were not there.
/// </summary>
/// <remarks>
/// <para>Promised: an entry that was stored, by a call that had returned, before an eviction by one of its tags began
/// is gone, for strong reads, when that has returned. One that is stored meanwhile may stay or go; one that had the
/// tag once, and was stored anew without it, may go, too.</para>
/// <para>It holds because an entry has its whole life only together with its index keys. First it is put, with a
/// short life. Then one command adds its index keys and gives it its whole life, if it is still what was put. Who
/// fails in between leaves an entry that soon ends by itself; an eviction that comes in between removes it if an
/// older index key leads to it, and the command does nothing then. An eviction removes an entry together with the
/// index key that it listed, by one command, and leaves that key where it was written since: so no entry is left
/// without. They end at the same moment, as they are in one partition, which has one clock. The value itself goes by
/// no transaction, whose size is bounded.</para>
/// </remarks>
internal sealed class KvStoreOutputCacheStore : IOutputCacheBufferStore
{
    /// <summary>A transaction has at most 128 comparisons and operations, two of which concern the entry.</summary>
    private const int MaxTags = 126;

    /// <summary>How many index keys are listed, and removed with their entries, at once.</summary>
    private const int IndexesAtOnce = 250;

    private readonly KvStoreClient _client;
    private readonly KvBucket _bucket;
    private readonly TimeSpan _timeout;

    public KvStoreOutputCacheStore(KvStoreClient client, KvStoreOutputCacheSettings settings)
    {
        if (settings.Timeout <= TimeSpan.Zero || settings.Timeout > KvTimeout.Max)
        {
            throw new ArgumentException(
                $"Timeout must be more than 0 and at most a minute, and is {settings.Timeout}.", nameof(settings));
        }

        (_client, _bucket, _timeout) = (client, client.Bucket(settings.Bucket), settings.Timeout);
    }

    /// <summary>Long enough for the command that gives an entry its whole life, however late that comes.</summary>
    private TimeSpan ShortLife => 2 * _timeout;

    /// <inheritdoc/>
    public async ValueTask<byte[]?> GetAsync(string key, CancellationToken cancellationToken)
    {
        if (await ReadAsync(key, cancellationToken).ConfigureAwait(false) is not { } value)
            return null;
        return MemoryMarshal.TryGetArray(value, out var bytes) && bytes.Array?.Length == bytes.Count
            ? bytes.Array
            : value.ToArray();
    }

    /// <inheritdoc/>
    public async ValueTask<bool> TryGetAsync(string key, PipeWriter destination, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(destination);
        if (await ReadAsync(key, cancellationToken).ConfigureAwait(false) is not { } value)
            return false;
        await destination.WriteAsync(value, cancellationToken).ConfigureAwait(false);
        return true;
    }

    /// <inheritdoc/>
    public ValueTask SetAsync(
        string key, byte[] value, string[]? tags, TimeSpan validFor, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(value);
        return SetAsync(key, new ReadOnlySequence<byte>(value), tags, validFor, cancellationToken);
    }

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">It is not valid for any time, or has too many tags.</exception>
    public async ValueTask SetAsync(
        string key,
        ReadOnlySequence<byte> value,
        ReadOnlyMemory<string> tags,
        TimeSpan validFor,
        CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(key);
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(validFor, TimeSpan.Zero);
        var (entry, life) = (OutputCacheKeys.EntryOf(key), CacheLife.Within(validFor));
        var indexes = IndexesOf(entry, tags);
        var bytes = value.IsSingleSegment ? value.First : value.ToArray();
        var isShort = indexes.Count > 0 && ShortLife < life;
        var put = await PutAsync(entry, bytes, isShort ? ShortLife : life, cancellationToken).ConfigureAwait(false);
        if (indexes.Count == 0)
            return;
        await _bucket.Transaction()
            .IfVersion(entry, put)
            .Then(all =>
            {
                foreach (var index in indexes)
                    all.Put(index, ReadOnlyMemory<byte>.Empty, life);
                all.Touch(entry, life);
            })
            .CommitAsync(new KvWriteOptions { Timeout = _timeout }, cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public async ValueTask EvictByTagAsync(string tag, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(tag);
        var prefix = OutputCacheKeys.PrefixOf(tag);
        var list = new KvListOptions { PageSize = IndexesAtOnce };
        try
        {
            await foreach (var indexes in _bucket.ListKeysAsync(prefix, list, cancellationToken)
                .Chunk(IndexesAtOnce).ConfigureAwait(false))
                await RemoveAsync(prefix, indexes, cancellationToken).ConfigureAwait(false);
        }
        catch (KvStoreException refused) when (IsWithoutBucket(refused))
        {
            // Where there is no bucket, there is no entry.
        }
    }

    /// <returns>The value; null: the entry is not there.</returns>
    private async Task<ReadOnlyMemory<byte>?> ReadAsync(string key, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(key);
        try
        {
            var entry = await _bucket.GetAsync<ReadOnlyMemory<byte>>(
                OutputCacheKeys.EntryOf(key), new KvReadOptions { Timeout = _timeout }, cancellation)
                .ConfigureAwait(false);
            return entry?.Value;
        }
        catch (KvStoreException refused) when (IsWithoutBucket(refused))
        {
            return null;
        }
    }

    private async Task<KvVersion> PutAsync(
        string entry, ReadOnlyMemory<byte> value, TimeSpan life, CancellationToken cancellation)
    {
        var write = new KvWriteOptions { TimeToLive = life, Timeout = _timeout };
        try
        {
            return await _bucket.PutAsync(entry, value, write, cancellation).ConfigureAwait(false);
        }
        catch (KvStoreException refused) when (IsWithoutBucket(refused))
        {
            await _client.CreateBucketAsync(_bucket.Name, settings: null, _timeout, cancellation)
                .ConfigureAwait(false);
            return await _bucket.PutAsync(entry, value, write, cancellation).ConfigureAwait(false);
        }
    }

    /// <summary>Removes what was listed, each entry with its index key.</summary>
    private async Task RemoveAsync(string prefix, KvKey[] indexes, CancellationToken cancellation)
    {
        var items = await _bucket.BatchAsync(
            all =>
            {
                foreach (var index in indexes)
                    all.Delete(OutputCacheKeys.EntryAt(prefix, index.Key)).Delete(index.Key, index.Version);
            },
            options: null,
            cancellation).ConfigureAwait(false);
        if (items.Select(item => item.Problem).FirstOrDefault(IsFailure) is { } problem)
            throw new KvStoreException(problem, Applied.Unknown);
    }

    /// <summary>Whether something was not removed: what is gone, or was written since, need not be.</summary>
    private static bool IsFailure(Problem? problem) =>
        problem is not null
        && problem.Code != ProblemType.NotFound.Code
        && problem.Code != ProblemType.PreconditionFailed.Code;

    private static IReadOnlyList<string> IndexesOf(string entry, ReadOnlyMemory<string> tags)
    {
        var indexes = new HashSet<string>(StringComparer.Ordinal);
        foreach (var tag in tags.Span)
            indexes.Add(OutputCacheKeys.IndexOf(OutputCacheKeys.PrefixOf(tag), entry));
        return indexes.Count <= MaxTags
            ? [.. indexes]
            : throw new ArgumentException($"An entry has at most {MaxTags} tags, and this one {indexes.Count}.");
    }

    private static bool IsWithoutBucket(KvStoreException refused) => refused.Code == ProblemType.BucketNotFound.Code;
}
