using System.Diagnostics;
using System.Text.RegularExpressions;
using KvStore.Tests.House;
using KvStore.Tests.Otlp;

namespace KvStore.Tests.Cluster;

/// <summary>Three nodes and a balancer that tell everything to a collector.</summary>
public sealed class ToldCluster : IAsyncLifetime
{
    private OtlpCollector? _collector;
    private TestCluster? _cluster;

    internal OtlpCollector Collector => _collector!;

    internal TestCluster Cluster => _cluster!;

    /// <summary>The traces of the requests that tests have sent.</summary>
    internal HashSet<string> Sent { get; } = [];

    public async ValueTask InitializeAsync()
    {
        _collector = await OtlpCollector.StartAsync();
        _cluster = await TestCluster.StartAllAsync(
            ("OTEL_EXPORTER_OTLP_ENDPOINT", _collector.Url),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
            ("OTEL_BSP_SCHEDULE_DELAY", "50"),
            ("OTEL_BLRP_SCHEDULE_DELAY", "50"),
            ("OTEL_METRIC_EXPORT_INTERVAL", "500"),
            ("OTEL_TRACES_SAMPLER", "always_on"),
            ("KVSTORE_PROMETHEUS", "true"),
            ("KVSTORE_SNAPSHOT_INTERVAL", "1s"),
            ("Logging__LogLevel__Microsoft.AspNetCore.Hosting.Diagnostics", "Information"));
    }

    public async ValueTask DisposeAsync()
    {
        if (_cluster is not null)
            await _cluster.DisposeAsync();
        if (_collector is not null)
            await _collector.DisposeAsync();
    }
}

/// <summary>What four processes tell of one request: traces, lines, measurements.</summary>
[Collection(nameof(ClusterCollection))]
public sealed partial class TelemetryTests(ToldCluster told) : IClassFixture<ToldCluster>
{
    private const string Client = "00f067aa0ba902b7";
    private const string Key = "nobody-may-see-this-key";
    private const string Page = "docs/telemetry.md";

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly OtlpCollector _collector = told.Collector;
    private readonly TestCluster _cluster = told.Cluster;

    [Fact]
    public async Task One_trace_leads_from_the_client_through_balancer_and_primary_to_the_backups()
    {
        var (trace, primary) = await WriteAsync();
        var spans = await SpansOfAsync(trace, 11);

        var node = NodeSpan(spans, primary);
        var route = Part(spans, node, "kvstore.route", SpanKind.Internal, primary);
        var quorum = Part(spans, node, "kvstore.quorum", SpanKind.Internal, primary);
        Part(spans, quorum, "kvstore.wal.fsync", SpanKind.Internal, primary);
        Assert.True(route.End <= quorum.End);
        var backups = spans.Where(span => span.Name == "kvstore.backup.append").ToList();
        Assert.Equal(
            _cluster.Nodes.Select(member => member.Name).Except([primary]).Order(),
            backups.Select(backup => backup.Instance).Order());
        foreach (var backup in backups)
        {
            Assert.Equal((quorum.Id, SpanKind.Consumer), (backup.Parent, backup.Kind));
            Part(spans, backup, "kvstore.wal.fsync", SpanKind.Internal, backup.Instance);
        }
    }

    [Fact]
    public async Task A_read_is_traced_to_the_majority_that_confirms_its_primary()
    {
        await WriteAsync();
        var trace = NewTrace();
        var (primary, _) = await SendAsync(HttpMethod.Get, trace);
        var spans = await SpansOfAsync(trace, 5);

        var node = NodeSpan(spans, primary);
        Assert.Equal("GET /v1/{key}", node.Name);
        Part(spans, node, "kvstore.quorum", SpanKind.Internal, primary);
    }

    [Fact]
    public async Task Lines_and_measurements_lead_to_the_trace_and_none_has_a_key_in_it()
    {
        var (trace, primary) = await WriteAsync();
        await EventuallyAsync(
            () => _collector.Lines.Where(line => line.Trace == trace).Select(line => line.Instance + line.Program)
                .Distinct().Count() == 2,
            "lines of the balancer and of the primary have the trace");
        Assert.Contains(_collector.Lines, line => line.Trace == trace && line.Instance == primary);
        Assert.Contains(_collector.Lines, line => line.Trace == trace && line.Program == "KvStore.Balancer");
        await EventuallyAsync(
            () => _collector.Exemplars.TryGetValue(trace, out var metric) && metric.Length > 0,
            "a measurement has the trace as exemplar");
        await SpansOfAsync(trace, 11);
        Assert.DoesNotContain(
            _collector.Spans,
            span => span.Name.Contains(Key, StringComparison.Ordinal)
                || span.Attributes.Values.Any(value => value.Contains(Key, StringComparison.Ordinal)));
    }

    [Fact]
    public async Task What_programs_ask_each_other_makes_no_trace()
    {
        var (trace, _) = await WriteAsync();
        await SpansOfAsync(trace, 11);
        Assert.Empty(_collector.Spans
            .Where(span => !told.Sent.Contains(span.Trace))
            .Select(span => $"{span.Name} of {span.Instance}{span.Program}: {string.Join(", ", span.Attributes)}"));
    }

    [Fact]
    public async Task What_board_alerts_and_page_name_is_measured()
    {
        string[] named =
        [
            .. Named("deploy/grafana/dashboard.json").Union(Named("deploy/grafana/alerts.yaml")).Order(),
        ];
        Assert.True(named.Length > 20, string.Join(' ', named));
        HashSet<string> scraped = [];
        await EventuallyAsync(
            async () =>
            {
                await SendAsync(HttpMethod.Put, NewTrace(), "v");
                await SendAsync(HttpMethod.Get, NewTrace());
                foreach (var program in _cluster.Nodes.Append(_cluster.Balancer))
                    scraped.UnionWith(Names().Matches(await program.Http.GetStringAsync("/metrics"))
                        .Select(match => match.Value));
                return scraped.IsSupersetOf(named) && _collector.Units.ContainsKey("kvstore.compaction.duration");
            },
            () => $"measured are also {string.Join(", ", named.Except(scraped))}");

        var page = Repository.Read(Page);
        var described = Described().Matches(page).Select(match => match.Groups[1].Value).ToHashSet();
        var told = _collector.Units.Keys.Where(name => name.StartsWith("kvstore.", StringComparison.Ordinal));
        Assert.Equal(told.Order(), described.Order());
        Assert.All(
            _collector.Units.Where(metric => described.Contains(metric.Key)),
            metric => Assert.Matches(
                $"(?m)^\\| `{Regex.Escape(metric.Key)}` \\| {Regex.Escape(metric.Value)} ?\\|", page));
    }

    private static IEnumerable<string> Named(string file) =>
        MetricName().Matches(Repository.Read(file)).Select(match => match.Value).Distinct();

    private static CollectedSpan Part(
        List<CollectedSpan> spans, CollectedSpan of, string name, SpanKind kind, string instance)
    {
        var part = Assert.Single(spans, span => span.Parent == of.Id && span.Name == name);
        Assert.Equal((kind, instance), (part.Kind, part.Instance));
        Assert.True(part.Start <= part.End);
        return part;
    }

    /// <summary>Client, balancer, its call, node: each a part of the one before.</summary>
    private static CollectedSpan NodeSpan(List<CollectedSpan> spans, string primary)
    {
        var door = Assert.Single(spans, span => span.Parent == Client);
        Assert.Equal((SpanKind.Server, "KvStore.Balancer"), (door.Kind, door.Program));
        var call = Assert.Single(spans, span => span.Parent == door.Id && span.Kind == SpanKind.Client);
        Assert.Equal("KvStore.Balancer", call.Program);
        var route = Assert.Single(spans, span => span.Parent == door.Id && span.Name == "kvstore.route");
        Assert.Equal("KvStore.Balancer", route.Program);
        var node = Assert.Single(spans, span => span.Parent == call.Id);
        Assert.Equal((SpanKind.Server, "KvStore.Node", primary), (node.Kind, node.Program, node.Instance));
        return node;
    }

    private static string NewTrace() => ActivityTraceId.CreateRandom().ToHexString();

    /// <summary>A write that the balancer sent to the primary at once, as all are when nothing moves.</summary>
    private async Task<(string Trace, string Primary)> WriteAsync()
    {
        var (trace, primary, timing) = ("", "", "");
        await EventuallyAsync(
            async () =>
            {
                trace = NewTrace();
                (primary, timing) = await SendAsync(HttpMethod.Put, trace, "v");
                return Timing().IsMatch(timing);
            },
            () => $"{timing} is of two hops");
        return (trace, primary);
    }

    private async Task<(string Node, string Timing)> SendAsync(HttpMethod method, string trace, string? body = null)
    {
        told.Sent.Add(trace);
        using var request = new HttpRequestMessage(method, $"/v1/{Key}");
        request.Headers.Add("traceparent", $"00-{trace}-{Client}-01");
        request.Content = body is null ? null : new StringContent(body);
        using var answer = await _cluster.Door.SendAsync(request);
        Assert.Equal(trace, answer.Headers.GetValues("Kv-Request-Id").Single());
        return (
            answer.Headers.GetValues("Kv-Served-By").Single(),
            answer.Headers.TryGetValues("Server-Timing", out var timing) ? string.Join(", ", timing) : "");
    }

    /// <summary>All spans of a trace, once there are so many; more would be a stranger's.</summary>
    private async Task<List<CollectedSpan>> SpansOfAsync(string trace, int count)
    {
        List<CollectedSpan> spans = [];
        await EventuallyAsync(
            () =>
            {
                spans = [.. _collector.Spans.Where(span => span.Trace == trace)];
                return spans.Count >= count;
            },
            () => $"{count} spans: {string.Join(", ", spans.Select(span => $"{span.Name} of {span.Instance}"))}");
        Assert.Equal(count, spans.Count);
        return spans;
    }

    private Task EventuallyAsync(Func<bool> isSo, string claim) => EventuallyAsync(isSo, () => claim);

    private Task EventuallyAsync(Func<bool> isSo, Func<string> claim) =>
        EventuallyAsync(() => Task.FromResult(isSo()), claim);

    private Task EventuallyAsync(Func<Task<bool>> isSo, string claim) => EventuallyAsync(isSo, () => claim);

    private async Task EventuallyAsync(Func<Task<bool>> isSo, Func<string> claim)
    {
        var watch = Stopwatch.StartNew();
        while (!await isSo())
        {
            if (watch.Elapsed > Patience)
                Assert.Fail($"Not within {Patience}: {claim()}.");
            await Task.Delay(20);
        }
    }

    [GeneratedRegex("^route;dur=[0-9.]+;desc=\"balancer\", route;dur=[0-9.]+, quorum;dur=[0-9.]+"
        + "(, fsync;dur=[0-9.]+)?$")]
    private static partial Regex Timing();

    [GeneratedRegex("^[a-z_]+", RegexOptions.Multiline)]
    private static partial Regex Names();

    [GeneratedRegex(@"\b(kvstore|http|dotnet)_[a-z]+_[a-z_]+")]
    private static partial Regex MetricName();

    [GeneratedRegex(@"^\| `(kvstore\.[a-z._]+)` \|", RegexOptions.Multiline)]
    private static partial Regex Described();
}
