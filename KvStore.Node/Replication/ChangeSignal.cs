namespace KvStore.Node.Replication;

/// <summary>
/// Tells whoever waits that some history has grown. Who applies pays one read of a field while nobody waits.
/// </summary>
internal sealed class ChangeSignal
{
    private TaskCompletionSource? _next;

    /// <summary>
    /// Completes at the next <see cref="Set"/>; to be taken before the look at the histories, so that nothing falls
    /// between.
    /// </summary>
    public Task Next()
    {
        while (true)
        {
            if (Volatile.Read(ref _next) is { } waiting)
                return waiting.Task;
            TaskCompletionSource mine = new(TaskCreationOptions.RunContinuationsAsynchronously);
            if (Interlocked.CompareExchange(ref _next, mine, null) is null)    // a full fence, too
                return mine.Task;
        }
    }

    /// <summary>A history has grown.</summary>
    public void Set()
    {
        Interlocked.MemoryBarrier();    // grown before the look at who waits, as they wait before they look
        if (Volatile.Read(ref _next) is not null)
            Interlocked.Exchange(ref _next, null)?.TrySetResult();
    }
}
