using System.Text;
using KvStore.Contracts;
using KvStore.Node.Api;

namespace KvStore.Tests.Node.Api;

public sealed class EntryReaderTests
{
    [Theory]
    [InlineData("")]
    [InlineData(" ")]
    [InlineData("{")]
    [InlineData("{}")]
    [InlineData("1")]
    [InlineData("null")]
    [InlineData("[1]")]
    [InlineData("{\"value\"}")]
    [InlineData("{\"value\":}")]
    [InlineData("{\"value\":1")]
    [InlineData("{\"value\":1,}")]
    [InlineData("{\"value\":1} x")]
    [InlineData("{\"value\":1}{\"value\":2}")]
    [InlineData("{\"value\":1}\0")]
    [InlineData("{\"value\":1,\"value\":2}")]
    [InlineData("{\"value\":1,\"v\\u0061lue\":2}")]
    [InlineData("{\"value\":{\"a\":1,\"a\":2}}")]
    [InlineData("{\"value\":[{\"a\":{\"b\":1,\"\\u0062\":2}}]}")]
    [InlineData("{\"value\":1,\"other\":2}")]
    [InlineData("{\"Value\":1}")]
    [InlineData("{\"value\":1,\"ttl\":\"60s\"}")]
    [InlineData("{\"value\":1,\"contentType\":\"text/plain\"}")]
    [InlineData("{\"value\":1,\"base64\":\"\"}")]
    [InlineData("{\"contentType\":\"text/plain\"}")]
    [InlineData("{\"base64\":1}")]
    [InlineData("{\"base64\":\"?\"}")]
    [InlineData("{\"base64\":\"AA\"}")]
    [InlineData("{\"base64\":\"\",\"contentType\":1}")]
    [InlineData("{\"base64\":\"\",\"contentType\":\"nonsense\"}")]
    [InlineData("{\"base64\":\"\",\"contentType\":\"a/\\u00e9\"}")]
    [InlineData("{\"value\":NaN}")]
    [InlineData("{\"value\":Infinity}")]
    [InlineData("{\"value\":1e999}")]
    [InlineData("{\"value\":[-1e999]}")]
    [InlineData("{\"value\":01}")]
    [InlineData("{\"value\":'a'}")]
    [InlineData("{\"value\":1 /* comment */}")]
    [InlineData("{\"value\":\"\\ud800\"}")]
    [InlineData("{\"value\":{\"\\udc00\":1}}")]
    [InlineData("{\"value\":[\"\\ud800x\"]}")]
    [InlineData("\uFEFF{\"value\":1}")]
    public void What_two_readers_could_read_differently_is_refused(string body)
    {
        var wrong = EntryReader.Read(RequestWith(Encoding.UTF8.GetBytes(body)));

        Assert.NotNull(wrong);
        Assert.EndsWith(".", wrong, StringComparison.Ordinal);
    }

    [Fact]
    public void Bytes_that_are_no_UTF8_are_refused() =>
        Assert.NotNull(EntryReader.Read(RequestWith([.. "{\"value\":\""u8, 0xC3, 0x28, .. "\"}"u8])));

    [Fact]
    public void A_value_may_be_32_levels_deep_and_no_deeper()
    {
        Assert.Null(EntryReader.Read(RequestWith(Encoding.UTF8.GetBytes(Nested(32)))));
        Assert.NotNull(EntryReader.Read(RequestWith(Encoding.UTF8.GetBytes(Nested(33)))));
        Assert.NotNull(EntryReader.Read(RequestWith(Encoding.UTF8.GetBytes(Nested(100_000)))));

        static string Nested(int depth) => $"{{\"value\":{new string('[', depth)}{new string(']', depth)}}}";
    }

    [Theory]
    [InlineData("{\"value\":1}", "1")]
    [InlineData(" { \"value\" : [ 1 , 2 ] } \n", "[ 1 , 2 ]")]
    [InlineData("{\"value\":{\"a\":[{\"a\":1},{\"a\":2}],\"b\":{}}}", "{\"a\":[{\"a\":1},{\"a\":2}],\"b\":{}}")]
    [InlineData("{\"v\\u0061lue\":\"\\ud83d\\ude00\"}", "\"\\ud83d\\ude00\"")]
    [InlineData("{\"value\":-0.1e-300}", "-0.1e-300")]
    public void The_values_text_is_kept_as_it_came(string body, string value)
    {
        var request = RequestWith(Encoding.UTF8.GetBytes(body));

        Assert.Null(EntryReader.Read(request));
        Assert.Equal(value, Encoding.UTF8.GetString(request.Value.Span));
    }

    private static KeyRequest RequestWith(byte[] body) => new()
    {
        Verb = Verb.Post,
        RawTarget = "/v1/k",
        Bucket = BucketName.Default,
        Root = KeyRoot.Envelope,
        Key = "k"u8.ToArray(),
        Body = body,
    };
}
