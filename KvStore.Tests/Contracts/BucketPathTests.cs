using System.Text;
using KvStore.Contracts;

namespace KvStore.Tests.Contracts;

/// <summary>Keys of buckets, keys in the query, and what lies beside them.</summary>
public sealed class BucketPathTests
{
    [Theory]
    [InlineData("/v1/a%2Fb", "default", KeyRoot.Envelope, "a/b")]
    [InlineData("/v1/a%252Fb", "default", KeyRoot.Envelope, "a%2Fb")]
    [InlineData("/buckets/default/keys/a%2Fb", "default", KeyRoot.Raw, "a/b")]
    [InlineData("/buckets/default/keys/a%252Fb", "default", KeyRoot.Raw, "a%2Fb")]
    [InlineData("/buckets/pics/keys/cats/1.png", "pics", KeyRoot.Raw, "cats/1.png")]
    [InlineData("/buckets/0._-/keys/keys", "0._-", KeyRoot.Raw, "keys")]
    [InlineData("/buckets/keys/keys/keys/keys", "keys", KeyRoot.Raw, "keys/keys")]
    [InlineData("/buckets/b/keys/%2F", "b", KeyRoot.Raw, "/")]
    public void The_path_names_bucket_and_key(string target, string bucket, KeyRoot root, string key) =>
        AssertNames(target, bucket, root, key, "");

    [Theory]
    [InlineData("/v1?key=..", "..", "")]
    [InlineData("/v1/?key=.", ".", "")]
    [InlineData("/v1?key=a//b/", "a//b/", "")]
    [InlineData("/v1?key=a%5Cb", "a\\b", "")]
    [InlineData("/v1?key=a+b%2B=c?d", "a+b+=c?d", "")]
    [InlineData("/v1?key=a%252Fb", "a%2Fb", "")]
    [InlineData("/v1?k%65y=a%26", "a&", "")]
    [InlineData("/v1?key=a&ack=one", "a", "ack=one")]
    [InlineData("/v1?ack=one&key=a", "a", "ack=one")]
    [InlineData("/v1?ack=one&key=a&timeout=%31s", "a", "ack=one&timeout=%31s")]
    [InlineData("/v1?key=a&", "a", "&")]
    [InlineData("/v1?&key=a", "a", "&")]
    [InlineData("/v1?key64=Li4", "..", "")]
    [InlineData("/v1?key64=w6Q_Pz8-&x=", "ä???>", "x=")]
    public void The_query_names_keys_that_a_path_cannot_carry(string target, string key, string rest)
    {
        AssertNames(target, "default", KeyRoot.Envelope, key, rest);
        var query = target[target.IndexOf('?')..];
        AssertNames("/buckets/b/keys" + query, "b", KeyRoot.Raw, key, rest);
    }

    [Theory]
    [InlineData("/v1", "default", KeyRoot.Envelope, "")]
    [InlineData("/v1/", "default", KeyRoot.Envelope, "")]
    [InlineData("/v1?", "default", KeyRoot.Envelope, "")]
    [InlineData("/v1/?prefix=/v1/", "default", KeyRoot.Envelope, "prefix=/v1/")]
    [InlineData("/v1?Key=a&keys=b&akey=c", "default", KeyRoot.Envelope, "Key=a&keys=b&akey=c")]
    [InlineData("/buckets/default/keys", "default", KeyRoot.Raw, "")]
    [InlineData("/buckets/b/keys?limit=1&x=key=a", "b", KeyRoot.Raw, "limit=1&x=key=a")]
    public void Without_a_key_all_are_meant(string target, string bucket, KeyRoot root, string query) =>
        Assert.Equal(new KeyTarget.Collection(bucket, root, query), KeyPath.Parse(target));

    [Theory]
    [InlineData("/buckets", "", "")]
    [InlineData("/buckets/", "", "")]
    [InlineData("/buckets?x", "", "x")]
    [InlineData("/buckets/b", "", "")]
    [InlineData("/buckets/b/", "/", "")]
    [InlineData("/buckets/keys", "", "")]
    [InlineData("/buckets/b/batch?stop_on_error=true", "/batch", "stop_on_error=true")]
    [InlineData("/buckets/b/keysx/a", "/keysx/a", "")]
    [InlineData("/buckets/b/import/", "/import/", "")]
    [InlineData("/buckets/b/Keys/a", "/Keys/a", "")]
    public void All_else_below_buckets_is_for_the_router(string target, string rest, string query) =>
        Assert.Equal(new KeyTarget.BucketRoute(rest, query), KeyPath.Parse(target));

    [Theory]
    [InlineData("/buckets/B/keys/a", "bucket-invalid")]
    [InlineData("/buckets/-b", "bucket-invalid")]
    [InlineData("/buckets/.b/batch", "bucket-invalid")]
    [InlineData("/buckets/..", "bucket-invalid")]
    [InlineData("/buckets/%62/keys/a", "bucket-invalid")]
    [InlineData("/buckets//keys/a", "bucket-invalid")]
    [InlineData("/buckets/b b/keys/a", "bucket-invalid")]
    [InlineData("/buckets/ä/keys/a", "bucket-invalid")]
    [InlineData("/buckets/0123456789012345678901234567890123456789012345678901234567890123", "bucket-invalid")]
    [InlineData("/buckets/b/%6Beys/a", "target-invalid")]
    [InlineData("/buckets/b//batch", "target-invalid")]
    [InlineData("/buckets/b/./batch", "target-invalid")]
    [InlineData("/buckets/b/x/..", "target-invalid")]
    [InlineData("/buckets/b/x\\..\\batch", "target-invalid")]
    [InlineData("/buckets/b/keys/", "key-invalid")]
    [InlineData("/buckets/b/keys/?key=a", "key-invalid")]
    [InlineData("/buckets/b/keys/a//b", "key-invalid")]
    [InlineData("/buckets/b/keys/a%5Cb", "target-invalid")]
    [InlineData("/v1?key", "key-invalid")]
    [InlineData("/v1?key=", "key-invalid")]
    [InlineData("/v1?key64=", "key-invalid")]
    [InlineData("/v1?key=%00", "key-invalid")]
    [InlineData("/v1?key=%0A", "key-invalid")]
    [InlineData("/v1?key=%FF", "key-invalid")]
    [InlineData("/v1?key=%", "target-invalid")]
    [InlineData("/v1?key=%zz", "target-invalid")]
    [InlineData("/v1?key=a b", "target-invalid")]
    [InlineData("/v1?key=a\\b", "target-invalid")]
    [InlineData("/v1?key=ä", "target-invalid")]
    [InlineData("/v1?key64=YQ==", "key-invalid")]
    [InlineData("/v1?key64=Y", "key-invalid")]
    [InlineData("/v1?key64=YR", "key-invalid")]
    [InlineData("/v1?key64=Y Q", "key-invalid")]
    [InlineData("/v1?key64=Pz8/", "key-invalid")]
    [InlineData("/v1?key64=%59Q", "key-invalid")]
    [InlineData("/v1?key64=AA", "key-invalid")]
    [InlineData("/v1?key64=_w", "key-invalid")]
    [InlineData("/v1?key=a&key=a", "query-invalid")]
    [InlineData("/v1?key=a&key64=YQ", "query-invalid")]
    [InlineData("/v1?key64=YQ&x=y&%6bey64=YQ", "query-invalid")]
    public void What_cannot_be_meant_is_refused(string target, string code) =>
        Assert.Equal(code, Assert.IsType<KeyTarget.Invalid>(KeyPath.Parse(target)).Problem.Code);

    [Fact]
    public void In_the_query_too_a_key_has_1024_bytes_at_most()
    {
        Assert.IsType<KeyTarget.Key>(KeyPath.Parse("/v1?key=" + new string('k', 1024)));
        var longest = string.Concat(Enumerable.Repeat("YWFh", 341)) + "YQ";
        Assert.IsType<KeyTarget.Key>(KeyPath.Parse("/v1?key64=" + longest));
        foreach (var target in (string[])["/v1?key=" + new string('k', 1025), "/v1?key64=" + new string('A', 1368)])
            Assert.Equal("key-too-long", Assert.IsType<KeyTarget.Invalid>(KeyPath.Parse(target)).Problem.Code);
    }

    [Theory]
    [InlineData("a/b c", "/buckets/b/keys/a/b%20c")]
    [InlineData("ä+%", "/buckets/b/keys/%C3%A4%2B%25")]
    [InlineData("...", "/buckets/b/keys/...")]
    [InlineData("..", "/buckets/b/keys?key=..")]
    [InlineData("a//b", "/buckets/b/keys?key=a%2F%2Fb")]
    [InlineData("a\\b", "/buckets/b/keys?key=a%5Cb")]
    public void A_key_is_written_into_the_path_where_the_path_can_carry_it(string key, string target) =>
        Assert.Equal(target, KeyPath.Write(KeyRoot.Raw, "b", Encoding.UTF8.GetBytes(key)));

    private static void AssertNames(string target, string bucket, KeyRoot root, string key, string query)
    {
        var parsed = Assert.IsType<KeyTarget.Key>(KeyPath.Parse(target));

        Assert.Equal((bucket, root, query), (parsed.Bucket, parsed.Root, parsed.Query));
        Assert.Equal(key, Encoding.UTF8.GetString(parsed.Bytes.Span));
    }
}
