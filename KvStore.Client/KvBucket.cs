using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Text.Json;
using KvStore.Client.Transport;
using KvStore.Contracts;

namespace KvStore.Client;

/// <summary>
/// A bucket's keys. Every call is tried again, at other nodes too, until it is answered or its time is over; writes
/// (but a removal of a range) carry a name that all their tries share, so each is done once. What a caller must handle
/// (a key that is not there, a condition that does not hold) is a value; everything else is a
/// <see cref="KvStoreException"/>, or an <see cref="ArgumentException"/> where there is nothing that could be sent. A
/// key is text of 1 to 1024 bytes in UTF-8 without control characters. Safe for use by many at once.
/// </summary>
public partial class KvBucket
{
    private const int MostDoublings = 5;

    private readonly KvTransport _transport;
    private readonly KvStoreClientSettings _settings;
    private readonly KvValues _values;
    private readonly TimeProvider _time;

    internal KvBucket(string name, KvTransport transport, KvStoreClientSettings settings, TimeProvider time)
    {
        if (!BucketName.IsValid(name))
            throw new ArgumentException($"'{name}' is no name of a bucket.", nameof(name));
        (Name, _transport, _settings, _time) = (name, transport, settings, time);
        _values = new KvValues(settings.SerializerOptions);
    }

    /// <summary>The bucket's name.</summary>
    public string Name { get; }

    /// <summary>Sends what concerns no bucket.</summary>
    private protected KvTransport Transport => _transport;

    /// <summary>How long all tries of a call may take together.</summary>
    internal TimeSpan Patience => _settings.Timeout;

    /// <summary>Another bucket of the same store.</summary>
    private protected KvBucket Beside(string name) => new(name, _transport, _settings, _time);

    /// <summary>Reads a key.</summary>
    /// <typeparam name="T">
    /// What the value is read as: <c>byte[]</c>, <c>ReadOnlyMemory&lt;byte&gt;</c> and <c>string</c> as it is stored,
    /// all else from JSON.
    /// </typeparam>
    /// <param name="key">The key.</param>
    /// <param name="options">How.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>The entry; null: the key is not there.</returns>
    /// <exception cref="KvStoreException">It cannot be read now.</exception>
    /// <exception cref="JsonException">What is stored is not of this type.</exception>
    public async Task<KvEntry<T>?> GetAsync<T>(
        string key, KvReadOptions? options = null, CancellationToken cancellationToken = default)
    {
        var call = ReadOf(key, "", options);
        using var answer = await _transport.SendAsync(call, cancellationToken).ConfigureAwait(false);
        if (answer.Status == HttpStatusCode.NotFound)
            return null;
        return new KvEntry<T>(key, _values.Read<T>(answer.Body), VersionOf(answer))
        {
            ContentType = answer.One("Content-Type") ?? "",
            ExpiresAt = answer.ExpiresAt(),
            Metadata = answer.Metadata(),
        };
    }

    /// <summary>Whether a key is there.</summary>
    /// <param name="key">The key.</param>
    /// <param name="options">How.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <exception cref="KvStoreException">It cannot be read now.</exception>
    public async Task<bool> ExistsAsync(
        string key, KvReadOptions? options = null, CancellationToken cancellationToken = default)
    {
        var call = ReadOf(key, "format=meta", options);
        using var answer = await _transport.SendAsync(call, cancellationToken).ConfigureAwait(false);
        return answer.IsSuccess;
    }

    /// <summary>What is known of a key besides its value.</summary>
    /// <param name="key">The key.</param>
    /// <param name="options">How.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>What is known; null: the key is not there.</returns>
    /// <exception cref="KvStoreException">It cannot be read now.</exception>
    public async Task<KvKey?> DescribeAsync(
        string key, KvReadOptions? options = null, CancellationToken cancellationToken = default)
    {
        var call = ReadOf(key, "format=meta", options);
        using var answer = await _transport.SendAsync(call, cancellationToken).ConfigureAwait(false);
        if (answer.Status == HttpStatusCode.NotFound)
            return null;
        var told = answer.Read(ContractsJson.Default.EntryMetaResponse);
        return new KvKey(
            key, VersionOf(answer), (int)told.Size, told.ContentType, MomentOf(told.Modified), answer.ExpiresAt())
        {
            Metadata = answer.Metadata(),
        };
    }

    /// <summary>Stores a value, whatever was there.</summary>
    /// <typeparam name="T">As of <see cref="GetAsync"/>.</typeparam>
    /// <param name="key">The key.</param>
    /// <param name="value">The value: at most 1 MiB, unless the store takes more.</param>
    /// <param name="options">How.</param>
    /// <param name="cancellationToken">Ends the call; the write may be done all the same.</param>
    /// <returns>The version that it made.</returns>
    /// <exception cref="KvStoreException">It was not stored, or that is not known: <c>Applied</c> tells.</exception>
    public async Task<KvVersion> PutAsync<T>(
        string key, T value, KvWriteOptions? options = null, CancellationToken cancellationToken = default) =>
        (await PutIfAsync(key, value, null, options, cancellationToken).ConfigureAwait(false)).Version!.Value;

    /// <summary>Stores a value where there is none.</summary>
    /// <typeparam name="T">As of <see cref="GetAsync"/>.</typeparam>
    /// <param name="key">The key.</param>
    /// <param name="value">The value.</param>
    /// <param name="options">How.</param>
    /// <param name="cancellationToken">Ends the call; the write may be done all the same.</param>
    /// <exception cref="KvStoreException">It is not known, or cannot be done now: <c>Applied</c> tells.</exception>
    public Task<KvWriteResult> CreateAsync<T>(
        string key, T value, KvWriteOptions? options = null, CancellationToken cancellationToken = default) =>
        PutIfAsync(key, value, ("If-None-Match", "*"), options, cancellationToken);

    /// <summary>Stores a value where there is one.</summary>
    /// <typeparam name="T">As of <see cref="GetAsync"/>.</typeparam>
    /// <param name="key">The key.</param>
    /// <param name="value">The value.</param>
    /// <param name="options">How.</param>
    /// <param name="cancellationToken">Ends the call; the write may be done all the same.</param>
    /// <exception cref="KvStoreException">It is not known, or cannot be done now: <c>Applied</c> tells.</exception>
    public Task<KvWriteResult> ReplaceAsync<T>(
        string key, T value, KvWriteOptions? options = null, CancellationToken cancellationToken = default) =>
        PutIfAsync(key, value, ("If-Match", "*"), options, cancellationToken);

    /// <summary>Stores a value in the place of a version that was read.</summary>
    /// <typeparam name="T">As of <see cref="GetAsync"/>.</typeparam>
    /// <param name="key">The key.</param>
    /// <param name="value">The value.</param>
    /// <param name="expected">The version.</param>
    /// <param name="options">How.</param>
    /// <param name="cancellationToken">Ends the call; the write may be done all the same.</param>
    /// <exception cref="KvStoreException">It is not known, or cannot be done now: <c>Applied</c> tells.</exception>
    public Task<KvWriteResult> ReplaceAsync<T>(
        string key,
        T value,
        KvVersion expected,
        KvWriteOptions? options = null,
        CancellationToken cancellationToken = default) =>
        PutIfAsync(key, value, ("If-Match", expected.ToString()), options, cancellationToken);

    /// <summary>Reads a value, changes it and stores it, again and again until nobody came between.</summary>
    /// <typeparam name="T">As of <see cref="GetAsync"/>.</typeparam>
    /// <param name="key">The key.</param>
    /// <param name="change">
    /// Gives the new value; is given what is stored, or null where the key is not there. May be called several times.
    /// </param>
    /// <param name="options">
    /// How; an <see cref="KvWriteOptions.IdempotencyKey"/> would name several writes, and the time is that of each
    /// request: only <paramref name="cancellationToken"/> bounds all of them together.
    /// </param>
    /// <param name="cancellationToken">Ends the call; the write may be done all the same.</param>
    /// <returns>The entry's new value and version.</returns>
    /// <exception cref="KvStoreException">It is not known, or cannot be done now: <c>Applied</c> tells.</exception>
    public async Task<(T Value, KvVersion Version)> UpdateAsync<T>(
        string key,
        Func<KvEntry<T>?, T> change,
        KvWriteOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(change);
        if (options?.IdempotencyKey is not null)
            throw new ArgumentException("One name cannot be that of several writes.", nameof(options));
        for (var lost = 1; ; lost++)
        {
            var read = new KvReadOptions { Consistency = Consistency.Strong, Timeout = options?.Timeout };
            var stored = await GetAsync<T>(key, read, cancellationToken).ConfigureAwait(false);
            var value = change(stored);
            var written = stored is null
                ? await CreateAsync(key, value, options, cancellationToken).ConfigureAwait(false)
                : await ReplaceAsync(key, value, stored.Version, options, cancellationToken).ConfigureAwait(false);
            if (written.IsApplied)
                return (value, written.Version!.Value);
            await StepBackAsync(lost, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Removes a key.</summary>
    /// <param name="key">The key.</param>
    /// <param name="options">How; what concerns a value is not looked at.</param>
    /// <param name="cancellationToken">Ends the call; the write may be done all the same.</param>
    /// <returns>Whether it was there.</returns>
    /// <exception cref="KvStoreException">It is not known, or cannot be done now: <c>Applied</c> tells.</exception>
    public async Task<bool> DeleteAsync(
        string key, KvWriteOptions? options = null, CancellationToken cancellationToken = default)
    {
        var call = WriteOf(HttpMethod.Delete, key, "", "delete", options);
        using var answer = await _transport.SendAsync(call, cancellationToken).ConfigureAwait(false);
        return answer.IsSuccess;
    }

    /// <summary>Removes a key if it has the version that was read.</summary>
    /// <param name="key">The key.</param>
    /// <param name="expected">The version.</param>
    /// <param name="options">How; what concerns a value is not looked at.</param>
    /// <param name="cancellationToken">Ends the call; the write may be done all the same.</param>
    /// <exception cref="KvStoreException">It is not known, or cannot be done now: <c>Applied</c> tells.</exception>
    public async Task<KvWriteResult> DeleteAsync(
        string key,
        KvVersion expected,
        KvWriteOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        var call = WriteOf(HttpMethod.Delete, key, "", "delete", options);
        call.Add("If-Match", expected.ToString());
        using var answer = await _transport.SendAsync(call, cancellationToken).ConfigureAwait(false);
        return answer.IsSuccess ? new KvWriteResult(true, null) : new KvWriteResult(false, answer.Version);
    }

    private async Task<KvWriteResult> PutIfAsync<T>(
        string key,
        T value,
        (string Header, string Value)? condition,
        KvWriteOptions? options,
        CancellationToken cancellation)
    {
        var (bytes, type) = _values.Write(value);
        var call = WriteOf(HttpMethod.Put, key, "", "put", options, bytes, options?.ContentType ?? type);
        AddTtl(call, options);
        HeaderText.CheckMetadata(options?.Metadata);
        HeaderText.CheckContentType(options?.ContentType);
        foreach (var (name, told) in options?.Metadata ?? KvEntry<T>.Empty)
            call.Add(KvHeaders.MetadataPrefix + name, told);
        if (condition is { } only)
            call.Add(only.Header, only.Value);
        using var answer = await _transport.SendAsync(call, cancellation).ConfigureAwait(false);
        return new KvWriteResult(answer.IsSuccess, answer.IsSuccess ? VersionOf(answer) : answer.Version);
    }

    private KvCall ReadOf(string key, string query, KvReadOptions? options, TimeSpan wait = default)
    {
        var bytes = BytesOf(key);
        var consistency = options?.Consistency
            ?? (options?.MaxStaleness is null ? _settings.Consistency : Consistency.Bounded);
        if (options?.MaxStaleness is { } age)
            query += $"{(query.Length == 0 ? "" : "&")}max_staleness={(long)age.TotalMilliseconds}ms";
        var call = new KvCall(HttpMethod.Get, TargetOf(bytes, query), "get")
        {
            Bucket = Name,
            Key = bytes,
            Timeout = options?.Timeout ?? _settings.Timeout,
            AskedWait = wait,
            Session = options?.Session
                ?? (consistency is Consistency.Bounded or Consistency.Eventual ? null : _settings.Session),
            IsForAnyCopy = consistency is not (null or Consistency.Strong),
        };
        if (consistency is { } word)
            call.Add(KvHeaders.Consistency, ConsistencyWords.Of(word));
        return call;
    }

    private KvCall WriteOf(
        HttpMethod method,
        string key,
        string query,
        string operation,
        KvWriteOptions? options,
        ReadOnlyMemory<byte>? body = null,
        string? bodyType = null)
    {
        var bytes = BytesOf(key);
        var call = new KvCall(method, TargetOf(bytes, query), operation)
        {
            Bucket = Name,
            Key = bytes,
            Timeout = options?.Timeout ?? _settings.Timeout,
            Session = options?.Session ?? _settings.Session,
            IsWrite = true,
            Body = body,
            BodyType = bodyType,
        };
        AddName(call, options?.IdempotencyKey);
        if (options?.Ack is { } ack)
            call.Add(KvHeaders.Ack, ack.ToString().ToLowerInvariant());
        return call;
    }

    private string TargetOf(byte[] key, string query)
    {
        var target = KeyPath.Write(KeyRoot.Raw, Name, key);
        return query.Length == 0 ? target : $"{target}{(target.Contains('?') ? '&' : '?')}{query}";
    }

    /// <summary>Names a write as its caller does, or as no other is.</summary>
    private protected void AddName(KvCall call, string? given = null)
    {
        HeaderText.CheckIdempotencyKey(given);
        call.Name = given ?? Guid.CreateVersion7(_time.GetUtcNow()).ToString();
        call.IsNameOurs = given is null;
    }

    /// <summary>A pause of a caller who came too late, so that those who want the same do not march in step.</summary>
    private protected Task StepBackAsync(int lost, CancellationToken cancellation) => Task.Delay(
        TimeSpan.FromMilliseconds(RandomNumberGenerator.GetInt32(1, 5 << Math.Min(lost, MostDoublings))),
        _time,
        cancellation);

    private static void AddTtl(KvCall call, KvWriteOptions? options)
    {
        if (options is { KeepsTimeToLive: true, TimeToLive: not null })
            throw new ArgumentException("A key cannot be kept as before and for a time of its own.", nameof(options));
        if (options is { KeepsTimeToLive: true })
            call.Add(KvHeaders.Ttl, "keep");
        else if (options?.TimeToLive is { } life)
            call.Add(KvHeaders.Ttl, TtlOf(life));
    }

    internal static string TtlOf(TimeSpan life) => life == Timeout.InfiniteTimeSpan
        ? "none"
        : string.Create(CultureInfo.InvariantCulture, $"{(long)life.TotalMilliseconds}ms");

    /// <summary>The key's bytes.</summary>
    /// <exception cref="ArgumentException">
    /// It is empty or too long, has control characters, or is no text: it has half of a surrogate pair.
    /// </exception>
    internal static byte[] BytesOf(string key)
    {
        ArgumentException.ThrowIfNullOrEmpty(key);
        var bytes = KvValues.Utf8.GetBytes(key);
        return KeyPath.Refuse(bytes) is { } refused ? throw new ArgumentException(refused.Detail, nameof(key)) : bytes;
    }

    private static DateTimeOffset MomentOf(string text) =>
        DateTimeOffset.Parse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal);

    private protected static KvVersion VersionOf(KvAnswer answer) =>
        answer.Version ?? throw new KvStoreException("The answer has no version; is it a KvStore?", answer.Done);
}
