using System.Buffers;
using KvStore.Client.Transport;

namespace KvStore.Client;

/// <summary>What stands upon a bucket asks for more than the typed calls give.</summary>
public partial class KvBucket
{
    /// <summary>Reads a key as it is stored.</summary>
    /// <param name="key">The key.</param>
    /// <param name="into">Chooses who gets the value, once and whole; null: the answer has it.</param>
    /// <param name="options">How.</param>
    /// <param name="cancellation">Ends the call.</param>
    internal Task<KvAnswer> ReadAsync(
        string key,
        Func<KvAnswer, IBufferWriter<byte>?>? into,
        KvReadOptions options,
        CancellationToken cancellation)
    {
        var call = ReadOf(key, "", options);
        call.Into = into;
        return _transport.SendAsync(call, cancellation);
    }

    /// <summary>As <see cref="ReadAsync"/>, without the value.</summary>
    internal Task<KvAnswer> ReadMetaAsync(string key, KvReadOptions options, CancellationToken cancellation) =>
        _transport.SendAsync(ReadOf(key, "format=meta", options), cancellation);

    /// <summary>Changes when a key ends, if it has the version that was read.</summary>
    internal async Task<bool> TouchIfAsync(
        string key, TimeSpan timeToLive, KvVersion expected, KvWriteOptions options, CancellationToken cancellation)
    {
        var call = WriteOf(HttpMethod.Post, key, $"touch&ttl={TtlOf(timeToLive)}", "touch", options);
        call.Add("If-Match", expected.ToString());
        using var answer = await _transport.SendAsync(call, cancellation).ConfigureAwait(false);
        return answer.IsSuccess;
    }
}
