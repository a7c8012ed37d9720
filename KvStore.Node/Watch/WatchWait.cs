namespace KvStore.Node.Watch;

/// <summary>
/// Waits with a watcher: for news, until a time, and no longer than the node runs and its reader is there.
/// </summary>
internal sealed class WatchWait : IDisposable
{
    private readonly WatchDispatcher _dispatcher;
    private readonly Watcher _watcher;
    private readonly CancellationToken _gone;
    private readonly ITimer _timer;
    private readonly CancellationTokenRegistration _goes;
    private readonly CancellationTokenRegistration _drains;

    /// <param name="dispatcher">Who wakes it.</param>
    /// <param name="watcher">Who waits; nobody else's.</param>
    /// <param name="time">The clock of its patience.</param>
    /// <param name="gone">Cancelled when its reader goes.</param>
    public WatchWait(WatchDispatcher dispatcher, Watcher watcher, TimeProvider time, CancellationToken gone)
    {
        (_dispatcher, _watcher, _gone) = (dispatcher, watcher, gone);
        _timer = time.CreateTimer(Wake, watcher, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        _goes = gone.UnsafeRegister(Wake, watcher);
        _drains = dispatcher.Draining.UnsafeRegister(Wake, watcher);
    }

    /// <summary>Whether the reader has gone, or the node stops.</summary>
    public bool IsOver => _gone.IsCancellationRequested || _dispatcher.Draining.IsCancellationRequested;

    /// <summary>Returns when there may be something to read or to do; at once when there is.</summary>
    /// <param name="longest">No later than after this.</param>
    public async ValueTask ForNewsAsync(TimeSpan longest)
    {
        if (longest <= TimeSpan.Zero || IsOver)
            return;
        _timer.Change(longest, Timeout.InfiniteTimeSpan);
        if (!_dispatcher.TryPark(_watcher))
            return;
        await _watcher.SignalledAsync().ConfigureAwait(false);
        _dispatcher.Unpark(_watcher);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _goes.Dispose();
        _drains.Dispose();
        _timer.Dispose();
        _dispatcher.Close(_watcher);
    }

    private static void Wake(object? watcher) => ((Watcher)watcher!).Signal();
}
