using System.Globalization;
using Microsoft.Extensions.Configuration;
using OpenTelemetry.Trace;

namespace KvStore.ServiceDefaults;

/// <summary>
/// Which requests are traced, as OpenTelemetry's variables say it. The SDK does not give away the sampler that it makes
/// of them, and <see cref="ServerSpans"/> decides before there is a span.
/// </summary>
internal static class Sampling
{
    /// <summary>Which requests are traced; without it those whose clients say so, and a share of the others.</summary>
    internal const string SamplerVariable = "OTEL_TRACES_SAMPLER";

    /// <summary>The share, from 0 to 1, of a sampler by share.</summary>
    internal const string ShareVariable = "OTEL_TRACES_SAMPLER_ARG";

    /// <summary>Of the requests that nobody else has decided about, unless a variable says otherwise.</summary>
    private const double UsualShare = 0.01;

    /// <summary>What the variables name; the usual one where they name none of these.</summary>
    internal static Sampler Of(IConfiguration configuration) =>
        configuration[SamplerVariable]?.Trim().ToLowerInvariant() switch
        {
            "always_on" => new AlwaysOnSampler(),
            "always_off" => new AlwaysOffSampler(),
            "traceidratio" => new TraceIdRatioBasedSampler(ShareIn(configuration)),
            "parentbased_always_on" => new ParentBasedSampler(new AlwaysOnSampler()),
            "parentbased_always_off" => new ParentBasedSampler(new AlwaysOffSampler()),
            "parentbased_traceidratio" => new ParentBasedSampler(new TraceIdRatioBasedSampler(ShareIn(configuration))),
            _ => new ParentBasedSampler(new TraceIdRatioBasedSampler(UsualShare)),
        };

    /// <summary>All of them where nothing is said, or nothing that makes sense, as OpenTelemetry has it.</summary>
    private static double ShareIn(IConfiguration configuration) =>
        double.TryParse(
            configuration[ShareVariable], NumberStyles.Float, CultureInfo.InvariantCulture, out var share)
        && share is >= 0 and <= 1
            ? share
            : 1;
}
