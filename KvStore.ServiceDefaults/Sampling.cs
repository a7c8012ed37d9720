using System.Globalization;
using Microsoft.Extensions.Configuration;
using OpenTelemetry.Trace;

namespace KvStore.ServiceDefaults;

/// <summary>
/// Which requests are traced, as OpenTelemetry's variables say it. The SDK does not give away the sampler that it makes
/// of them, and <see cref="ServerSpans"/> decides before there is a span.
/// </summary>
/// <param name="Sampler">Decides.</param>
/// <param name="Ignored">What the variables say that is not understood; null: nothing.</param>
internal sealed record Sampling(Sampler Sampler, string? Ignored = null)
{
    /// <summary>Which requests are traced; without it those whose clients say so, and a share of the others.</summary>
    internal const string SamplerVariable = "OTEL_TRACES_SAMPLER";

    /// <summary>The share, from 0 to 1, of a sampler by share.</summary>
    internal const string ShareVariable = "OTEL_TRACES_SAMPLER_ARG";

    /// <summary>Of the requests that nobody else has decided about, unless a variable says otherwise.</summary>
    private const double UsualShare = 0.01;

    /// <summary>
    /// What the variables name; the usual one where they name none of these. As OpenTelemetry has it, what is not
    /// understood is ignored and told, and stops no program.
    /// </summary>
    internal static Sampling Read(IConfiguration configuration)
    {
        var name = configuration[SamplerVariable]?.Trim() ?? "";
        return name.ToLowerInvariant() switch
        {
            "always_on" => new(new AlwaysOnSampler()),
            "always_off" => new(new AlwaysOffSampler()),
            "traceidratio" => ByShare(configuration, static share => share),
            "parentbased_always_on" => new(new ParentBasedSampler(new AlwaysOnSampler())),
            "parentbased_always_off" => new(new ParentBasedSampler(new AlwaysOffSampler())),
            "parentbased_traceidratio" => ByShare(configuration, static share => new ParentBasedSampler(share)),
            "" => new(Usual()),
            _ => new(Usual(), $"{SamplerVariable} '{name}'"),
        };
    }

    private static ParentBasedSampler Usual() => new(new TraceIdRatioBasedSampler(UsualShare));

    /// <summary>All of them where no share is said, or none that makes sense.</summary>
    private static Sampling ByShare(IConfiguration configuration, Func<Sampler, Sampler> made)
    {
        var text = configuration[ShareVariable]?.Trim() ?? "";
        return double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var share)
            && share is >= 0 and <= 1
            ? new(made(new TraceIdRatioBasedSampler(share)))
            : new(made(new TraceIdRatioBasedSampler(1)), text.Length == 0 ? null : $"{ShareVariable} '{text}'");
    }
}
