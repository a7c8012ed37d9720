using System.Collections.Immutable;
using KvStore.Contracts;
using KvStore.Topology;

namespace KvStore.Cli.Dev;

/// <summary>
/// The processes of a cluster: starts them, says when they serve and when one ends, ends them in order.
/// </summary>
internal sealed class DevCluster : IAsyncDisposable
{
    internal const string NodeProgram = "KvStore.Node.dll";
    internal const string BalancerProgram = "KvStore.Balancer.dll";

    private static readonly TimeSpan AskInterval = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan RestartPause = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan WaitingIsNews = TimeSpan.FromSeconds(20);

    /// <summary>More than the programs give themselves.</summary>
    private static readonly TimeSpan StopPatience = TimeSpan.FromSeconds(30);

    private readonly ClusterTopology _topology;
    private readonly IDevOutput _output;
    private readonly TimeProvider _time;
    private readonly TaskCompletionSource<Child> _died = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly ClusterProbe _probe = new();
    private readonly Lock _gate = new();
    private readonly List<Task> _restarts = [];
    private readonly CancellationTokenSource _stopping = new();

    private volatile bool _isStopping;

    public DevCluster(
        ClusterTopology topology, string host, IDevOutput output, TimeProvider time, OtlpTarget? otlp = null)
    {
        (_topology, _output, _time, Otlp) = (topology, output, time, otlp);
        Nodes = [.. topology.Nodes.Select(node => new Child(
            node.Name,
            node.Url,
            host,
            ProgramFile(NodeProgram),
            node.Directory,
            With(node.Environment, node.Name, node.Url)))];
        var balancer = topology.Balancer;
        Balancer = new Child(
            balancer.Name,
            balancer.Url,
            host,
            ProgramFile(BalancerProgram),
            balancer.Directory,
            With(balancer.Environment, balancer.Name, balancer.Url));

        ImmutableSortedDictionary<string, string> With(
            ImmutableSortedDictionary<string, string> environment, string name, string url) =>
            otlp is null ? environment : environment.SetItems(otlp.EnvironmentOf(name, url));
    }

    /// <summary>Whether a program that ended, and was not killed by its key, is started again.</summary>
    public bool Restarts { get; init; }

    /// <summary>Where telemetry goes; null: nowhere.</summary>
    public OtlpTarget? Otlp { get; }

    public ImmutableArray<Child> Nodes { get; }

    public Child Balancer { get; }

    public string DataDirectory => _topology.DataDirectory;

    public bool IsStopping => _isStopping;

    public bool IsRunning => Nodes.Append(Balancer).Any(child => child.IsRunning);

    /// <summary>Runs the cluster until it is asked to end, or cannot start.</summary>
    /// <returns>The exit code of the command.</returns>
    /// <exception cref="FailureException">A program ended while starting.</exception>
    public async Task<int> RunAsync(StopSignals signals)
    {
        using var end = new CancellationTokenSource();
        var beside = Task.CompletedTask;
        try
        {
            if (Otlp is not null)
                _output.Report(DevEvent.Telemetry(Otlp));
            foreach (var child in Nodes.Append(Balancer))
                Start(child);
            beside = _output.RunAsync(this, end.Token);
            await BecomeReadyAsync(signals.Requested).ConfigureAwait(false);
            await Task.Delay(Timeout.InfiniteTimeSpan, signals.Requested)
                .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
        finally
        {
            await StopAsync(signals.Forced).ConfigureAwait(false);
            await end.CancelAsync().ConfigureAwait(false);
            await beside.ConfigureAwait(false);
        }

        return signals.Forced.IsCancellationRequested ? ExitCodes.Failed : ExitCodes.Ok;
    }

    /// <summary>Kills a program that runs, and starts one that does not.</summary>
    public void Toggle(Child child)
    {
        if (_isStopping)
            return;
        if (child.IsRunning)
            child.Kill();
        else
            Start(child);
    }

    /// <summary>What a node says of itself; null when it does not answer.</summary>
    public Task<NodeStatus?> StatusOfAsync(Child node, CancellationToken end) => _probe.StatusOfAsync(node.Url, end);

    /// <summary>What the balancer says of the cluster; null when it does not answer.</summary>
    public Task<ClusterHealth?> HealthAsync(CancellationToken end) => _probe.HealthAsync(Balancer.Url, end);

    public ValueTask DisposeAsync()
    {
        foreach (var child in Nodes.Append(Balancer))
            child.Dispose();
        _probe.Dispose();
        _stopping.Dispose();
        return ValueTask.CompletedTask;
    }

    internal static string ProgramFile(string name)
    {
        var path = Path.Combine(AppContext.BaseDirectory, name);
        return File.Exists(path) ? path : throw new FailureException($"{path} is missing; install kv again.");
    }

    private void Start(Child child) => child.Start(
        (started, pid) => _output.Report(DevEvent.Started(started.Name, pid, started.Url)),
        OnEnded);

    private void OnEnded(Child child)
    {
        var code = child.ExitCode!.Value;
        _output.Report(DevEvent.Exited(child.Name, code, code == 0 ? null : child.Reason));
        if (child.WasKilledHere)
            return;
        _died.TrySetResult(child);
        lock (_gate)
        {
            if (!Restarts || _isStopping)
                return;
            _restarts.RemoveAll(earlier => earlier.IsCompleted);
            _restarts.Add(RestartAsync(child));
        }
    }

    private async Task RestartAsync(Child child)
    {
        try
        {
            await Task.Delay(RestartPause, _time, _stopping.Token).ConfigureAwait(false);
            Start(child);
        }
        catch (OperationCanceledException)
        {
            // All are ended.
        }
        catch (FailureException failure)
        {
            _output.Report(DevEvent.Exited(child.Name, ExitCodes.Failed, failure.Message));
        }
    }

    private async Task BecomeReadyAsync(CancellationToken stop)
    {
        var startedAt = _time.GetTimestamp();
        var isNews = true;
        while (!stop.IsCancellationRequested)
        {
            if (_died.Task.IsCompleted)
            {
                var dead = await _died.Task.ConfigureAwait(false);
                throw new FailureException(
                    $"{dead.Name} ended while starting (exit code {dead.ExitCode}): "
                    + (dead.Reason ?? "it said nothing"));
            }

            if (await HealthAsync(stop).ConfigureAwait(false) is { Status: ClusterHealth.Healthy })
            {
                _output.Report(DevEvent.Ready(Balancer.Url));
                return;
            }

            if (isNews && _time.GetElapsedTime(startedAt) > WaitingIsNews)
            {
                isNews = false;
                _output.Report(DevEvent.Waiting(await WhatIsMissingAsync(stop).ConfigureAwait(false)));
            }

            await Task.Delay(AskInterval, _time, stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task<string> WhatIsMissingAsync(CancellationToken stop)
    {
        var says = new List<string>();
        foreach (var node in Nodes)
        {
            var status = await StatusOfAsync(node, stop).ConfigureAwait(false);
            says.Add($"{node.Name} {status?.Detail ?? status?.State ?? "does not answer"}");
        }

        return string.Join("; ", says);
    }

    /// <summary>The door first, so that no request is taken that nobody will answer; then all nodes.</summary>
    private async Task StopAsync(CancellationToken force)
    {
        lock (_gate)
            _isStopping = true;
        await _stopping.CancelAsync().ConfigureAwait(false);
        await Task.WhenAll(_restarts).ConfigureAwait(false);
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(force);
        patience.CancelAfter(StopPatience);
        await Balancer.StopAsync(patience.Token).ConfigureAwait(false);
        await Task.WhenAll(Nodes.Select(node => node.StopAsync(patience.Token))).ConfigureAwait(false);
    }
}
