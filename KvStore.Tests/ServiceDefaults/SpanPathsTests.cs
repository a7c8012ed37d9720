using KvStore.Node.Replication.Wire;
using KvStore.ServiceDefaults;
using Microsoft.AspNetCore.Http;

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

    [Theory]
    [InlineData("/v1/secret", "/v1/{key}")]
    [InlineData("/kvstore.peer.v1.Peer/../v1/secret", null)]    // a balancer passes it on as it is
    [InlineData("/kvstore.peer.v1.Peer/secret", null)]
    [InlineData("/%761/secret", null)]
    public void Of_a_call_that_goes_out_no_path_is_repeated_that_may_be_a_key(string path, string? told) =>
        Assert.Equal(told, SpanPaths.KnownRouteOf(path));

    [Theory]
    [InlineData("/alive", true)]
    [InlineData("/ready", true)]
    [InlineData("/health", true)]
    [InlineData("/v1/alive", false)]
    [InlineData("/", true)]
    [InlineData("/metrics", true)]
    [InlineData("/admin/cluster", true)]
    [InlineData("/openapi/v1.json", false)]
    public void Probes_and_operators_are_never_traced(string path, bool isNever) =>
        Assert.Equal(isNever, SpanPaths.IsNeverTraced(new PathString(path)));

    [Fact]
    public void Calls_between_nodes_have_the_names_that_the_protocol_gives_them_and_those_without_an_end_are_links()
    {
        string[] endless = ["FollowChanges", "Link"];
        var calls = Peer.Descriptor.Methods.ToLookup(call => $"/{Peer.Descriptor.FullName}/{call.Name}");
        Assert.All(calls, call => Assert.True(SpanPaths.IsPeerCall(call.Key)));
        Assert.All(calls, call => Assert.Equal(call.Key, SpanPaths.KnownRouteOf(call.Key)));
        Assert.Equal(
            endless,
            calls.Where(call => SpanPaths.IsPeerLink(call.Key)).Select(call => call.Single().Name).Order());
    }
}
