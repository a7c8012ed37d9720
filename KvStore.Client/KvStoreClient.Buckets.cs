using System.Runtime.CompilerServices;
using System.Text.Json;
using KvStore.Client.Transport;
using KvStore.Contracts;

namespace KvStore.Client;

/// <summary>The buckets themselves.</summary>
public sealed partial class KvStoreClient
{
    private const int BucketsOfAPage = 1000;

    /// <summary>All buckets, by name.</summary>
    /// <param name="cancellationToken">Ends the reading.</param>
    /// <exception cref="KvStoreException">They cannot be read now.</exception>
    public async IAsyncEnumerable<KvBucketInfo> ListBucketsAsync(
        [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        string? cursor = null;
        do
        {
            var more = cursor is null ? "" : $"&cursor={Uri.EscapeDataString(cursor)}";
            var target = $"{Routes.Buckets}?limit={BucketsOfAPage}{more}";
            var call = new KvCall(HttpMethod.Get, target, "list_buckets") { Timeout = Patience };
            using var answer = await Transport.SendAsync(call, cancellationToken).ConfigureAwait(false);
            var page = answer.Read(ContractsJson.Default.BucketListResponse);
            foreach (var bucket in page.Items)
                yield return KvBucketInfo.Of(bucket);
            cursor = page.Cursor;
        }
        while (cursor is not null);
    }

    /// <summary>Reads a bucket's settings.</summary>
    /// <param name="name">The bucket.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>The bucket; null: it is not there.</returns>
    /// <exception cref="KvStoreException">It cannot be read now.</exception>
    public async Task<KvBucketInfo?> GetBucketAsync(string name, CancellationToken cancellationToken = default)
    {
        using var answer = await Transport.SendAsync(BucketCall(HttpMethod.Get, name, "get_bucket"), cancellationToken)
            .ConfigureAwait(false);
        return answer.IsSuccess ? InfoOf(answer) : null;
    }

    /// <summary>Creates a bucket, unless it is there.</summary>
    /// <param name="name">The bucket.</param>
    /// <param name="settings">Its settings; none are set unless given.</param>
    /// <param name="cancellationToken">Ends the call; it may be created all the same.</param>
    /// <returns>Whether it was created; false: it was there, and has the settings that it had.</returns>
    /// <exception cref="KvStoreException">It is not known, or cannot be done now: <c>Applied</c> tells.</exception>
    public Task<bool> CreateBucketAsync(
        string name, KvBucketSettings? settings = null, CancellationToken cancellationToken = default) =>
        CreateBucketAsync(name, settings, timeout: null, cancellationToken);

    /// <summary>The same, and how long it may take.</summary>
    internal async Task<bool> CreateBucketAsync(
        string name, KvBucketSettings? settings, TimeSpan? timeout, CancellationToken cancellation)
    {
        var call = BucketCall(HttpMethod.Put, name, "create_bucket", settings ?? new KvBucketSettings(), timeout);
        call.Add("If-None-Match", "*");
        using var answer = await Transport.SendAsync(call, cancellation).ConfigureAwait(false);
        return answer.IsSuccess;
    }

    /// <summary>Gives a bucket these settings and no others; creates it where it is not there.</summary>
    /// <param name="name">The bucket.</param>
    /// <param name="settings">All that is set.</param>
    /// <param name="cancellationToken">Ends the call; it may be done all the same.</param>
    /// <returns>The bucket as it is now.</returns>
    /// <exception cref="KvStoreException">It is not known, or cannot be done now: <c>Applied</c> tells.</exception>
    public async Task<KvBucketInfo> SetBucketAsync(
        string name, KvBucketSettings settings, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(settings);
        var call = BucketCall(HttpMethod.Put, name, "set_bucket", settings);
        using var answer = await Transport.SendAsync(call, cancellationToken).ConfigureAwait(false);
        return InfoOf(answer);
    }

    /// <summary>
    /// Reads a bucket's settings, changes them and stores them, again and again until nobody came between.
    /// </summary>
    /// <param name="name">The bucket.</param>
    /// <param name="change">Gives the new settings. May be called several times.</param>
    /// <param name="cancellationToken">Ends the call; it may be done all the same.</param>
    /// <returns>The bucket as it is now; null: it is not there.</returns>
    /// <exception cref="KvStoreException">It is not known, or cannot be done now: <c>Applied</c> tells.</exception>
    public async Task<KvBucketInfo?> UpdateBucketAsync(
        string name,
        Func<KvBucketSettings, KvBucketSettings> change,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(change);
        for (var lost = 1; ; lost++)
        {
            using var read = await Transport
                .SendAsync(BucketCall(HttpMethod.Get, name, "get_bucket"), cancellationToken).ConfigureAwait(false);
            if (!read.IsSuccess)
                return null;
            var call = BucketCall(HttpMethod.Put, name, "set_bucket", change(InfoOf(read).Settings));
            call.Add("If-Match", VersionOf(read).ToString());
            using var answer = await Transport.SendAsync(call, cancellationToken).ConfigureAwait(false);
            if (answer.IsSuccess)
                return InfoOf(answer);
            await StepBackAsync(lost, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Drops a bucket with all its keys; when that is answered, it is gone on every node.</summary>
    /// <param name="name">The bucket; <c>default</c> cannot be dropped.</param>
    /// <param name="cancellationToken">Ends the call; it may be dropped all the same.</param>
    /// <returns>Whether it was there.</returns>
    /// <exception cref="KvStoreException">It is not known, or cannot be done now: <c>Applied</c> tells.</exception>
    public async Task<bool> DropBucketAsync(string name, CancellationToken cancellationToken = default)
    {
        var call = BucketCall(HttpMethod.Delete, name, "drop_bucket");
        using var answer = await Transport.SendAsync(call, cancellationToken).ConfigureAwait(false);
        return answer.IsSuccess;
    }

    private KvCall BucketCall(
        HttpMethod method,
        string name,
        string operation,
        KvBucketSettings? settings = null,
        TimeSpan? timeout = null)
    {
        if (!BucketName.IsValid(name))
            throw new ArgumentException($"'{name}' is no name of a bucket.", nameof(name));
        var isWrite = method != HttpMethod.Get;
        var call = new KvCall(
            method, Routes.Bucket.Replace("{bucket}", name, StringComparison.Ordinal), operation)
        {
            Bucket = name,
            Timeout = timeout ?? Patience,
            IsWrite = isWrite,
            Absence = ProblemType.BucketNotFound,
            Body = settings is null
                ? default(ReadOnlyMemory<byte>?)
                : JsonSerializer.SerializeToUtf8Bytes(settings.ToContract(), ContractsJson.Default.BucketSettings),
            BodyType = "application/json",
        };
        if (isWrite)
            AddName(call);
        return call;
    }

    private static KvBucketInfo InfoOf(KvAnswer answer) =>
        KvBucketInfo.Of(answer.Read(ContractsJson.Default.BucketResponse));
}
