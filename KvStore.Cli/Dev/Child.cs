using System.ComponentModel;
using System.Diagnostics;
using KvStore.Topology;

namespace KvStore.Cli.Dev;

/// <summary>
/// One program of a cluster: a process that may die and be started again. It is held by its standard input: when that
/// ends, also because this process did, it ends in order.
/// </summary>
internal sealed class Child : IDisposable
{
    /// <summary>Set in somebody's shell, these would mean another cluster.</summary>
    private static readonly string[] Foreign =
    [
        Variables.NodeName, Variables.NodePort, Variables.NodeUrl, Variables.ClusterNodes, Variables.ReplicationFactor,
        Variables.PeerPort, Variables.WalDirectory, Variables.SnapshotDirectory, Variables.BalancerPort,
        Variables.DatabaseNodes,
    ];

    private const string ForeignServices = "services__";

    private readonly ProcessStartInfo _start;
    private readonly ChildLog _log;
    private readonly Lock _gate = new();
    private Process? _process;

    public Child(
        string name,
        string url,
        string host,
        string program,
        string directory,
        IReadOnlyDictionary<string, string> environment)
    {
        Name = name;
        Url = url;
        _log = new ChildLog(directory);
        _start = new ProcessStartInfo(host, ["--roll-forward", "Major", program])
        {
            WorkingDirectory = directory,    // so that no settings file of the caller's directory is read
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var inherited in _start.Environment.Keys.Where(IsForeign).ToList())
            _start.Environment.Remove(inherited);
        _start.Environment[Variables.StopWithInput] = "true";
        foreach (var (key, value) in environment)
            _start.Environment[key] = value;
    }

    public string Name { get; }

    public string Url { get; }

    /// <summary>The code it last ended with; null while it runs or has never run.</summary>
    public int? ExitCode { get; private set; }

    /// <summary>Whether this launcher killed it: then its end is no surprise.</summary>
    public bool WasKilledHere { get; private set; }

    /// <summary>Why it ended, in its own words.</summary>
    public string? Reason => _log.Reason;

    /// <summary>Completes when it has ended and all that it printed has been read.</summary>
    public Task Ended { get; private set; } = Task.CompletedTask;

    public bool IsRunning => !Ended.IsCompleted;

    /// <summary>Starts it, unless it runs.</summary>
    /// <param name="onStarted">Told its process id, before <paramref name="onEnded"/>.</param>
    /// <param name="onEnded">Told that it has ended.</param>
    /// <exception cref="FailureException">The system cannot start it.</exception>
    public void Start(Action<Child, int> onStarted, Action<Child> onEnded)
    {
        lock (_gate)
        {
            if (IsRunning)
                return;
            (ExitCode, WasKilledHere) = (null, false);
            _log.BeginLife();
            _process?.Dispose();
            _process = StartProcess();
            onStarted(this, _process.Id);
            Ended = WatchAsync(_process, onEnded);
        }
    }

    /// <summary>Kill -9: what a power failure would do to it.</summary>
    public void Kill()
    {
        lock (_gate)
        {
            if (_process is null || !IsRunning)
                return;
            WasKilledHere = true;
            _process.Kill();
        }
    }

    /// <summary>Asks it to end in order, and waits for as long as the caller has patience; then kills it.</summary>
    public async Task StopAsync(CancellationToken patience)
    {
        if (!IsRunning)
            return;
        lock (_gate)
            _process!.StandardInput.Close();
        await Ended.WaitAsync(patience).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        Kill();
        await Ended.ConfigureAwait(false);
    }

    public void Dispose()
    {
        _process?.Dispose();
        _log.Dispose();
    }

    private static bool IsForeign(string variable) =>
        Foreign.Contains(variable, StringComparer.OrdinalIgnoreCase)
        || variable.StartsWith(ForeignServices, StringComparison.OrdinalIgnoreCase);

    private Process StartProcess()
    {
        try
        {
            return Process.Start(_start)!;
        }
        catch (Win32Exception failure)
        {
            throw new FailureException(
                $"{Name} cannot be started with {_start.FileName}: {failure.Message}.", inner: failure);
        }
    }

    private async Task WatchAsync(Process process, Action<Child> onEnded)
    {
        await Task.WhenAll(
            KeepAsync(process.StandardOutput, isError: false),
            KeepAsync(process.StandardError, isError: true),
            process.WaitForExitAsync()).ConfigureAwait(false);
        ExitCode = process.ExitCode;
        onEnded(this);
    }

    private async Task KeepAsync(StreamReader output, bool isError)
    {
        while (await output.ReadLineAsync().ConfigureAwait(false) is { } line)
            _log.Write(line, isError);
    }
}
