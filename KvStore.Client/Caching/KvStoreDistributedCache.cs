using System.Buffers;
using System.Net;
using System.Runtime.InteropServices;
using KvStore.Client.Transport;
using KvStore.Contracts;
using Microsoft.Extensions.Caching.Distributed;

namespace KvStore.Client.Caching;

/// <summary>
/// A bucket as a distributed cache. A store that cannot be reached in time is told by a <see cref="KvStoreException"/>.
/// Values go to the store and come from it without being copied in between.
/// </summary>
internal sealed class KvStoreDistributedCache : IBufferDistributedCache
{
    private static readonly TimeSpan RenewalTimeout = TimeSpan.FromSeconds(1);

    private readonly KvStoreClient _client;
    private readonly KvBucket _bucket;
    private readonly KvStoreCacheSettings _settings;
    private readonly KvSession? _session;
    private readonly TimeProvider _time;

    public KvStoreDistributedCache(KvStoreClient client, KvStoreCacheSettings settings, TimeProvider time)
    {
        if (settings.SynchronousTimeout <= TimeSpan.Zero || settings.SynchronousTimeout > KvTimeout.Max)
            throw new ArgumentException(
                "SynchronousTimeout must be more than 0 and at most a minute.", nameof(settings));
        (_client, _bucket, _settings, _time) = (client, client.Bucket(settings.Bucket), settings, time);
        _session = settings.Consistency is Consistency.Session ? new KvSession() : null;
    }

    /// <inheritdoc/>
    public byte[]? Get(string key) => Result(GetAsync(key, _settings.SynchronousTimeout, default));

    /// <inheritdoc/>
    public Task<byte[]?> GetAsync(string key, CancellationToken token = default) => GetAsync(key, null, token);

    /// <inheritdoc/>
    public bool TryGet(string key, IBufferWriter<byte> destination) =>
        Result(TryGetAsync(key, destination, _settings.SynchronousTimeout, default));

    /// <inheritdoc/>
    public ValueTask<bool> TryGetAsync(
        string key, IBufferWriter<byte> destination, CancellationToken token = default) =>
        new(TryGetAsync(key, destination, null, token));

    /// <inheritdoc/>
    public void Set(string key, byte[] value, DistributedCacheEntryOptions options) =>
        Result(SetAsync(key, MemoryOf(value), options, _settings.SynchronousTimeout, default));

    /// <inheritdoc/>
    public Task SetAsync(
        string key, byte[] value, DistributedCacheEntryOptions options, CancellationToken token = default) =>
        SetAsync(key, MemoryOf(value), options, null, token);

    /// <inheritdoc/>
    public void Set(string key, ReadOnlySequence<byte> value, DistributedCacheEntryOptions options) =>
        Result(SetAsync(key, MemoryOf(value), options, _settings.SynchronousTimeout, default));

    /// <inheritdoc/>
    public ValueTask SetAsync(
        string key,
        ReadOnlySequence<byte> value,
        DistributedCacheEntryOptions options,
        CancellationToken token = default) =>
        new(SetAsync(key, MemoryOf(value), options, null, token));

    /// <inheritdoc/>
    public void Refresh(string key) => Result(RefreshAsync(key, _settings.SynchronousTimeout, default));

    /// <inheritdoc/>
    public Task RefreshAsync(string key, CancellationToken token = default) => RefreshAsync(key, null, token);

    /// <inheritdoc/>
    public void Remove(string key) => Result(RemoveAsync(key, _settings.SynchronousTimeout, default));

    /// <inheritdoc/>
    public Task RemoveAsync(string key, CancellationToken token = default) => RemoveAsync(key, null, token);

    private async Task<byte[]?> GetAsync(string key, TimeSpan? timeout, CancellationToken cancellation)
    {
        using var answer = await ReadAsync(key, null, timeout, cancellation).ConfigureAwait(false);
        if (answer is null)
            return null;
        return MemoryMarshal.TryGetArray(answer.Body, out var bytes) && bytes.Array?.Length == bytes.Count
            ? bytes.Array
            : answer.Body.ToArray();
    }

    private async Task<bool> TryGetAsync(
        string key, IBufferWriter<byte> destination, TimeSpan? timeout, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(destination);
        using var answer = await ReadAsync(key, destination, timeout, cancellation).ConfigureAwait(false);
        return answer is not null;
    }

    /// <summary>Reads an entry, and renews it where it slides.</summary>
    /// <returns>The answer; null: it is not there, or it is over.</returns>
    private async Task<KvAnswer?> ReadAsync(
        string key, IBufferWriter<byte>? into, TimeSpan? timeout, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(key);
        var name = CacheKey.Of(key);
        var (life, isOver) = (default(CacheLife), false);
        var answer = await AskAsync(_bucket.ReadAsync(name, Choose, ReadOf(timeout), cancellation))
            .ConfigureAwait(false);
        if (answer is null || isOver)
        {
            answer?.Dispose();
            return null;
        }

        try
        {
            var left = answer.ExpiresAt() - answer.Headers.Date;
            var patience = timeout ?? _bucket.Patience;
            var renewal = WriteOf(patience < RenewalTimeout ? patience : RenewalTimeout);
            await RenewAsync(name, answer.Version, life, left, renewal, cancellation).ConfigureAwait(false);
            return answer;
        }
        catch (KvStoreException)
        {
            return answer;    // the value is there; the next read will renew it
        }
        catch
        {
            answer.Dispose();
            throw;
        }

        IBufferWriter<byte>? Choose(KvAnswer told)
        {
            life = CacheLife.Read(told.Metadata());
            isOver = life.IsOver(_time.GetUtcNow());
            return isOver ? null : into;
        }
    }

    private async Task RefreshAsync(string key, TimeSpan? timeout, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(key);
        var name = CacheKey.Of(key);
        using var answer = await AskAsync(_bucket.ReadMetaAsync(name, ReadOf(timeout), cancellation))
            .ConfigureAwait(false);
        if (answer is null)
            return;
        var life = CacheLife.Read(answer.Metadata());
        await RenewAsync(name, answer.Version, life, null, WriteOf(timeout), cancellation).ConfigureAwait(false);
    }

    /// <summary>Renews what was read, and not what was stored in its place meanwhile.</summary>
    private async Task RenewAsync(
        string name,
        KvVersion? read,
        CacheLife life,
        TimeSpan? left,
        KvWriteOptions options,
        CancellationToken cancellation)
    {
        if (read is { } version && life.Renewal(_time.GetUtcNow(), left) is { } renewal)
            await _bucket.TouchIfAsync(name, renewal, version, options, cancellation).ConfigureAwait(false);
    }

    private async Task SetAsync(
        string key,
        ReadOnlyMemory<byte> value,
        DistributedCacheEntryOptions options,
        TimeSpan? timeout,
        CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(key);
        ArgumentNullException.ThrowIfNull(options);
        var (name, now) = (CacheKey.Of(key), _time.GetUtcNow());
        var life = CacheLife.Of(options, now);
        var write = WriteOf(timeout) with { TimeToLive = life.TimeToLive(now), Metadata = life.Metadata };
        try
        {
            await _bucket.PutAsync(name, value, write, cancellation).ConfigureAwait(false);
        }
        catch (KvStoreException refused) when (IsWithoutBucket(refused))
        {
            await _client.CreateBucketAsync(_bucket.Name, settings: null, write.Timeout, cancellation)
                .ConfigureAwait(false);
            var again = write with { TimeToLive = life.TimeToLive(_time.GetUtcNow()) };    // making it took a while
            await _bucket.PutAsync(name, value, again, cancellation).ConfigureAwait(false);
        }
    }

    private async Task RemoveAsync(string key, TimeSpan? timeout, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(key);
        try
        {
            await _bucket.DeleteAsync(CacheKey.Of(key), WriteOf(timeout), cancellation).ConfigureAwait(false);
        }
        catch (KvStoreException refused) when (IsWithoutBucket(refused))
        {
            // Where there is no bucket, there is no entry.
        }
    }

    /// <summary>The answer of a read; null: the entry is not there.</summary>
    private static async Task<KvAnswer?> AskAsync(Task<KvAnswer> read)
    {
        try
        {
            var answer = await read.ConfigureAwait(false);
            if (answer.Status != HttpStatusCode.NotFound)
                return answer;
            answer.Dispose();
            return null;
        }
        catch (KvStoreException refused) when (IsWithoutBucket(refused))
        {
            return null;
        }
    }

    private KvReadOptions ReadOf(TimeSpan? timeout) =>
        new() { Consistency = _settings.Consistency, Session = _session, Timeout = timeout };

    private KvWriteOptions WriteOf(TimeSpan? timeout) => new() { Session = _session, Timeout = timeout };

    private static bool IsWithoutBucket(KvStoreException refused) => refused.Code == ProblemType.BucketNotFound.Code;

    private static ReadOnlyMemory<byte> MemoryOf(byte[] value)
    {
        ArgumentNullException.ThrowIfNull(value);
        return value;
    }

    private static ReadOnlyMemory<byte> MemoryOf(ReadOnlySequence<byte> value) =>
        value.IsSingleSegment ? value.First : value.ToArray();

    /// <summary>
    /// Waits for what goes on without this thread: nothing that was begun here comes back to its context, and each
    /// request has a time limit.
    /// </summary>
    private static T Result<T>(Task<T> task) => task.GetAwaiter().GetResult();

    private static void Result(Task task) => task.GetAwaiter().GetResult();
}
