namespace KvStore.Node.Watch;

/// <summary>
/// One who watches: a filter and a place in the histories, nothing else. It reads when the dispatcher wakes it; while
/// it has nothing to read it is parked there, and its place is the dispatcher's.
/// </summary>
internal sealed class Watcher
{
    private readonly Lock _gate = new();
    private TaskCompletionSource? _waiting;
    private bool _isSignalled;

    /// <param name="filter">What it watches.</param>
    /// <param name="at">By partition, the last command that it has seen.</param>
    public Watcher(WatchFilter filter, long[] at) => (Filter, At) = (filter, at);

    /// <summary>What it watches.</summary>
    public WatchFilter Filter { get; }

    /// <summary>By partition, the last command that it has seen; shared, and never changed in place.</summary>
    public long[] At { get; set; }

    /// <summary>Whether it waits at the dispatcher; guarded by the dispatcher.</summary>
    internal bool IsParked { get; set; }

    /// <summary>Whether it waits for what it has seen already; guarded by the dispatcher.</summary>
    internal bool IsAhead { get; set; }

    /// <summary>Has it look; from anywhere.</summary>
    public void Signal()
    {
        TaskCompletionSource? waiting;
        lock (_gate)
        {
            (waiting, _waiting) = (_waiting, null);
            _isSignalled = waiting is null;
        }

        waiting?.TrySetResult();
    }

    /// <summary>Completes with the next signal, or the last one if nobody waited for it.</summary>
    public Task SignalledAsync()
    {
        lock (_gate)
        {
            if (_isSignalled)
            {
                _isSignalled = false;
                return Task.CompletedTask;
            }

            return (_waiting ??= new(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
        }
    }
}
