namespace KvStore.Node.Replication;

/// <summary>Callers that wait until transactions give keys free. Who applies takes no lock.</summary>
internal sealed class FreedWaits
{
    private TaskCompletionSource? _next;

    /// <summary>
    /// Completes when <paramref name="isFree"/>, which is asked now and whenever keys were given free; cancelled with
    /// <paramref name="patience"/>.
    /// </summary>
    public async Task FreeAsync(Func<bool> isFree, CancellationToken patience)
    {
        while (true)
        {
            var freed = Next();    // armed before the look, so that nothing is given free between
            if (isFree())
                return;
            await freed.WaitAsync(patience).ConfigureAwait(false);
        }
    }

    /// <summary>The state, as anybody sees it, has fewer keys locked.</summary>
    public void Announce() => Interlocked.Exchange(ref _next, null)?.TrySetResult();

    private Task Next()
    {
        while (true)
        {
            if (Volatile.Read(ref _next) is { } armed)
                return armed.Task;
            var next = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            if (Interlocked.CompareExchange(ref _next, next, null) is null)
                return next.Task;
        }
    }
}
