using System.Collections.Concurrent;
using System.Diagnostics;
using KvStore.Cli.Dev;
using KvStore.Topology;

namespace KvStore.Cli.Chaos;

/// <summary>A node to do harm to.</summary>
internal sealed class ChaosNode(int number, NodeTopology topology, Child child)
{
    private readonly ConcurrentQueue<(long From, long To)> _pauses = [];
    private long _pausedSince;

    /// <summary>Counted from 1.</summary>
    public int Number { get; } = number;

    public NodeTopology Topology { get; } = topology;

    public Child Child { get; } = child;

    public string Name => Child.Name;

    /// <summary>The process of its present life.</summary>
    public int Pid { get; set; }

    /// <summary>Whether this life's end is no surprise.</summary>
    public bool MayEnd { get; set; }

    /// <summary>SIGKILL, and waits until it is gone.</summary>
    public async Task KillAsync()
    {
        Child.Kill();
        await Child.Ended.ConfigureAwait(false);
    }

    /// <summary>SIGTERM.</summary>
    public Task AskToEndAsync() => SignalAsync("-TERM");

    /// <summary>Waits until it has ended by itself.</summary>
    /// <exception cref="FailureException">It did not, or with another exit code.</exception>
    public async Task EndsWithAsync(int exitCode, TimeSpan patience)
    {
        await Child.Ended.WaitAsync(patience).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (Child.IsRunning)
            throw new FailureException($"{Name} should have ended and still runs after {patience.TotalSeconds} s.");
        if (Child.ExitCode != exitCode)
        {
            throw new FailureException(
                $"{Name} ended with exit code {Child.ExitCode} instead of {exitCode}: {Child.Reason}");
        }
    }

    /// <summary>SIGSTOP: the process stands still and knows nothing of it.</summary>
    public async Task PauseAsync()
    {
        Volatile.Write(ref _pausedSince, Stopwatch.GetTimestamp());
        await SignalAsync("-STOP").ConfigureAwait(false);
    }

    /// <summary>SIGCONT.</summary>
    public async Task ResumeAsync()
    {
        await SignalAsync("-CONT").ConfigureAwait(false);
        var since = Interlocked.Exchange(ref _pausedSince, 0);
        if (since != 0)
            _pauses.Enqueue((since, Stopwatch.GetTimestamp()));
    }

    /// <summary>Whether it stood still at some time between two moments.</summary>
    public bool WasPausedBetween(long from, long to)
    {
        var since = Volatile.Read(ref _pausedSince);
        return (since != 0 && since <= to) || _pauses.Any(pause => pause.From <= to && pause.To >= from);
    }

    private async Task SignalAsync(string signal)
    {
        if (!Child.IsRunning)
            return;    // its number may be somebody else's by now
        var start = new ProcessStartInfo("kill", [signal, $"{Pid}"]) { RedirectStandardError = true };
        using var kill = Process.Start(start)!;
        await kill.WaitForExitAsync().ConfigureAwait(false);
    }
}
