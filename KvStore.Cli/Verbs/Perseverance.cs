using System.Diagnostics;

namespace KvStore.Cli.Verbs;

/// <summary>How long a verb of many requests goes on when one of them fails: as long as others succeed.</summary>
internal sealed class Perseverance(Terminal terminal)
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(200);

    private long _sinceProgress = Stopwatch.GetTimestamp();
    private long _told = Stopwatch.GetTimestamp();

    /// <summary>Whether there was any progress: what fails before that fails at once.</summary>
    public bool HasBegun { get; private set; }

    /// <summary>Something was done; says how much once in a while.</summary>
    public async Task DoneAsync(long entries)
    {
        (HasBegun, _sinceProgress) = (true, Stopwatch.GetTimestamp());
        if (Stopwatch.GetElapsedTime(_told) < TimeSpan.FromSeconds(5))
            return;
        _told = Stopwatch.GetTimestamp();
        await terminal.Error.WriteLineAsync($"kv: {entries} entries so far").ConfigureAwait(false);
    }

    /// <summary>Waits before another attempt; false: there should be none.</summary>
    public async Task<bool> GoesOnAfterAsync(Exception failure)
    {
        var isLost = failure is IOException or HttpRequestException or FailureException
        {
            ExitCode: ExitCodes.Unavailable,
        };
        if (!isLost || !HasBegun || Stopwatch.GetElapsedTime(_sinceProgress) > Patience)
            return false;
        await Task.Delay(Pause).ConfigureAwait(false);
        return true;
    }
}
