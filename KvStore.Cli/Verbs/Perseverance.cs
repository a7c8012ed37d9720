namespace KvStore.Cli.Verbs;

/// <summary>How long a verb of many requests goes on when one of them fails: as long as others succeed.</summary>
internal sealed class Perseverance(Terminal terminal)
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(200);

    private readonly TimeProvider _time = terminal.Time;
    private long _told = terminal.Time.GetTimestamp();
    private long? _failingSince;    // not since the last progress: one request may take longer than all patience

    /// <summary>Whether there was any progress: what fails before that fails at once.</summary>
    public bool HasBegun { get; private set; }

    /// <summary>Something was done; says how much once in a while.</summary>
    public void Done(long entries)
    {
        (HasBegun, _failingSince) = (true, null);
        if (_time.GetElapsedTime(_told) < TimeSpan.FromSeconds(5))
            return;
        _told = _time.GetTimestamp();
        terminal.Messages.Note($"{entries} entries so far");
    }

    /// <summary>Waits before another attempt; false: there should be none.</summary>
    public async Task<bool> GoesOnAfterAsync(Exception failure)
    {
        var isLost = failure is IOException or HttpRequestException or FailureException
        {
            ExitCode: ExitCodes.Unavailable,
        };
        if (!isLost || !HasBegun)
            return false;
        _failingSince ??= _time.GetTimestamp();
        if (_time.GetElapsedTime(_failingSince.Value) > Patience)
            return false;
        await Task.Delay(Pause, _time).ConfigureAwait(false);
        return true;
    }
}
