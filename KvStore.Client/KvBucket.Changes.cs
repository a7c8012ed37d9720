using System.Net;
using System.Text.Json;
using KvStore.Contracts;

namespace KvStore.Client;

/// <summary>Changes that are carried out where the value is stored, so that no other write comes in between.</summary>
public partial class KvBucket
{
    /// <summary>Adds to a number: the value is a decimal integer of 64 bits.</summary>
    /// <param name="key">The key.</param>
    /// <param name="by">What is added.</param>
    /// <param name="initial">What it is added to when the key is not there.</param>
    /// <param name="options">How; its time to live is kept unless given. Metadata and type are not looked at.</param>
    /// <param name="cancellationToken">Ends the call; the write may be done all the same.</param>
    /// <returns>The sum.</returns>
    /// <exception cref="KvStoreException">
    /// What is stored is no number, or the sum is none of 64 bits; or it cannot be done now: <c>Applied</c> tells.
    /// </exception>
    public async Task<long> IncrementAsync(
        string key,
        long by = 1,
        long initial = 0,
        KvWriteOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        var request = new IncrementRequest { By = by, Initial = initial };
        var body = JsonSerializer.SerializeToUtf8Bytes(request, ContractsJson.Default.IncrementRequest);
        var call = WriteOf(HttpMethod.Patch, key, "", "increment", options, body, KvMediaTypes.Increment);
        AddTtl(call, options);
        call.Add(KvHeaders.Prefer, "return=representation");
        using var answer = await _transport.SendAsync(call, cancellationToken).ConfigureAwait(false);
        return answer.Read(ContractsJson.Default.EntryResponse).Value.GetInt64();
    }

    /// <summary>
    /// Changes members of a value that is JSON, by a merge patch (RFC 7396): members of the patch take the place of
    /// those of their names, those that are null are removed, all others stay.
    /// </summary>
    /// <typeparam name="TPatch">
    /// What the patch is made of: JSON is made of it as of a value; a <c>string</c> and bytes are JSON already.
    /// </typeparam>
    /// <param name="key">The key.</param>
    /// <param name="patch">The changes. A property that is null removes its member, unless it is not written.</param>
    /// <param name="options">How; its time to live is kept unless given. Metadata and type are not looked at.</param>
    /// <param name="cancellationToken">Ends the call; the write may be done all the same.</param>
    /// <returns>The version that it made; null: the key is not there.</returns>
    /// <exception cref="KvStoreException">
    /// The patch or what is stored is no JSON; or it cannot be done now: <c>Applied</c> tells.
    /// </exception>
    public async Task<KvVersion?> MergeAsync<TPatch>(
        string key, TPatch patch, KvWriteOptions? options = null, CancellationToken cancellationToken = default) =>
        (await MergeIfAsync(key, patch, null, options, cancellationToken).ConfigureAwait(false)).Version;

    /// <summary>The same if the key has the version that was read.</summary>
    /// <typeparam name="TPatch">As of the other one.</typeparam>
    /// <param name="key">The key.</param>
    /// <param name="patch">The changes.</param>
    /// <param name="expected">The version.</param>
    /// <param name="options">How; its time to live is kept unless given. Metadata and type are not looked at.</param>
    /// <param name="cancellationToken">Ends the call; the write may be done all the same.</param>
    /// <exception cref="KvStoreException">
    /// The patch or what is stored is no JSON; or it cannot be done now: <c>Applied</c> tells.
    /// </exception>
    public Task<KvWriteResult> MergeAsync<TPatch>(
        string key,
        TPatch patch,
        KvVersion expected,
        KvWriteOptions? options = null,
        CancellationToken cancellationToken = default) =>
        MergeIfAsync(key, patch, expected, options, cancellationToken);

    /// <summary>Changes when a key ends, and nothing else of it.</summary>
    /// <param name="key">The key.</param>
    /// <param name="timeToLive">
    /// How long it is kept from now: 1 ms to ten years; <see cref="Timeout.InfiniteTimeSpan"/>: for ever.
    /// </param>
    /// <param name="options">How; what concerns a value is not looked at.</param>
    /// <param name="cancellationToken">Ends the call; the write may be done all the same.</param>
    /// <returns>Whether the key is there.</returns>
    /// <exception cref="KvStoreException">It is not known, or cannot be done now: <c>Applied</c> tells.</exception>
    public async Task<bool> TouchAsync(
        string key,
        TimeSpan timeToLive,
        KvWriteOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        var call = WriteOf(HttpMethod.Post, key, $"touch&ttl={TtlOf(timeToLive)}", "touch", options);
        using var answer = await _transport.SendAsync(call, cancellationToken).ConfigureAwait(false);
        return answer.IsSuccess;
    }

    private async Task<KvWriteResult> MergeIfAsync<TPatch>(
        string key, TPatch patch, KvVersion? expected, KvWriteOptions? options, CancellationToken cancellation)
    {
        var body = _values.Write(patch).Bytes;
        var call = WriteOf(HttpMethod.Patch, key, "", "merge", options, body, KvMediaTypes.MergePatch);
        AddTtl(call, options);
        if (expected is { } version)
            call.Add("If-Match", version.ToString());
        call.Add(KvHeaders.Prefer, "return=minimal");
        using var answer = await _transport.SendAsync(call, cancellation).ConfigureAwait(false);
        if (answer.Status == HttpStatusCode.NotFound)
            return new KvWriteResult(false, null);
        return new KvWriteResult(answer.IsSuccess, answer.IsSuccess ? VersionOf(answer) : answer.Version);
    }
}
