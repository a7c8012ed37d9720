namespace KvStore.Client.Transport;

/// <summary>
/// How often all calls together may try again: a share of their number, and some tries that are free, so that a store
/// that fails is not asked much more for it. Where nothing is left the next tries wait, and one of them goes for each
/// of these that the store answers meanwhile.
/// </summary>
/// <param name="share">What each call adds.</param>
/// <param name="burst">The most that is kept; so much is added in ten seconds by itself.</param>
/// <param name="time">Measures them.</param>
internal sealed class RetryBudget(double share, int burst, TimeProvider time)
{
    private static readonly TimeSpan Refill = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan LongestLook = TimeSpan.FromMilliseconds(100);    // a call may have added some

    private readonly Lock _gate = new();
    private double _left = burst;
    private int _waiting;
    private long _filledAt = time.GetTimestamp();

    /// <summary>A call is made.</summary>
    public void Earn()
    {
        lock (_gate)
            _left = Math.Min(burst, _left + share);
    }

    /// <summary>A call that was tried again was answered: one of those that wait may ask, too.</summary>
    public void Serve()
    {
        lock (_gate)
        {
            if (_waiting > 0)
                _left = Math.Min(burst, _left + 1);
        }
    }

    /// <summary>Waits until a call may be tried again.</summary>
    /// <returns>False: it was cancelled before.</returns>
    public async ValueTask<bool> TrySpendAsync(CancellationToken cancellation)
    {
        Interlocked.Increment(ref _waiting);
        try
        {
            while (!cancellation.IsCancellationRequested)
            {
                var wait = Spend();
                if (wait == TimeSpan.Zero)
                    return true;
                await Task.Delay(wait < LongestLook ? wait : LongestLook, time, cancellation)
                    .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }

            return false;
        }
        finally
        {
            Interlocked.Decrement(ref _waiting);
        }
    }

    /// <summary>Takes one try, or says how long it is until there is one.</summary>
    private TimeSpan Spend()
    {
        lock (_gate)
        {
            var now = time.GetTimestamp();
            _left = Math.Min(burst, _left + burst * (time.GetElapsedTime(_filledAt, now) / Refill));
            _filledAt = now;
            if (_left < 1)
                return Refill * ((1 - _left) / burst) + TimeSpan.FromMilliseconds(1);    // timers are no finer
            _left--;
            return TimeSpan.Zero;
        }
    }
}
