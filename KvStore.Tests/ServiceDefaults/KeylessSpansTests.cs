using System.Diagnostics;
using KvStore.ServiceDefaults;

namespace KvStore.Tests.ServiceDefaults;

public sealed class KeylessSpansTests
{
    [Theory]
    [InlineData("/v1/secret", "/v1/{key}")]
    [InlineData("/V1/a/b", "/v1/{key}")]
    [InlineData("/v1/", "/v1")]
    [InlineData("/v1", "/v1")]
    [InlineData("/buckets", "/buckets")]
    [InlineData("/buckets/carts", "/buckets/{bucket}")]
    [InlineData("/buckets/carts/keys", "/buckets/{bucket}/keys")]
    [InlineData("/buckets/carts/keys/secret/more", "/buckets/{bucket}/keys/{key}")]
    [InlineData("/buckets/carts/watch", "/buckets/{bucket}/watch")]
    [InlineData("/v12/a", null)]
    [InlineData("/health", null)]
    public void A_paths_route_has_no_key(string path, string? route) => Assert.Equal(route, KeylessSpans.RouteOf(path));

    [Theory]
    [InlineData("/buckets/b/secret", "/buckets/{bucket}")]
    [InlineData("/buckets/b/KEYS/secret", "/buckets/{bucket}")]
    [InlineData("/buckets/b/secret/keys", "/buckets/{bucket}")]
    public void What_is_no_route_is_not_repeated(string path, string route) =>
        Assert.Equal(route, KeylessSpans.RouteOf(path));

    [Fact]
    public void A_span_that_is_told_has_neither_the_path_nor_the_query_of_a_key()
    {
        using var spans = new KeylessSpans();
        using var server = Span(
            ActivityKind.Server, ("url.path", "/v1"), ("url.query", "key=secret"), ("http.request.method", "GET"));
        using var client = Span(ActivityKind.Client, ("url.full", "http://localhost:8001/v1/secret?wait=1"));
        using var other = Span(ActivityKind.Client, ("url.full", "http://localhost:8001/openapi/v1.json"));
        foreach (var span in (Activity[])[server, client, other])
            spans.OnEnd(span);

        Assert.Null(server.GetTagItem("url.query"));
        Assert.Equal("GET /v1", server.DisplayName);
        Assert.Equal("http://localhost:8001/v1/{key}", client.GetTagItem("url.full"));
        Assert.Equal("http://localhost:8001/openapi/v1.json", other.GetTagItem("url.full"));
    }

    private static Activity Span(ActivityKind kind, params (string Name, string Value)[] tags)
    {
        using var source = new ActivitySource(nameof(KeylessSpansTests));
        using var listener = new ActivityListener
        {
            ShouldListenTo = heard => heard.Name == nameof(KeylessSpansTests),
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
        };
        ActivitySource.AddActivityListener(listener);
        var span = source.StartActivity("HTTP", kind)!;
        foreach (var (name, value) in tags)
            span.SetTag(name, value);
        return span;
    }
}
