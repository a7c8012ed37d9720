using KvStore.Core.Primitives;
using KvStore.Core.Replication;

namespace KvStore.Node.Storage;

/// <summary>What the log holds of one replica group: its hard state, and which segments its entries are in.</summary>
internal sealed class GroupLog
{
    private readonly SortedDictionary<long, LogIndex> _lastInSegment = [];

    public HardState HardState { get; set; }

    /// <summary>A snapshot stands for everything up to here.</summary>
    public LogIndex StartIndex { get; private set; }

    public Term StartTerm { get; private set; }

    /// <summary>Whether the log itself says where it starts: it must, before anything before that may go.</summary>
    public bool IsStartLogged { get; set; } = true;

    /// <summary>The oldest segment with an entry that no snapshot stands for; null when there is none.</summary>
    public long? OldestNeeded => _lastInSegment.Count == 0 ? null : _lastInSegment.Keys.First();

    public void Wrote(long segment, LogIndex index) =>
        _lastInSegment[segment] = LogIndex.Max(index, _lastInSegment.GetValueOrDefault(segment));

    /// <summary>A snapshot up to <paramref name="index"/> is on stable storage.</summary>
    public void StartBehind(LogIndex index, Term term)
    {
        if (index <= StartIndex)
            return;
        (StartIndex, StartTerm, IsStartLogged) = (index, term, false);
        foreach (var (segment, last) in _lastInSegment.ToList())
        {
            if (last <= index)
                _lastInSegment.Remove(segment);
        }
    }

    /// <summary>A received snapshot took the place of everything before, and the log says so.</summary>
    public void Restart(LogIndex index, Term term)
    {
        (StartIndex, StartTerm, IsStartLogged) = (index, term, true);
        _lastInSegment.Clear();
    }
}
