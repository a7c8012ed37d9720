namespace KvStore.Node.Replication;

/// <summary>
/// A read that is shared by all who ask for it before it begins, one at a time: whoever asks is given what was read
/// after it asked.
/// </summary>
/// <param name="read">Reads; null when that cannot be done.</param>
/// <param name="time">The clock.</param>
/// <param name="interval">At least so long between the beginnings of two reads.</param>
internal sealed class SharedRead<T>(Func<Task<T?>> read, TimeProvider time, TimeSpan interval = default)
    where T : class
{
    private readonly Lock _gate = new();
    private Task<T?>? _next;
    private Task _last = Task.CompletedTask;
    private long? _lastBegan;

    /// <summary>What is read by a read that begins after the call.</summary>
    /// <returns>Null when it could not be read, or not in time.</returns>
    public async ValueTask<T?> ReadAsync(CancellationToken deadline)
    {
        Task<T?> shared;
        lock (_gate)
        {
            _next ??= ReadNextAsync(_last);
            _last = shared = _next;
        }

        try
        {
            return await shared.WaitAsync(deadline).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (deadline.IsCancellationRequested)
        {
            return null;
        }
    }

    private async Task<T?> ReadNextAsync(Task before)
    {
        await before.ConfigureAwait(
            ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ForceYielding);
        if (_lastBegan is { } began && interval - time.GetElapsedTime(began) is var left && left > TimeSpan.Zero)
            await Task.Delay(left, time).ConfigureAwait(false);
        lock (_gate)
            _next = null;    // who comes from now on needs a read that begins later
        _lastBegan = time.GetTimestamp();
        return await read().ConfigureAwait(false);
    }
}
