using System.Diagnostics;
using KvStore.ServiceDefaults;
using Microsoft.Extensions.Configuration;
using OpenTelemetry.Trace;

namespace KvStore.Tests.ServiceDefaults;

public sealed class SamplingTests
{
    private const int Requests = 4000;

    private readonly Random _random = new(1);

    /// <summary>Of 4,000, a share of 0.01 is 40 give or take six times 6.3, one of 0.05 200 give or take 83.</summary>
    [Theory]
    [InlineData(null, null, 3, 78)]
    [InlineData("", "1", 3, 78)]
    [InlineData("jaeger_remote", "1", 3, 78)]
    [InlineData("always_on", null, Requests, Requests)]
    [InlineData("ALWAYS_OFF", null, 0, 0)]
    [InlineData("traceidratio", "0.5", 1810, 2190)]
    [InlineData("traceidratio", "none", Requests, Requests)]
    [InlineData("parentbased_always_on", "0", Requests, Requests)]
    [InlineData("parentbased_always_off", null, 0, 0)]
    [InlineData("parentbased_traceidratio", " 0.05 ", 117, 283)]
    [InlineData("parentbased_traceidratio", "-1", Requests, Requests)]
    public void A_share_of_those_is_traced_whom_nobody_decided_about(string? name, string? share, int least, int most)
    {
        var sampler = Sampler(name, share);
        var count = Enumerable.Range(0, Requests).Count(_ => IsTraced(sampler, default(ActivityContext)));
        Assert.InRange(count, least, most);
    }

    [Theory]
    [InlineData(null, false, true)]
    [InlineData("always_on", true, true)]
    [InlineData("always_off", false, false)]
    [InlineData("parentbased_always_on", false, true)]
    [InlineData("parentbased_always_off", false, true)]
    [InlineData("parentbased_traceidratio", false, true)]
    public void Whom_the_client_decided_about_is_followed_by_samplers_that_look(
        string? name, bool isUnfollowed, bool isFollowed)
    {
        var sampler = Sampler(name, "1");
        Assert.Equal(isFollowed, IsTraced(sampler, ActivityTraceFlags.Recorded));
        Assert.Equal(isUnfollowed, IsTraced(sampler, ActivityTraceFlags.None));
    }

    private ActivityTraceId NewTrace()
    {
        Span<byte> id = stackalloc byte[16];
        _random.NextBytes(id);
        return ActivityTraceId.CreateFromBytes(id);
    }

    private static Sampler Sampler(string? name, string? share) => Sampling.Read(new ConfigurationBuilder()
        .AddInMemoryCollection(new Dictionary<string, string?>
        {
            [Sampling.SamplerVariable] = name,
            [Sampling.ShareVariable] = share,
        })
        .Build()).Sampler;

    private bool IsTraced(Sampler sampler, ActivityTraceFlags flags)
    {
        var trace = NewTrace();
        return IsTraced(sampler, trace, new(trace, ActivitySpanId.CreateRandom(), flags, isRemote: true));
    }

    private bool IsTraced(Sampler sampler, ActivityContext parent) => IsTraced(sampler, NewTrace(), parent);

    private static bool IsTraced(Sampler sampler, ActivityTraceId trace, ActivityContext parent) =>
        sampler.ShouldSample(new SamplingParameters(parent, trace, "", ActivityKind.Server)).Decision
            is SamplingDecision.RecordAndSample;
}
