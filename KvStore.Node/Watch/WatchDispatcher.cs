using KvStore.Core.Primitives;
using KvStore.Node.Replication;
using KvStore.Node.Telemetry;
using Microsoft.Extensions.Options;

namespace KvStore.Node.Watch;

/// <summary>
/// Wakes watchers when there is something for them to read: one reader of all histories for all of them, and what the
/// watchers cost grows with what they are told, not with what is written.
/// </summary>
internal sealed class WatchDispatcher(
    IPartitions here,
    HistoryFeeds histories,
    IOptions<WatchOptions> options,
    IHostApplicationLifetime lifetime,
    TimeProvider time,
    ILogger<WatchDispatcher> logger) : BackgroundService
{
    /// <summary>
    /// Woken at once, before a pause: however many watch, they leave most of the node's processors to others.
    /// </summary>
    private const int Slice = 64;

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(2);

    /// <summary>The copies of histories are fed for a while after the last watcher left: he may come again.</summary>
    private static readonly TimeSpan FeedPatience = TimeSpan.FromMinutes(1);

    private readonly Lock _gate = new();
    private readonly WatchIndex _parked = new();
    private readonly HashSet<Watcher> _ahead = [];
    private readonly SemaphoreSlim _used = new(0, 1);
    private volatile long[] _positions = [];
    private int _count;
    private long _dropped;
    private TaskCompletionSource _moved = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>
    /// By partition, how far every watcher may read; <see cref="ChangeHistory.NothingKnown"/> where nothing is known.
    /// Never changed in place.
    /// </summary>
    public long[] Positions => _positions;

    /// <summary>Cancelled when the node stops: streams end.</summary>
    public CancellationToken Draining => lifetime.ApplicationStopping;

    /// <summary>Watches and waiting reads that are open.</summary>
    public int Count => Volatile.Read(ref _count);

    /// <summary>Streams that ended since their readers did not follow.</summary>
    public long DroppedCount => Interlocked.Read(ref _dropped);

    /// <summary>A stream ends since its reader did not follow.</summary>
    public void Dropped() => Interlocked.Increment(ref _dropped);

    /// <summary>Takes a place for one more; null: there is none.</summary>
    public IDisposable? TryEnter()
    {
        if (Interlocked.Increment(ref _count) > options.Value.MaxWatches)
        {
            Interlocked.Decrement(ref _count);
            return null;
        }

        if (_used.CurrentCount == 0)
            Use();
        return new Place(this);
    }

    /// <summary>Completes when something is known of every partition; cancelled with the deadline.</summary>
    public Task KnownAsync(CancellationToken deadline) => MovedAsync(
        static positions => !positions.Contains(ChangeHistory.NothingKnown), deadline);

    /// <summary>Completes when something is known of a partition; cancelled with the deadline.</summary>
    public Task KnownAsync(PartitionId partition, CancellationToken deadline) => MovedAsync(
        positions => positions[partition.Value] != ChangeHistory.NothingKnown, deadline);

    private async Task MovedAsync(Func<long[], bool> isSo, CancellationToken deadline)
    {
        while (true)
        {
            Task moved;
            lock (_gate)
            {
                if (_positions.Length > 0 && isSo(_positions))
                    return;
                moved = _moved.Task;
            }

            await moved.WaitAsync(deadline).ConfigureAwait(false);
        }
    }

    /// <summary>A partition's history.</summary>
    public ChangeHistory? HistoryOf(PartitionId partition) => histories.Of(partition);

    /// <summary>It has gone.</summary>
    public void Close(Watcher watcher)
    {
        lock (_gate)
            Leave(watcher);
    }

    /// <summary>
    /// The watcher waits until there is something for it, if it has read all there is. False: there is more.
    /// </summary>
    public bool TryPark(Watcher watcher)
    {
        lock (_gate)
        {
            if (!HasReadAll(watcher))
                return false;
            watcher.IsParked = true;
            if (watcher.IsAhead)
                _ahead.Add(watcher);
            else
                _parked.Add(watcher);
            return true;
        }
    }

    /// <summary>
    /// The watcher looks by itself: what it was not woken for in the meantime was not for it, and counts as seen.
    /// </summary>
    public void Unpark(Watcher watcher)
    {
        lock (_gate)
        {
            if (!watcher.IsParked)
                return;
            if (!watcher.IsAhead)
                watcher.At = _positions;
            Leave(watcher);
        }
    }

    /// <summary>Looks at all histories once.</summary>
    /// <param name="woken">Those who have something to read now.</param>
    /// <returns>Whether anything has moved.</returns>
    internal bool Look(ICollection<Watcher> woken)
    {
        if (here.View is not { } view)
            return false;
        lock (_gate)
        {
            var before = _positions;
            if (before.Length == 0)
                Array.Fill(before = new long[view.Ring.PartitionCount], ChangeHistory.NothingKnown);
            long[]? after = null;
            HashSet<Watcher> found = [];
            for (var partition = 0; partition < before.Length; partition++)
            {
                if (histories.Of(new PartitionId(partition)) is not { Reached: var reached } history
                    || reached == before[partition])
                    continue;
                after ??= [.. before];
                after[partition] = reached;
                if (_parked.Count > 0)
                    Find(history, before[partition], reached, found);
            }

            if (after is null)
                return false;
            Wake(found, before, woken);
            _positions = after;
            var moved = _moved;
            _moved = new(TaskCreationOptions.RunContinuationsAsynchronously);
            moved.SetResult();
            return true;
        }
    }

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            while (!stoppingToken.IsCancellationRequested)
            {
                await _used.WaitAsync(stoppingToken).ConfigureAwait(false);
                await RunWhileUsedAsync(stoppingToken).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // the node stops
        }
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        base.Dispose();
        _used.Dispose();
    }

    private async Task RunWhileUsedAsync(CancellationToken stopping)
    {
        using var feeding = CancellationTokenSource.CreateLinkedTokenSource(stopping);
        var feeds = Task.Run(() => histories.RunAsync(feeding.Token), CancellationToken.None);
        var usedAt = time.GetTimestamp();
        while (time.GetElapsedTime(usedAt) < FeedPatience)
        {
            stopping.ThrowIfCancellationRequested();
            if (feeds.IsFaulted)
                logger.FeedsFailed(feeds.Exception.GetBaseException().Message);
            if (feeds.IsCompleted)
                feeds = Task.Run(() => histories.RunAsync(feeding.Token), CancellationToken.None);
            if (Count > 0)
                usedAt = time.GetTimestamp();
            await RoundAsync(stopping).ConfigureAwait(false);
        }

        await feeding.CancelAsync().ConfigureAwait(false);
        await feeds.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    private async Task RoundAsync(CancellationToken stopping)
    {
        var grown = here.Applied.Next();    // armed before the look
        List<Watcher> woken = [];
        if (!Look(woken))
        {
            using var patience = CancellationTokenSource.CreateLinkedTokenSource(stopping);
            await Task.WhenAny(grown, Task.Delay(FeedPatience, time, patience.Token)).ConfigureAwait(false);
            await patience.CancelAsync().ConfigureAwait(false);
            return;
        }

        foreach (var slice in woken.Chunk(Slice))
        {
            foreach (var watcher in slice)
                watcher.Signal();
            await Task.Delay(Pause, time, stopping).ConfigureAwait(false);
        }

        if (woken.Count == 0)
            await Task.Delay(Pause, time, stopping).ConfigureAwait(false);    // many writes are looked at together
    }

    private void Find(ChangeHistory history, long after, long upTo, HashSet<Watcher> found)
    {
        var reader = history.After(after);
        while (true)
        {
            switch (reader.Read(upTo, out var changes))
            {
                case HistoryStep.Found:
                    _parked.Find(changes, found);
                    break;
                case HistoryStep.NoMore:
                    return;
                default:
                    found.UnionWith(_parked.All);    // each must see for itself what it has lost
                    return;
            }
        }
    }

    private void Wake(HashSet<Watcher> found, long[] at, ICollection<Watcher> woken)
    {
        foreach (var watcher in found)
        {
            Leave(watcher);
            watcher.At = at;
            woken.Add(watcher);
        }

        foreach (var watcher in _ahead)
        {
            watcher.IsParked = false;
            woken.Add(watcher);
        }

        _ahead.Clear();
    }

    private void Leave(Watcher watcher)
    {
        if (!watcher.IsParked)
            return;
        watcher.IsParked = false;
        if (!_ahead.Remove(watcher))
            _parked.Remove(watcher);
    }

    /// <summary>Whether it has seen everything; if it has seen more, it is ahead.</summary>
    private bool HasReadAll(Watcher watcher)
    {
        watcher.IsAhead = false;
        if (ReferenceEquals(watcher.At, _positions))
            return true;
        for (var partition = 0; partition < watcher.At.Length; partition++)
        {
            if (partition >= _positions.Length || watcher.At[partition] > _positions[partition])
                watcher.IsAhead = true;
            else if (watcher.At[partition] < _positions[partition])
                return false;
        }

        if (!watcher.IsAhead)
            watcher.At = _positions;
        return true;
    }

    private void Use()
    {
        try
        {
            _used.Release();
        }
        catch (SemaphoreFullException)
        {
            // somebody else has just done so
        }
    }

    private sealed class Place(WatchDispatcher dispatcher) : IDisposable
    {
        private int _isLeft;

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _isLeft, 1) == 0)
                Interlocked.Decrement(ref dispatcher._count);
        }
    }
}
