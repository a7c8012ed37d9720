namespace KvStore.Client;

/// <summary>
/// A lock: a key that its holder created and keeps from ending. It is no mutual exclusion by itself: a holder that is
/// stopped for longer than the lock lives still believes that it holds it. Whoever guards something by it hands
/// <see cref="FencingToken"/> along, and the guarded thing refuses a smaller one than it has seen. Disposing releases
/// it. Safe for use by many at once.
/// </summary>
public sealed class KvLock : IAsyncDisposable
{
    internal const string Value = "held";

    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    /// <summary>By so much a life may end early when another node becomes the primary of its key.</summary>
    private static readonly TimeSpan Drift = TimeSpan.FromMilliseconds(250);

    private readonly KvBucket _bucket;
    private readonly string _key;
    private readonly TimeSpan _life;
    private readonly TimeSpan _counted;
    private readonly TimeProvider _time;
    private readonly CancellationTokenSource _lost;
    private readonly CancellationTokenSource _released = new();
    private readonly Task _renewals;
    private KvVersion _version;
    private bool _isDisposed;

    internal KvLock(
        KvBucket bucket, string key, KvVersion version, TimeSpan life, long heldSince, TimeProvider time)
    {
        (_bucket, _key, _version, _life, _time) = (bucket, key, version, life, time);
        var margin = life / 500 + Drift;
        _counted = life - (margin < life / 4 ? margin : life / 4);
        FencingToken = version.Number;
        _lost = new CancellationTokenSource(NotNegative(LeftOf(heldSince)), time);
        Lost = _lost.Token;
        using (ExecutionContext.SuppressFlow())    // they outlive what the caller is doing, and are no part of it
            _renewals = RenewAsync(heldSince);
    }

    /// <summary>Greater than that of every earlier holder.</summary>
    public long FencingToken { get; }

    /// <summary>
    /// Cancelled when it is lost: its life could not be renewed in time, or never can be again, or somebody removed it.
    /// It comes a little before the life is over by this clock, since that of the store may be ahead: by 250 ms and a
    /// five-hundredth of the life, at most a quarter of it.
    /// </summary>
    public CancellationToken Lost { get; }

    /// <summary>
    /// Releases it, if it is held still. A renewal that is on its way is waited for: only then is it known which
    /// version to remove. Where that cannot be done, the lock ends by itself when its life is over.
    /// </summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _isDisposed, true))
            return;
        await _released.CancelAsync().ConfigureAwait(false);
        await _renewals.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        try
        {
            if (!Lost.IsCancellationRequested)
                await _bucket.DeleteAsync(_key, _version).ConfigureAwait(false);
        }
        catch (Exception failure) when (failure is KvStoreException or ObjectDisposedException)
        {
            // It ends by itself.
        }
        finally
        {
            _released.Dispose();
            if (!Lost.IsCancellationRequested)    // else somebody may still have to be told
                _lost.Dispose();
        }
    }

    /// <summary>
    /// Renews its life when a third of it is over. The life counts from when a renewal was sent: by then the store had
    /// not begun to count.
    /// </summary>
    private async Task RenewAsync(long heldSince)
    {
        using var ends = CancellationTokenSource.CreateLinkedTokenSource(_released.Token, Lost);
        while (true)
        {
            await Task.Delay(_life / 3, _time, ends.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (ends.IsCancellationRequested)
                return;
            var sentAt = _time.GetTimestamp();
            if (!await IsRenewedAsync(heldSince, ends.Token).ConfigureAwait(false))
            {
                if (!_released.IsCancellationRequested)
                    _ = _lost.CancelAsync();    // who is told may wait for the release, which waits for this
                return;
            }

            heldSince = sentAt;
            _lost.CancelAfter(NotNegative(LeftOf(sentAt)));
        }
    }

    /// <summary>
    /// Renews it. What came to nothing is sent again under its name as long as the lock lives, and is not released. The
    /// name has no time, so that it is refused neither hours later nor where this clock is ahead: the version sees to
    /// it that the renewal is done once.
    /// </summary>
    private async Task<bool> IsRenewedAsync(long heldSince, CancellationToken ends)
    {
        var name = Guid.NewGuid().ToString();
        while (LeftOf(heldSince) is { Ticks: > 0 } left)
        {
            var sentAt = _time.GetTimestamp();
            try
            {
                var options = new KvWriteOptions
                {
                    TimeToLive = _life,
                    IdempotencyKey = name,
                    Timeout = left < _bucket.Patience ? left : _bucket.Patience,
                };
                var renewed = await _bucket.ReplaceAsync(_key, Value, _version, options, CancellationToken.None)
                    .ConfigureAwait(false);
                _version = renewed.IsApplied ? renewed.Version!.Value : _version;
                return renewed.IsApplied;
            }
            catch (KvStoreException failure) when (failure.Problem is null or { Retryable: true })
            {
                await PauseAsync(sentAt, heldSince, ends).ConfigureAwait(false);
                if (ends.IsCancellationRequested)
                    return false;
            }
            catch (Exception)
            {
                return false;    // it was refused for good, or the client is there no more
            }
        }

        return false;
    }

    /// <summary>What was answered at once waits, so that no two renewals are sent within a second.</summary>
    private async Task PauseAsync(long sentAt, long heldSince, CancellationToken ends)
    {
        var (rest, left) = (Pause - _time.GetElapsedTime(sentAt), LeftOf(heldSince));
        if (rest > TimeSpan.Zero && left > TimeSpan.Zero)
            await Task.Delay(rest < left ? rest : left, _time, ends)
                .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    private TimeSpan LeftOf(long heldSince) => _counted - _time.GetElapsedTime(heldSince);

    private static TimeSpan NotNegative(TimeSpan left) => left > TimeSpan.Zero ? left : TimeSpan.Zero;
}
