using KvStore.Core.Primitives;
using KvStore.Core.Replication;

namespace KvStore.Node.Storage;

/// <summary>What one loop wants durable together, and what to call, on the log's thread, once it is.</summary>
internal sealed record PersistBatch(List<Persist> Items, Action OnFlushed);

/// <summary>
/// The log's own thread: takes everything that is waiting, writes it as one frame, flushes once, reports. After a
/// failure it has ended, nothing more is written and nothing is reported.
/// </summary>
internal sealed class LogWriter : IDisposable
{
    private static readonly TimeSpan StopPatience = TimeSpan.FromSeconds(10);

    private readonly object _gate = new();    // waited on with Monitor
    private readonly TaskCompletionSource<Exception> _failed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly WalWriter _wal;
    private readonly TimeProvider _time;
    private readonly Thread _thread;
    private List<PersistBatch> _waiting = [];
    private List<SavedSnapshot> _snapshots = [];
    private List<SavedSnapshot> _taken = [];
    private bool _isStopping;
    private bool _hasEnded;
    private long _flushes;
    private long? _waitingSince;
    private long? _carryingSince;

    public LogWriter(WalWriter wal, TimeProvider time)
    {
        _wal = wal;
        _time = time;
        _thread = new Thread(Run) { Name = "log writer", IsBackground = true };
        _thread.Start();
    }

    /// <summary>Completes with what went wrong when the log can be written no more.</summary>
    public Task<Exception> Failed => _failed.Task;

    /// <summary>Flushes since start.</summary>
    public long Flushes => Volatile.Read(ref _flushes);

    /// <summary>How long the oldest batch has waited that is not flushed; zero when there is none.</summary>
    public TimeSpan Lag
    {
        get
        {
            lock (_gate)
                return (_carryingSince ?? _waitingSince) is { } since ? _time.GetElapsedTime(since) : TimeSpan.Zero;
        }
    }

    public void Append(PersistBatch batch)
    {
        lock (_gate)
        {
            if (_hasEnded)
                return;    // latched: nobody is told that anything is durable
            _waiting.Add(batch);
            _waitingSince ??= _time.GetTimestamp();
            Monitor.Pulse(_gate);
        }
    }

    /// <summary>A snapshot is on stable storage; the log before it may go.</summary>
    /// <returns>Segments to be deleted in this order; none when the log has ended.</returns>
    public Task<IReadOnlyList<string>> StartBehind(PartitionId partition, LogIndex index, Term term)
    {
        var saved = new SavedSnapshot(partition, index, term);
        lock (_gate)
        {
            if (_hasEnded)
                return Task.FromResult<IReadOnlyList<string>>([]);
            _snapshots.Add(saved);
            Monitor.Pulse(_gate);
        }

        return saved.Unneeded.Task;
    }

    /// <summary>Says that storage beside the log has failed: the node must end as if the log had.</summary>
    public void Fail(Exception failure) => _failed.TrySetResult(failure);

    /// <summary>Finishes what is waiting and ends.</summary>
    /// <exception cref="TimeoutException">The disk hangs: what waits for it was never called durable.</exception>
    public void Dispose()
    {
        lock (_gate)
        {
            _isStopping = true;
            Monitor.Pulse(_gate);
        }

        if (!_thread.Join(StopPatience))
        {
            throw new TimeoutException(
                $"The disk of the log has not answered for {StopPatience.TotalSeconds} s; the node ends without it.");
        }

        _wal.Dispose();
    }

    private void Run()
    {
        try
        {
            while (Next(out var batches))
                Carry(batches);
        }
        catch (Exception failure)
        {
            End();    // the bytes may or may not be there, so nothing may follow them
            Fail(failure);
            return;
        }

        End();
    }

    private void End()
    {
        lock (_gate)
        {
            _hasEnded = true;
            (_carryingSince, _waitingSince) = (null, null);
            _waiting.Clear();
            foreach (var snapshot in _snapshots.Concat(_taken))
                snapshot.Unneeded.TrySetResult([]);
        }
    }

    private bool Next(out List<PersistBatch> batches)
    {
        lock (_gate)
        {
            while (_waiting.Count == 0 && _snapshots.Count == 0 && !_isStopping)
                Monitor.Wait(_gate);
            (batches, _taken) = (_waiting, _snapshots);
            (_waiting, _snapshots) = ([], []);
            (_carryingSince, _waitingSince) = (_waitingSince, null);
            return batches.Count > 0 || _taken.Count > 0 || !_isStopping;
        }
    }

    private void Carry(List<PersistBatch> batches)
    {
        foreach (var batch in batches)
        {
            foreach (var item in batch.Items)
                _wal.Add(item);
        }

        if (batches.Count > 0)
        {
            _wal.Flush();
            Interlocked.Increment(ref _flushes);
            Failpoints.Reached(Failpoint.BatchFlushed);
            lock (_gate)
                _carryingSince = null;
            foreach (var batch in batches)
                batch.OnFlushed();
        }

        foreach (var snapshot in _taken)
            snapshot.Unneeded.TrySetResult(_wal.StartBehind(snapshot.Partition, snapshot.Index, snapshot.Term));
        if (IsIdle())
            _wal.Seal();
    }

    private bool IsIdle()
    {
        lock (_gate)
            return _waiting.Count == 0;
    }

    private sealed record SavedSnapshot(PartitionId Partition, LogIndex Index, Term Term)
    {
        public TaskCompletionSource<IReadOnlyList<string>> Unneeded { get; } =
            new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
