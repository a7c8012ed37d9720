using KvStore.Core.Primitives;
using KvStore.Node.Replication;

namespace KvStore.Node.Watch;

/// <summary>What a watcher finds next.</summary>
internal enum WatchStep
{
    /// <summary>A command with changes that it watches.</summary>
    Found,

    /// <summary>Everything is read.</summary>
    NoMore,

    /// <summary>The bucket was dropped.</summary>
    BucketGone,

    /// <summary>It was too slow: what comes next is not kept any more.</summary>
    Lost,
}

/// <summary>One pass of a watcher through what is new in the histories, partition by partition.</summary>
internal sealed class WatchReading
{
    private readonly WatchDispatcher _dispatcher;
    private readonly Watcher _watcher;
    private readonly long[] _target;
    private readonly long[] _at;
    private int _partition = -1;
    private HistoryReader _reader;

    /// <summary>Begins where the watcher is, up to where the dispatcher is.</summary>
    public WatchReading(WatchDispatcher dispatcher, Watcher watcher)
    {
        (_dispatcher, _watcher, _target) = (dispatcher, watcher, dispatcher.Positions);
        _at = [.. watcher.At];
        Changes = null!;
    }

    /// <summary>By partition, the last command that was read.</summary>
    public ReadOnlySpan<long> At => _at;

    /// <summary>The command that was found last.</summary>
    public AppliedChanges Changes { get; private set; }

    /// <summary>How many of its changes are watched.</summary>
    public int Matches { get; private set; }

    /// <summary>Goes on to the next command that the watcher wants.</summary>
    public WatchStep Next()
    {
        while (true)
        {
            if (_partition < 0 || _partition >= _target.Length || _at[_partition] >= _target[_partition])
            {
                if (!NextPartition())
                    return WatchStep.NoMore;
            }

            var step = _reader.Read(_target[_partition], out var changes);
            if (step == HistoryStep.Lost)
                return WatchStep.Lost;
            if (step == HistoryStep.NoMore)
            {
                _at[_partition] = _target[_partition];
                continue;
            }

            if (changes.Closed == _watcher.Filter.Bucket)
                return WatchStep.BucketGone;
            _at[_partition] = changes.Index.Value;
            (Changes, Matches) = (changes, CountMatches(changes));
            if (Matches > 0)
                return WatchStep.Found;
        }
    }

    /// <summary>The watcher has seen what was read.</summary>
    public void Keep() => _watcher.At = _at;

    private bool NextPartition()
    {
        for (_partition++; _partition < _target.Length; _partition++)
        {
            if (_at[_partition] >= _target[_partition])
                continue;
            _reader = _dispatcher.HistoryOf(new PartitionId(_partition))!.After(_at[_partition]);
            return true;
        }

        return false;
    }

    private int CountMatches(AppliedChanges changes)
    {
        var count = 0;
        foreach (var change in changes.Changes)
        {
            if (_watcher.Filter.Matches(change))
                count++;
        }

        return count;
    }
}
