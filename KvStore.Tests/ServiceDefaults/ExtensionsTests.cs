using System.Diagnostics;
using System.IO.Pipelines;
using KvStore.ServiceDefaults;
using KvStore.Tests.Balancer;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using OpenTelemetry.Metrics;
using OpenTelemetry.Trace;

namespace KvStore.Tests.ServiceDefaults;

public sealed class ExtensionsTests
{
    [Fact]
    public async Task Without_an_exporter_a_request_pays_for_no_telemetry()
    {
        await using var app = Build();
        Assert.Null(app.Services.GetService<TracerProvider>());
        Assert.Null(app.Services.GetService<MeterProvider>());
        Assert.Equal("False", await AskForActivityAsync(app));
    }

    [Theory]
    [InlineData("always_on", "True")]
    [InlineData("always_off", "False")]
    public async Task With_an_exporter_requests_are_measured_and_those_traced_that_a_sampler_takes(
        string sampler, string isTraced)
    {
        await using var app = Build(
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1"), (Sampling.SamplerVariable, sampler));
        Assert.NotNull(app.Services.GetService<TracerProvider>());
        Assert.NotNull(app.Services.GetService<MeterProvider>());
        Assert.Equal(isTraced, await AskForActivityAsync(app));
    }

    [Fact]
    public async Task A_clients_trace_goes_on_through_the_balancer_to_the_node()
    {
        const string Trace = "4bf92f3577b34da6a3ce929d0e0e4736";
        const string Client = "00f067aa0ba902b7";
        await using var cluster = await FakeCluster.StartAsync(
            nodes: 1, settings: ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1"));
        await cluster.SendRawAsync(    // a client of this process would be traced, too
            $"GET /v1/k HTTP/1.1\r\nHost: a\r\ntraceparent: 00-{Trace}-{Client}-01\r\n\r\n");
        var reached = Assert.Single(cluster.Nodes[0].Requests).Headers["traceparent"];
        Assert.StartsWith($"00-{Trace}-", reached);
        Assert.DoesNotContain(Client, reached);    // the node's parent is the balancer, not the client
    }

    [Theory]
    [InlineData("parentbased_always_off", "00")]
    [InlineData("parentbased_always_on", "01")]
    public async Task Where_a_trace_begins_the_node_is_told_what_was_decided_and_nothing_of_another_trace(
        string sampler, string flags)
    {
        await using var cluster = await FakeCluster.StartAsync(
            nodes: 1,
            settings:
            [
                ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1"),
                (Sampling.SamplerVariable, sampler),
            ]);
        await cluster.SendRawAsync("GET /v1/k HTTP/1.1\r\nHost: a\r\ntracestate: a=1\r\n\r\n");
        var headers = Assert.Single(cluster.Nodes[0].Requests).Headers;
        Assert.Matches($"^00-[0-9a-f]{{32}}-[0-9a-f]{{16}}-{flags}$", headers["traceparent"]);
        Assert.False(headers.ContainsKey("tracestate"));
    }

    [Theory]
    [InlineData("always-on", "0.5", "OTEL_TRACES_SAMPLER 'always-on' is not understood")]
    [InlineData("traceidratio", "half", "OTEL_TRACES_SAMPLER_ARG 'half' is not understood")]
    [InlineData("traceidratio", "0.5", null)]
    [InlineData("", "half", null)]    // it is no sampler's
    public async Task A_sampler_that_is_not_understood_is_told_at_the_start(string name, string share, string? told)
    {
        using var log = new CollectedLog();
        await using var app = Build(
            log,
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1"),
            (Sampling.SamplerVariable, name),
            (Sampling.ShareVariable, share));
        await app.StartAsync();
        if (told is null)
            Assert.Empty(log.Lines);
        else
            Assert.StartsWith(told, Assert.Single(log.Lines));
    }

    [Fact]
    public async Task The_end_of_standard_input_stops_the_program_and_words_on_it_do_not()
    {
        await using var app = Build();
        var lifetime = app.Lifetime;
        var pipe = new Pipe(new PipeOptions(pauseWriterThreshold: 1, resumeWriterThreshold: 1));
        var service = new StopWithParent(pipe.Reader.AsStream(), lifetime);
        await app.StartAsync();
        await service.StartAsync(CancellationToken.None);
        foreach (var word in (byte[][])[[1], [2]])    // each is taken before the write returns
            await pipe.Writer.WriteAsync(word).AsTask().WaitAsync(TimeSpan.FromSeconds(20));
        Assert.False(lifetime.ApplicationStopping.IsCancellationRequested);

        var stopping = new TaskCompletionSource();
        lifetime.ApplicationStopping.Register(stopping.SetResult);
        await pipe.Writer.CompleteAsync();
        await stopping.Task.WaitAsync(TimeSpan.FromSeconds(20));
    }

    [Theory]
    [InlineData("true", true)]
    [InlineData("false", false)]
    [InlineData(null, false)]
    public void Standard_input_is_watched_only_where_a_launcher_asks_for_it(string? value, bool isWatched)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Configuration["KVSTORE_STOP_WITH_STDIN"] = value;
        var before = builder.Services.Count(service => service.ServiceType == typeof(IHostedService));
        builder.AddStopWithParent();
        var after = builder.Services.Count(service => service.ServiceType == typeof(IHostedService));
        Assert.Equal(isWatched, after > before);
        using var app = builder.Build();
        Assert.Equal(isWatched, app.Services.GetRequiredService<IHostLifetime>() is ChildLifetime);
    }

    private static WebApplication Build(params (string Key, string Value)[] settings) =>
        Build(new CollectedLog(), settings);

    private static WebApplication Build(CollectedLog log, params (string Key, string Value)[] settings)
    {
        var builder = WebApplication.CreateSlimBuilder();
        log.Replace(builder);
        builder.Configuration["urls"] = "http://127.0.0.1:0";
        foreach (var (key, value) in settings)
            builder.Configuration[key] = value;
        builder.AddServiceDefaults();
        ListenAddresses.Use(builder, "PORT", 8000);
        var app = builder.Build();
        app.MapDefaultEndpoints();
        app.Map("/activity", context => context.Response.WriteAsync($"{Activity.Current is not null}"));
        return app;
    }

    private static async Task<string> AskForActivityAsync(WebApplication app)
    {
        await app.StartAsync();
        var addresses = app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!;
        using var http = new HttpClient { BaseAddress = new Uri(addresses.Addresses.Single()) };
        Assert.Equal("Healthy", await http.GetStringAsync("/alive"));
        return await http.GetStringAsync("/activity");
    }
}
