using KvStore.Cli;
using KvStore.Cli.Dev;

namespace KvStore.Tests.Cli.Dev;

public sealed class OtlpTargetTests
{
    private readonly Dictionary<string, string> _shell = [];

    [Theory]
    [InlineData("http://localhost:4317", null, "grpc")]
    [InlineData("http://localhost:4318", null, "http/protobuf")]
    [InlineData("http://localhost:4318", "grpc", "grpc")]
    [InlineData("https://collector.example/otlp", "http/protobuf", "http/protobuf")]
    public void The_protocol_is_what_was_said_or_what_the_port_is_for(string url, string? said, string protocol) =>
        Assert.Equal(new(url, protocol, null), Find(url, said));

    [Fact]
    public void What_the_shell_says_holds_where_the_command_line_says_nothing()
    {
        Assert.Null(Find(null, null));
        _shell["OTEL_EXPORTER_OTLP_PROTOCOL"] = "http/protobuf";
        _shell["OTEL_EXPORTER_OTLP_ENDPOINT"] = "http://localhost:9";
        Assert.Equal(new("http://localhost:9", "http/protobuf", null), Find(null, null));
        Assert.Equal("grpc", Find(null, "grpc")!.Protocol);
        Assert.Equal(new("http://localhost:4317", "grpc", null), Find("http://localhost:4317", null));
        _shell["OTEL_EXPORTER_OTLP_ENDPOINT"] = "there";
        Assert.Contains("OTEL_EXPORTER_OTLP_ENDPOINT must be the URL of a collector", Why(null));
    }

    [Theory]
    [InlineData("there")]
    [InlineData("localhost:4317")]
    [InlineData("ftp://localhost")]
    [InlineData("http://me@localhost:4317")]
    [InlineData("http://localhost:4317?a=b")]
    public void What_is_no_URL_of_a_collector_is_refused_with_one_that_is(string url) =>
        Assert.Equal(
            "--otlp must be the URL of a collector, such as http://localhost:4317 for gRPC or http://localhost:4318 "
            + $"for HTTP, not '{url}'.",
            Why(url));

    [Fact]
    public void A_program_is_told_its_name_and_as_its_instance_where_it_answers()
    {
        var target = new OtlpTarget("http://c:4317", OtlpTarget.Grpc, null);

        Assert.Equal(
            new Dictionary<string, string>
            {
                ["OTEL_EXPORTER_OTLP_ENDPOINT"] = "http://c:4317",
                ["OTEL_EXPORTER_OTLP_PROTOCOL"] = "grpc",
                ["OTEL_SERVICE_NAME"] = "node1",
                ["OTEL_TRACES_SAMPLER"] = "parentbased_always_on",
                ["OTEL_RESOURCE_ATTRIBUTES"] = "service.namespace=kvstore,service.instance.id=localhost:8001",
            }.OrderBy(pair => pair.Key),
            target.EnvironmentOf("node1", "http://localhost:8001").OrderBy(pair => pair.Key));
        Assert.StartsWith(
            "team=a,service.namespace=",
            (target with { Attributes = "team=a" }).EnvironmentOf("n", "http://h:1")["OTEL_RESOURCE_ATTRIBUTES"]);
    }

    private OtlpTarget? Find(string? url, string? protocol) =>
        OtlpTarget.Find(url, protocol, name => _shell.GetValueOrDefault(name));

    private string Why(string? url)
    {
        var wrong = Assert.Throws<FailureException>(() => Find(url, null));
        Assert.Equal(ExitCodes.Usage, wrong.ExitCode);
        return wrong.Message;
    }
}
