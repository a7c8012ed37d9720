using KvStore.Balancer.Membership;
using KvStore.Balancer.Routing;
using KvStore.Contracts;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;

namespace KvStore.Tests.Balancer;

public sealed class ForwardedCallTests
{
    [Theory]
    [InlineData(0, "9750ms", "wait=30")]
    [InlineData(12, "9750ms", "wait=20")]    // of 33 s, a tenth more than it is asked for, 21 are left
    [InlineData(31, "9750ms", "wait=2")]
    [InlineData(34, "8750ms", "wait=0")]
    public async Task A_later_attempt_waits_only_for_what_is_left(int elapsedSeconds, string timeout, string prefer)
    {
        var context = new DefaultHttpContext();
        context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget = "/v1/k";
        context.Request.Method = "GET";
        context.Request.Headers[KvHeaders.Prefer] = "wait=30";
        var time = new FakeTimeProvider();
        var views = new CurrentView(time, NullLogger<CurrentView>.Instance);
        var call = new ForwardedCall(OwnerRoute.Of(context), views, time);
        call.Start(TimeSpan.FromSeconds(10));
        time.Advance(TimeSpan.FromSeconds(elapsedSeconds));

        using var request = new HttpRequestMessage(HttpMethod.Get, (Uri?)null);
        await call.TransformRequestAsync(context, request, "http://node1:8000", CancellationToken.None);

        Assert.Equal(timeout, Assert.Single(request.Headers.GetValues(KvHeaders.Timeout)));
        Assert.Equal(prefer, Assert.Single(request.Headers.GetValues(KvHeaders.Prefer)));
    }
}
