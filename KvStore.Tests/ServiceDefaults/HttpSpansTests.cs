using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using KvStore.ServiceDefaults;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using OpenTelemetry.Trace;

namespace KvStore.Tests.ServiceDefaults;

/// <summary>A program that traces what a sampler lets it, and calls another one for each request.</summary>
public sealed class HttpSpansTests : IAsyncLifetime
{
    private const string Trace = "0af7651916cd43dd8448eb211c80319c";
    private const string Client = "00f067aa0ba902b7";

    private readonly ConcurrentQueue<Activity> _spans = new();
    private readonly ActivityListener _listener;
    private readonly Callee _callee = new();
    private Activity? _inside;
    private WebApplication? _app;
    private HttpClient? _http;

    public HttpSpansTests()
    {
        _listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == HttpSpans.Name,
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = _spans.Enqueue,
        };
        ActivitySource.AddActivityListener(_listener);
    }

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        _listener.Dispose();
        _http?.Dispose();
        if (_app is not null)
            await _app.DisposeAsync();
    }

    [Fact]
    public async Task A_traced_request_is_a_part_of_its_clients_and_its_call_a_part_of_it()
    {
        await StartAsync(new ParentBasedSampler(new AlwaysOffSampler()));
        await SendAsync("/v1/secret?a=secret", $"00-{Trace}-{Client}-01", state: "theirs=1");

        var server = Assert.Single(Spans(Trace), span => span.Kind is ActivityKind.Server);
        Assert.Equal(Client, server.ParentSpanId.ToHexString());
        Assert.Equal("PUT /v1/{key}", server.DisplayName);
        Assert.Equal("/v1/{key}", server.GetTagItem("url.path"));
        Assert.Equal("/v1/{key}", server.GetTagItem("http.route"));
        Assert.Equal(204, server.GetTagItem("http.response.status_code"));
        var call = Assert.Single(Spans(Trace), span => span.Kind is ActivityKind.Client);
        Assert.Equal(server.SpanId, call.ParentSpanId);
        Assert.Equal("http://node1:8001/v1/{key}", call.GetTagItem("url.full"));
        Assert.Equal($"00-{Trace}-{call.SpanId.ToHexString()}-01", _callee.Heard.Single());
        Assert.Equal("theirs=1", _callee.State);
        Assert.DoesNotContain(
            Spans(Trace).SelectMany(span => span.TagObjects),
            tag => $"{tag.Value}".Contains("secret", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("/v1/k", 0)]
    [InlineData("/v1/k", 1)]
    [InlineData("/ready", 1)]
    [InlineData("/kvstore.peer.v1.Peer/Link", 1)]
    [InlineData("/kvstore.peer.v1.Peer/Compare", 1)]
    public async Task Whom_nobody_traces_pays_for_no_span_and_keeps_what_the_client_said(string path, int root)
    {
        await StartAsync(new ParentBasedSampler(new TraceIdRatioBasedSampler(root)));
        var sent = path == "/v1/k" ? $"00-{Trace}-{Client}-00" : null;
        await SendAsync(path, sent);

        Assert.Null(_inside);
        Assert.Equal(sent ?? "", _callee.Heard.Single());
    }

    [Theory]
    [InlineData("SECRET", "/v1/k")]
    [InlineData("PUT", "/kvstore.peer.v1.Peer/SECRET")]
    public async Task No_span_repeats_what_a_client_makes_up(string method, string path)
    {
        await StartAsync(new AlwaysOnSampler());
        await SendAsync(path, $"00-{Trace}-{Client}-01", method);

        Assert.Equal(2, Spans(Trace).Count());
        Assert.DoesNotContain(Spans(Trace), span =>
            span.DisplayName.Contains("SECRET", StringComparison.Ordinal)
            || span.TagObjects.Any(tag => $"{tag.Value}".Contains("SECRET", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task What_is_decided_against_here_is_decided_everywhere()
    {
        await StartAsync(new ParentBasedSampler(new AlwaysOffSampler()));
        await SendAsync("/v1/k", null);

        Assert.Null(_inside);
        Assert.True(ActivityContext.TryParse(_callee.Heard.Single(), null, out var told));
        Assert.Equal(ActivityTraceFlags.None, told.TraceFlags);
    }

    [Fact]
    public async Task A_trace_that_begins_here_has_no_parent_and_the_number_that_was_decided_about()
    {
        var sampler = new Remembering();
        await StartAsync(sampler);
        await SendAsync("/v1/k", "not a trace");

        var trace = Assert.Single(sampler.Asked).ToHexString();
        var server = Assert.Single(Spans(trace), span => span.Kind is ActivityKind.Server);
        Assert.Equal(default, server.ParentSpanId);
    }

    [Fact]
    public async Task A_sampler_that_minds_no_parents_traces_whom_the_client_does_not()
    {
        await StartAsync(new AlwaysOnSampler());
        await SendAsync("/v1/k", $"00-{Trace}-{Client}-00");
        Assert.Single(Spans(Trace), span => span.Kind is ActivityKind.Server);
    }

    [Fact]
    public async Task What_goes_wrong_is_told()
    {
        await StartAsync(new AlwaysOnSampler());
        _callee.Status = HttpStatusCode.ServiceUnavailable;
        await SendAsync("/v1/k", $"00-{Trace}-{Client}-01");
        Assert.Equal(2, Spans(Trace).Count());
        Assert.All(Spans(Trace), span => Assert.Equal(
            (ActivityStatusCode.Error, "503"), (span.Status, span.GetTagItem("error.type"))));

        _spans.Clear();
        _callee.Status = null;
        await SendAsync("/v1/k", $"00-{Trace}-{Client}-01");
        var server = Assert.Single(Spans(Trace), span => span.Kind is ActivityKind.Server);
        Assert.Equal(ActivityStatusCode.Error, server.Status);
        Assert.Equal(typeof(HttpRequestException).FullName, server.GetTagItem("error.type"));
    }

    private IEnumerable<Activity> Spans(string trace) => _spans.Where(span => span.TraceId.ToHexString() == trace);

    private async Task StartAsync(Sampler sampler)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        builder.Services.AddSingleton(new Sampling(sampler)).AddSingleton<IStartupFilter, ServerSpans>();
        _app = builder.Build();
        var client = new HttpMessageInvoker(new ClientSpans(_callee));
        _app.Run(async context =>
        {
            _inside = Activity.Current;
            using var call = new HttpRequestMessage(
                new(context.Request.Method), "http://node1:8001/v1/secret?a=secret");
            call.Headers.TryAddWithoutValidation("traceparent", context.Request.Headers.TraceParent.ToString());
            using var answer = await client.SendAsync(call, context.RequestAborted);
            context.Response.StatusCode = (int)answer.StatusCode;
        });
        await _app.StartAsync(Token);
        var addresses = _app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!;
        _http = new(new SocketsHttpHandler { ActivityHeadersPropagator = null })
        {
            BaseAddress = new Uri(addresses.Addresses.Single()),
        };
    }

    /// <summary>Returns when the request is over there, too.</summary>
    private async Task SendAsync(string path, string? traceparent, string method = "PUT", string? state = null)
    {
        using var request = new HttpRequestMessage(new(method), path);
        if (traceparent is not null)
            request.Headers.TryAddWithoutValidation("traceparent", traceparent);
        if (state is not null)
            request.Headers.TryAddWithoutValidation("tracestate", state);
        using var answer = await _http!.SendAsync(request, Token);
    }

    private sealed class Callee : HttpMessageHandler
    {
        public ConcurrentQueue<string> Heard { get; } = new();

        /// <summary>What it was told last of the trace's state.</summary>
        public string? State { get; private set; }

        /// <summary>What it answers; null: nothing.</summary>
        public HttpStatusCode? Status { get; set; } = HttpStatusCode.NoContent;

        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken _)
        {
            Heard.Enqueue(request.Headers.NonValidated.TryGetValues("traceparent", out var said) ? $"{said}" : "");
            State = request.Headers.NonValidated.TryGetValues("tracestate", out var state) ? $"{state}" : null;
            return Status is { } status
                ? Task.FromResult(new HttpResponseMessage(status))
                : throw new HttpRequestException("nobody is there");
        }
    }

    private sealed class Remembering : Sampler
    {
        public ConcurrentQueue<ActivityTraceId> Asked { get; } = new();

        public override SamplingResult ShouldSample(in SamplingParameters parameters)
        {
            Asked.Enqueue(parameters.TraceId);
            return new(SamplingDecision.RecordAndSample);
        }
    }
}
