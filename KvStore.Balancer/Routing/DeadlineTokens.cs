using System.Collections.Concurrent;

namespace KvStore.Balancer.Routing;

/// <summary>
/// Cancellation sources that fire when an attempt has run out of time; reused, since most never fire.
/// </summary>
internal sealed class DeadlineTokens(TimeProvider time)
{
    private const int MaxIdle = 1024;

    private readonly ConcurrentQueue<CancellationTokenSource> _idle = new();

    /// <summary>A source that fires after the delay.</summary>
    public CancellationTokenSource Rent(TimeSpan delay)
    {
        // Only sources on the system's time can be reset; those on a test's time are made each time.
        if (!_idle.TryDequeue(out var source))
            return new(delay, time);
        source.CancelAfter(delay);
        return source;
    }

    /// <summary>Takes back a source that nobody uses any more.</summary>
    public void Return(CancellationTokenSource source)
    {
        if (_idle.Count < MaxIdle && source.TryReset())
            _idle.Enqueue(source);
        else
            source.Dispose();
    }
}
