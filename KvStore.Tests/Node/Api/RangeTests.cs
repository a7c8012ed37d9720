namespace KvStore.Tests.Node.Api;

/// <summary>Parts of a value (RFC 9110, section 14).</summary>
public sealed class RangeTests : IAsyncLifetime
{
    private const string Key = "/buckets/default/keys/k";
    private ApiNode _node = null!;
    private string _etag = "";

    public async ValueTask InitializeAsync()
    {
        _node = await ApiNode.StartAsync();
        _etag = (await _node.SendBodyAsync("PUT", Key, "0123456789", "Content-Type: text/plain"))["ETag"]!;
    }

    public ValueTask DisposeAsync() => _node.DisposeAsync();

    [Theory]
    [InlineData("bytes=0-3", "0123", "bytes 0-3/10")]
    [InlineData("bytes=4-4", "4", "bytes 4-4/10")]
    [InlineData("bytes=7-", "789", "bytes 7-9/10")]
    [InlineData("bytes=7-100", "789", "bytes 7-9/10")]
    [InlineData("bytes=-3", "789", "bytes 7-9/10")]
    [InlineData("bytes=-100", "0123456789", "bytes 0-9/10")]
    [InlineData("BYTES=0-99999999999999999999", "0123456789", "bytes 0-9/10")]
    public async Task One_range_is_given_as_it_is_asked_for(string range, string part, string contentRange)
    {
        var read = await _node.SendAsync("GET", Key, "Range: " + range, "Want-Content-Digest: sha-256");

        Assert.Equal((206, part, contentRange), (read.Status, read.Body, read["Content-Range"]));
        Assert.Equal((_etag, "text/plain"), (read["ETag"], read["Content-Type"]));
        var whole = await _node.SendAsync("GET", Key, "Want-Content-Digest: sha-256");
        Assert.Equal(part.Length == 10, whole["Content-Digest"] == read["Content-Digest"]);    // it is of what is sent
    }

    [Theory]
    [InlineData("bytes=10-")]
    [InlineData("bytes=10-20")]
    [InlineData("bytes=99999999999999999999-")]
    [InlineData("bytes=-0")]
    public async Task A_range_beyond_the_value_is_refused_with_its_length(string range)
    {
        var read = await _node.SendAsync("GET", Key, "Range: " + range);

        Assert.Equal((416, "range-not-satisfiable"), (read.Status, read.Problem.Code));
        Assert.Equal("bytes */10", read["Content-Range"]);
    }

    [Theory]
    [InlineData("bytes=0-1, 3-4")]
    [InlineData("bytes=5-2")]
    [InlineData("bytes=a-b")]
    [InlineData("bytes=-")]
    [InlineData("bytes=")]
    [InlineData("bytes=--1")]
    [InlineData("bytes=0")]
    [InlineData("items=0-1")]
    [InlineData("bytes=0-1\r\nRange: bytes=0-1")]
    public async Task Several_ranges_and_what_is_none_are_passed_over(string range)
    {
        var read = await _node.SendAsync("GET", Key, "Range: " + range);

        Assert.Equal((200, "0123456789", null), (read.Status, read.Body, read["Content-Range"]));
    }

    [Fact]
    public async Task If_range_gives_the_part_of_the_same_version_and_else_the_whole()
    {
        Assert.Equal(206, await StatusWith(_etag));
        Assert.Equal(200, await StatusWith("\"other\""));
        Assert.Equal(200, await StatusWith("W/" + _etag));
        Assert.Equal(200, await StatusWith("Sat, 01 Jan 2000 00:00:00 GMT"));
        Assert.Equal(304, (await _node.SendAsync(
            "GET", Key, "Range: bytes=0-1", $"If-None-Match: {_etag}")).Status);

        async Task<int> StatusWith(string ifRange) =>
            (await _node.SendAsync("GET", Key, "Range: bytes=0-1", "If-Range: " + ifRange)).Status;
    }

    [Fact]
    public async Task An_empty_value_has_no_parts()
    {
        await _node.SendBodyAsync("PUT", Key, "");

        var read = await _node.SendAsync("GET", Key, "Range: bytes=0-");
        Assert.Equal((416, "bytes */0"), (read.Status, read["Content-Range"]));
        Assert.Equal(200, (await _node.SendAsync("GET", Key, "Range: bytes=-5")).Status);
    }

    [Theory]
    [InlineData("/v1/k")]
    [InlineData(Key + "?format=json")]
    [InlineData(Key + "?format=meta")]
    public async Task Only_the_raw_face_has_parts(string target) =>
        Assert.Equal(200, (await _node.SendAsync("GET", target, "Range: bytes=0-1")).Status);
}
