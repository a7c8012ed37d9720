using System.Globalization;
using System.Threading.Channels;
using KvStore.Cli.Verbs;
using KvStore.Contracts;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace KvStore.Cli.Dev;

/// <summary>
/// A table that is redrawn in place, the last events below it, and keys that kill and start programs.
/// </summary>
internal sealed class LiveTable(Terminal terminal, TimeProvider time) : IDevOutput
{
    private const int MaxEvents = 6;
    private const char BalancerKey = 'b';
    private const int StateColumn = 2;
    private const int StateWidth = 11;
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(500);

    private readonly IAnsiConsole _console = Tables.ConsoleOf(terminal);
    private readonly Lock _gate = new();
    private readonly Queue<string> _events = [];
    private readonly Channel<bool> _news = Channel.CreateBounded<bool>(
        new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });

    private readonly Dictionary<string, RequestRate> _rates = [];

    public void Report(DevEvent happened)
    {
        lock (_gate)
        {
            _events.Enqueue($"[dim]{time.GetLocalNow():HH:mm:ss}[/]  {Markup.Escape(Sentence(happened))}");
            if (_events.Count > MaxEvents)
                _events.Dequeue();
        }

        _news.Writer.TryWrite(true);
    }

    public async Task RunAsync(DevCluster cluster, CancellationToken end)
    {
        if (terminal.IsInputTerminal)
            new Thread(() => ReadKeys(cluster)) { IsBackground = true, Name = nameof(LiveTable) }.Start();
        try
        {
            await _console.Live(Picture(cluster, null, []))
                .Overflow(VerticalOverflow.Crop)
                .StartAsync(live => DrawAsync(live, cluster, end))
                .ConfigureAwait(false);
        }
        catch (IOException)
        {
            // The terminal is gone; the cluster is ended in order all the same.
        }
    }

    private static string Sentence(DevEvent happened) => happened switch
    {
        { Event: "telemetry" } => $"telemetry goes to {happened.Url} ({happened.Detail})",
        { Event: "started" } => $"{happened.Name} started, process {happened.Pid}",
        { Event: "ready" } => $"ready: curl {happened.Url}{Routes.Keys}hello",
        { Event: "waiting" } => $"still waiting: {happened.Detail}",
        { Code: 0 } => $"{happened.Name} stopped",
        { Code: 137 } => $"{happened.Name} was killed (exit code 137)",
        _ => $"{happened.Name} ended (exit code {happened.Code}): {happened.Detail ?? "it said nothing"}",
    };

    private async Task DrawAsync(LiveDisplayContext live, DevCluster cluster, CancellationToken end)
    {
        while (true)
        {
            var isLast = end.IsCancellationRequested;
            var asked = cluster.Nodes.Select(node => cluster.StatusOfAsync(node, end)).ToList();
            var health = await cluster.HealthAsync(end).ConfigureAwait(false);
            live.UpdateTarget(Picture(cluster, health, await Task.WhenAll(asked).ConfigureAwait(false)));
            live.Refresh();
            if (isLast)
                return;
            using var wake = CancellationTokenSource.CreateLinkedTokenSource(end);
            wake.CancelAfter(Interval);
            Task news = _news.Reader.WaitToReadAsync(wake.Token).AsTask();
            await news.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            _news.Reader.TryRead(out _);
        }
    }

    private Rows Picture(DevCluster cluster, ClusterHealth? health, NodeStatus?[] statuses)
    {
        var table = Tables.Grid("", "node", "state", "primaries", "keys", "requests/s", "url");
        table.Columns[StateColumn].Width = StateWidth;    // else the columns after it would jump
        foreach (var right in (int[])[3, 4, 5])
            table.Columns[right].RightAligned();
        for (var i = 0; i < cluster.Nodes.Length; i++)
        {
            var (node, status) = (cluster.Nodes[i], i < statuses.Length ? statuses[i] : null);
            table.AddRow(
                $"[bold]{i + 1}[/]",
                node.Name,
                Tables.StateOf(StateOf(node, status?.State)),
                Number(status?.Replicas.Primary),
                Number(status?.Keys),
                Number(RateOf(node, status)),
                node.Url);
        }

        var balancer = cluster.Balancer;
        table.AddRow(
            $"[bold]{BalancerKey}[/]",
            balancer.Name,
            Tables.StateOf(StateOf(balancer, health?.Status)),
            "",
            "",
            "",
            balancer.Url);
        return new Rows(Lines(cluster, table));
    }

    private IEnumerable<IRenderable> Lines(DevCluster cluster, Table table)
    {
        yield return Text.Empty;
        yield return table;
        yield return Text.Empty;
        if (cluster.IsStopping && !cluster.IsRunning)
            yield return new Markup($"[dim]stopped; the data is kept in {Markup.Escape(cluster.DataDirectory)}[/]");
        else if (cluster.IsStopping)
            yield return new Markup("[dim]stopping; Ctrl-C again kills[/]");
        else if (terminal.IsInputTerminal)
        {
            var keys = cluster.Nodes.Length == 1 ? "1" : $"1-{cluster.Nodes.Length}";
            yield return new Markup(
                $"[bold]{keys}[/], [bold]{BalancerKey}[/] [dim]kill or start[/]   [bold]Ctrl-C[/] [dim]stop all[/]");
        }
        else
            yield return new Markup("[bold]Ctrl-C[/] [dim]stop all[/]");
        if (cluster.Otlp is { } otlp)
            yield return new Markup($"[dim]telemetry to {Markup.Escape(otlp.Url)} ({otlp.Protocol})[/]");
        yield return Text.Empty;
        string[] events;
        lock (_gate)
            events = [.. _events];
        foreach (var line in events)
            yield return new Markup(line) { Overflow = Overflow.Ellipsis };
    }

    private static string StateOf(Child child, string? said) => child switch
    {
        { IsRunning: true } => said ?? "starting",
        { ExitCode: 0 } => "stopped",
        { ExitCode: 137 } or { WasKilledHere: true } => "killed",
        { ExitCode: null } => "",
        _ => "failed",
    };

    private double? RateOf(Child node, NodeStatus? status)
    {
        if (status is null)
        {
            _rates.Remove(node.Name);
            return null;
        }

        if (!_rates.TryGetValue(node.Name, out var rate))
            _rates[node.Name] = rate = new RequestRate(time);
        return rate.Add(status.Requests);
    }

    private static string Number(double? number) => number?.ToString("N0", CultureInfo.InvariantCulture) ?? "[dim]-[/]";

    /// <summary>A thread of its own: reading a key blocks. It dies with the process.</summary>
    private static void ReadKeys(DevCluster cluster)
    {
        while (true)
        {
            var key = char.ToLowerInvariant(Console.ReadKey(intercept: true).KeyChar);
            if (key == BalancerKey)
                cluster.Toggle(cluster.Balancer);
            else if (key > '0' && key - '1' < cluster.Nodes.Length)
                cluster.Toggle(cluster.Nodes[key - '1']);
        }
    }
}
