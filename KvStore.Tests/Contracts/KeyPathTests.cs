using System.Text;
using KvStore.Contracts;

namespace KvStore.Tests.Contracts;

public sealed class KeyPathTests
{
    [Theory]
    [InlineData("/v1/hello", "hello")]
    [InlineData("/v1/users/7", "users/7")]
    [InlineData("/v1/a%2Fb", "a/b")]
    [InlineData("/v1/a%2fb", "a/b")]
    [InlineData("/v1/a%252Fb", "a%2Fb")]
    [InlineData("/v1/a%255cb", "a%5cb")]
    [InlineData("/v1/a%2F%2Fb", "a//b")]
    [InlineData("/v1/%2Fa", "/a")]
    [InlineData("/v1/a%2F", "a/")]
    [InlineData("/v1/%2F", "/")]
    [InlineData("/v1/a%2F..%2Fb", "a/../b")]
    [InlineData("/v1/%25", "%")]
    [InlineData("/v1/a%20b", "a b")]
    [InlineData("/v1/a+b", "a+b")]
    [InlineData("/v1/%C3%A4%E2%82%AC%F0%9F%98%80", "ä€😀")]
    [InlineData("/v1/a%3Fb", "a?b")]
    [InlineData("/v1/a%23b", "a#b")]
    [InlineData("/v1/{user}.x", "{user}.x")]
    [InlineData("/v1/...", "...")]
    [InlineData("/v1/.a", ".a")]
    [InlineData("/v1/a..b/c.", "a..b/c.")]
    [InlineData("/v1/%2e%2e%2e", "...")]
    [InlineData("/v1/v1", "v1")]
    public void A_target_below_v1_is_a_key(string target, string key)
    {
        var parsed = Assert.IsType<KeyTarget.Key>(KeyPath.Parse(target));

        Assert.Equal(key, Encoding.UTF8.GetString(parsed.Bytes.Span));
        Assert.Equal("", parsed.Query);
    }

    [Theory]
    [InlineData("/v1/a?", "")]
    [InlineData("/v1/a?consistency=eventual", "consistency=eventual")]
    [InlineData("/v1/a?x=%zz/../\\", "x=%zz/../\\")]
    [InlineData("/v1/a?b?c", "b?c")]
    public void The_query_is_cut_off_and_left_as_it_is(string target, string query)
    {
        var parsed = Assert.IsType<KeyTarget.Key>(KeyPath.Parse(target));

        Assert.Equal("a", Encoding.UTF8.GetString(parsed.Bytes.Span));
        Assert.Equal(query, parsed.Query);
    }

    [Theory]
    [InlineData("/")]
    [InlineData("/V1/a")]
    [InlineData("/v11/a")]
    [InlineData("/%761/a")]
    [InlineData("//v1/a")]
    [InlineData("/x/../v1/a")]
    [InlineData("/health")]
    [InlineData("/Buckets/b/keys/a")]
    [InlineData("/bucketss/b/keys/a")]
    [InlineData("/%62uckets/b/keys/a")]
    [InlineData("/admin/cluster?v1/a")]
    public void Anything_else_is_another_route(string target) =>
        Assert.IsType<KeyTarget.OtherRoute>(KeyPath.Parse(target));

    [Theory]
    [InlineData("/v1//")]
    [InlineData("/v1//a")]
    [InlineData("/v1/a//b")]
    [InlineData("/v1/a/")]
    [InlineData("/v1/.")]
    [InlineData("/v1/..")]
    [InlineData("/v1/./a")]
    [InlineData("/v1/a/./b")]
    [InlineData("/v1/a/../b")]
    [InlineData("/v1/a/..")]
    [InlineData("/v1/%2e")]
    [InlineData("/v1/%2E%2e")]
    [InlineData("/v1/.%2e/a")]
    [InlineData("/v1/%2e./a")]
    [InlineData("/v1/a/%2e%2e/b")]
    [InlineData("/v1/../../etc/passwd")]
    [InlineData("/v1/%00")]
    [InlineData("/v1/a%00b")]
    [InlineData("/v1/a%0Ab")]
    [InlineData("/v1/a%0d%0aSet-Cookie:x")]
    [InlineData("/v1/a%1Fb")]
    [InlineData("/v1/a%7f")]
    [InlineData("/v1/a\u0001")]
    [InlineData("/v1/%80")]
    [InlineData("/v1/%C3")]
    [InlineData("/v1/%C3/%A4")]
    [InlineData("/v1/%C0%AF")]
    [InlineData("/v1/%C0%80")]
    [InlineData("/v1/%ED%A0%80")]
    [InlineData("/v1/%F4%90%80%80")]
    [InlineData("/v1/%FF%FE")]
    public void A_key_that_is_not_safe_in_a_path_is_refused(string target) => AssertRefused(target, "key-invalid", 400);

    [Theory]
    [InlineData("/v1/%")]
    [InlineData("/v1/a%2")]
    [InlineData("/v1/a%zz")]
    [InlineData("/v1/a%2G")]
    [InlineData("/v1/a%?b")]
    [InlineData("/v1/a%%32F")]
    [InlineData("/v1/%u0041")]
    [InlineData("/v1/%+1")]
    [InlineData("/v1/a\\b")]
    [InlineData("/v1/a%5Cb")]
    [InlineData("/v1/..%5c..")]
    [InlineData("/v1/a#b")]
    [InlineData("/v1/a b")]
    [InlineData("/v1/ä")]
    [InlineData("/v1/\u0080")]
    [InlineData("/v1/\uD800")]
    [InlineData("*")]
    [InlineData("")]
    [InlineData("v1/a")]
    [InlineData("localhost:9000")]
    [InlineData("http://localhost:9000/v1/a")]
    [InlineData("https://elsewhere/v1/a")]
    public void A_target_that_is_no_path_is_refused(string target) => AssertRefused(target, "target-invalid", 400);

    [Theory]
    [InlineData("a", 1024, 1025)]
    [InlineData("%61", 1024, 1025)]
    [InlineData("%C3%A4", 512, 513)]
    [InlineData("a/", 512, 513)]
    public void A_key_may_have_1024_bytes_decoded_and_no_more(string unit, int fits, int isTooLong)
    {
        var longest = "/v1/" + string.Concat(Enumerable.Repeat(unit, fits));
        if (longest.EndsWith('/'))
            longest = longest[..^1] + "b";

        Assert.Equal(1024, Assert.IsType<KeyTarget.Key>(KeyPath.Parse(longest)).Bytes.Length);
        AssertRefused("/v1/" + string.Concat(Enumerable.Repeat(unit, isTooLong)), "key-too-long", 414);
        AssertRefused("/v1/" + string.Concat(Enumerable.Repeat("%00/../", 2000)), "key-too-long", 414);
    }

    [Fact]
    public void Reading_a_key_allocates_its_bytes_and_the_answer_alone()
    {
        const string Target = "/v1/users/%C3%A4%2F7";
        KeyPath.Parse(Target);

        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 100; i++)
            KeyPath.Parse(Target);
        var each = (GC.GetAllocatedBytesForCurrentThread() - before) / 100;
        Assert.InRange(each, 1, 40 + 56);    // an array of ten bytes; a record of its place, two strings and an enum
    }

    private static void AssertRefused(string target, string code, int status)
    {
        var refused = Assert.IsType<KeyTarget.Invalid>(KeyPath.Parse(target));

        Assert.Equal(code, refused.Problem.Code);
        Assert.Equal(status, refused.Problem.Status);
        Assert.EndsWith(".", refused.Detail.TrimEnd(')'), StringComparison.Ordinal);
    }
}
