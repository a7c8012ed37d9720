namespace KvStore.Client;

/// <summary>
/// A lock: a key that its holder created and keeps from ending. It is no mutual exclusion by itself: a holder that is
/// stopped for longer than the lock lives still believes that it holds it. Whoever guards something by it hands
/// <see cref="FencingToken"/> along, and the guarded thing refuses a smaller one than it has seen. Disposing releases
/// it.
/// </summary>
public sealed class KvLock : IAsyncDisposable
{
    internal const string Value = "held";

    private readonly KvBucket _bucket;
    private readonly string _key;
    private readonly TimeSpan _life;
    private readonly TimeProvider _time;
    private readonly CancellationTokenSource _lost = new();
    private readonly CancellationTokenSource _released = new();
    private readonly Task _renewals;
    private KvVersion _version;
    private bool _isDisposed;

    internal KvLock(
        KvBucket bucket, string key, KvVersion version, TimeSpan life, long heldSince, TimeProvider time)
    {
        (_bucket, _key, _version, _life, _time) = (bucket, key, version, life, time);
        FencingToken = version.Number;
        _renewals = RenewAsync(heldSince);
    }

    /// <summary>Greater than that of every earlier holder.</summary>
    public long FencingToken { get; }

    /// <summary>Cancelled when it is lost: its life could not be renewed in time, or somebody removed it.</summary>
    public CancellationToken Lost => _lost.Token;

    /// <summary>Releases it, if it is held still.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _isDisposed, true))
            return;
        await _released.CancelAsync().ConfigureAwait(false);
        await _renewals.ConfigureAwait(false);
        try
        {
            if (!_lost.IsCancellationRequested)
                await _bucket.DeleteAsync(_key, _version).ConfigureAwait(false);
        }
        catch (KvStoreException)
        {
            // It ends by itself when its life is over.
        }

        _released.Dispose();
        _lost.Dispose();
    }

    /// <summary>
    /// Renews its life when a third of it is over. The life counts from when a renewal was sent: by then the store had
    /// not begun to count.
    /// </summary>
    private async Task RenewAsync(long heldSince)
    {
        while (true)
        {
            await Task.Delay(_life / 3, _time, _released.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (_released.IsCancellationRequested)
                return;
            var left = _life - _time.GetElapsedTime(heldSince);
            var sentAt = _time.GetTimestamp();
            if (left <= TimeSpan.Zero || !await IsRenewedAsync(left).ConfigureAwait(false))
            {
                if (!_released.IsCancellationRequested)
                    await _lost.CancelAsync().ConfigureAwait(false);
                return;
            }

            heldSince = sentAt;
        }
    }

    private async Task<bool> IsRenewedAsync(TimeSpan left)
    {
        try
        {
            var options = new KvWriteOptions
            {
                TimeToLive = _life,
                Timeout = left < KvBucket.LongestTimeout ? left : KvBucket.LongestTimeout,
            };
            var renewed = await _bucket.ReplaceAsync(_key, Value, _version, options, _released.Token)
                .ConfigureAwait(false);
            _version = renewed.Version ?? _version;
            return renewed.IsApplied;
        }
        catch (Exception failure) when (failure is KvStoreException or OperationCanceledException)
        {
            return false;
        }
    }
}
