using System.Collections.Immutable;

namespace KvStore.Cli.Dev;

/// <summary>Where the programs of a cluster send traces, metrics and logs.</summary>
/// <param name="Url">As it was given.</param>
/// <param name="Protocol"><see cref="Grpc"/> or <see cref="Http"/>.</param>
/// <param name="Attributes">What the shell says of every resource; null: nothing.</param>
internal sealed record OtlpTarget(string Url, string Protocol, string? Attributes)
{
    public const string Grpc = "grpc";
    public const string Http = "http/protobuf";

    /// <summary>Turns telemetry on in every program, also where it is set in the shell already.</summary>
    public const string EndpointVariable = "OTEL_EXPORTER_OTLP_ENDPOINT";

    public const string ProtocolVariable = "OTEL_EXPORTER_OTLP_PROTOCOL";

    private const string SamplerVariable = "OTEL_TRACES_SAMPLER";
    private const string NameVariable = "OTEL_SERVICE_NAME";
    private const string AttributesVariable = "OTEL_RESOURCE_ATTRIBUTES";
    private const int HttpPort = 4318;    // of OTLP over HTTP; 4317 is that over gRPC

    /// <summary>Which requests are traced: all, where the shell says nothing: who develops looks for each.</summary>
    public string Sampler { get; init; } = "parentbased_always_on";

    /// <summary>What was said, or else what the shell says; null: nothing is sent.</summary>
    /// <exception cref="FailureException">It is no such URL.</exception>
    public static OtlpTarget? Find(string? url, string? protocol, Func<string, string?> variable)
    {
        if ((url ?? variable(EndpointVariable)) is not { Length: > 0 } text)
        {
            return protocol is null
                ? null
                : throw new FailureException(
                    "--otlp-protocol says how telemetry is sent, and nothing says where to: add --otlp URL.",
                    ExitCodes.Usage);
        }

        if (!Uri.TryCreate(text, UriKind.Absolute, out var target)
            || (target.Scheme != Uri.UriSchemeHttp && target.Scheme != Uri.UriSchemeHttps)
            || target.Host.Length == 0 || target.UserInfo.Length > 0
            || target.Query.Length > 0 || target.Fragment.Length > 0)
        {
            throw new FailureException(
                $"{(url is null ? EndpointVariable : "--otlp")} must be the URL of a collector, such as "
                + $"http://localhost:4317 for gRPC or http://localhost:{HttpPort} for HTTP, not '{text}'.",
                ExitCodes.Usage);
        }

        var inShell = url is null ? variable(ProtocolVariable) : null;
        var usual = target.Port == HttpPort ? Http : Grpc;
        var found = new OtlpTarget(
            text, protocol ?? (inShell is { Length: > 0 } set ? set : usual), variable(AttributesVariable));
        return variable(SamplerVariable) is { Length: > 0 } sampler ? found with { Sampler = sampler } : found;
    }

    /// <summary>What a program is told: its name, and as its instance where it answers.</summary>
    public ImmutableDictionary<string, string> EnvironmentOf(string name, string url)
    {
        var own = $"service.namespace=kvstore,service.instance.id={new Uri(url).Authority}";
        return ImmutableDictionary.CreateRange(new Dictionary<string, string>
        {
            [EndpointVariable] = Url,
            [ProtocolVariable] = Protocol,
            [SamplerVariable] = Sampler,
            [NameVariable] = name,
            [AttributesVariable] = string.IsNullOrEmpty(Attributes) ? own : $"{Attributes},{own}",
        });
    }
}
