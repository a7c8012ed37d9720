using KvStore.Core.Primitives;

namespace KvStore.Node.Replication;

/// <summary>
/// Readers that wait until a replica's state contains an entry. Who applies takes no lock while nobody waits.
/// </summary>
internal sealed class IndexWaits
{
    private readonly Lock _gate = new();
    private readonly List<Wait> _waits = [];
    private volatile int _count;

    /// <summary>Completes when <see cref="Applied"/> gets there; cancelled with <paramref name="patience"/>.</summary>
    /// <param name="index">Of the entry.</param>
    /// <param name="applied">What the state contains now; read when the wait is armed.</param>
    /// <param name="patience">When to give up.</param>
    public async Task ReachedAsync(LogIndex index, Func<LogIndex> applied, CancellationToken patience)
    {
        Wait wait = new(index, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        lock (_gate)
        {
            _waits.Add(wait);
            _count = _waits.Count;
        }

        Interlocked.MemoryBarrier();    // armed before the look, as the state is before its look at who waits
        try
        {
            if (applied() < index)
                await wait.Done.Task.WaitAsync(patience).ConfigureAwait(false);
        }
        finally
        {
            lock (_gate)
            {
                _waits.Remove(wait);
                _count = _waits.Count;
            }
        }
    }

    /// <summary>The state, as anybody sees it, contains everything up to here.</summary>
    public void Applied(LogIndex index)
    {
        Interlocked.MemoryBarrier();
        if (_count == 0)
            return;
        lock (_gate)
        {
            foreach (var wait in _waits)
            {
                if (wait.Index <= index)
                    wait.Done.TrySetResult();
            }
        }
    }

    private sealed record Wait(LogIndex Index, TaskCompletionSource Done);
}
