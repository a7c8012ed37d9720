using KvStore.ServiceDefaults;

namespace KvStore.Tests.ServiceDefaults;

public sealed class SpanPathsTests
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
    public void A_paths_route_has_no_key(string path, string? route) => Assert.Equal(route, SpanPaths.RouteOf(path));

    [Theory]
    [InlineData("/buckets/b/secret", "/buckets/{bucket}")]
    [InlineData("/buckets/b/KEYS/secret", "/buckets/{bucket}")]
    [InlineData("/buckets/b/secret/keys", "/buckets/{bucket}")]
    public void What_is_no_route_is_not_repeated(string path, string route) =>
        Assert.Equal(route, SpanPaths.RouteOf(path));
}
