using System.Buffers;
using System.Net;
using KvStore.Client;

namespace KvStore.Tests.Client;

/// <summary>A value that is read into somebody's memory comes whole, or not at all.</summary>
public sealed class ValueReaderTests
{
    [Theory, InlineData(0), InlineData(3), InlineData(9)]
    public async Task What_was_cut_off_is_read_again_and_given_once(int cutAt)
    {
        byte[] value = [.. Enumerable.Range(0, 10).Select(number => (byte)number)];
        using var http = new HttpClient(new Cut(value, cutAt));
        using var client = new KvStoreClient(
            new KvStoreClientSettings { ConnectionString = "http://store" }, http, TimeProvider.System);
        var into = new ArrayBufferWriter<byte>();
        into.Write<byte>([42]);
        using var answer = await client.ReadAsync("k", _ => into, new KvReadOptions(), default);
        Assert.Equal([42, .. value], into.WrittenSpan.ToArray());
    }

    /// <summary>Ends its first answer early.</summary>
    private sealed class Cut(byte[] value, int at) : HttpMessageHandler
    {
        private bool _isSecond;

        protected override Task<HttpResponseMessage> SendAsync(
            HttpRequestMessage request, CancellationToken cancellationToken)
        {
            var content = new StreamContent(new MemoryStream(_isSecond ? value : value[..at]));
            content.Headers.ContentLength = value.Length;
            _isSecond = true;
            return Task.FromResult(new HttpResponseMessage(HttpStatusCode.OK) { Content = content });
        }
    }
}
