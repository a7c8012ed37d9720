using KvStore.Core.Primitives;
using KvStore.Core.State;

namespace KvStore.Node.Replication;

/// <summary>
/// What the commands of one partition changed lately, in log order and each command whole: what watches are read from.
/// One writer, the owner of the partition; any number of readers, who take no lock and whom it does not know.
/// </summary>
internal sealed class ChangeHistory
{
    /// <summary><see cref="Reached"/> of a history that nothing is known of yet.</summary>
    public const long NothingKnown = -1;

    private readonly HistoryBudget _budget;
    private volatile AppliedChanges?[] _ring = new AppliedChanges?[16];    // a power of two; replaced when it grows
    private long _start;    // sequence number of the oldest that is kept
    private long _end;    // and of the next
    private long _from;
    private long _reached;
    private long _changes;
    private long _bytes;

    /// <param name="budget">What it shares with others.</param>
    /// <param name="at">The last command before the first that it will hear of, or <see cref="NothingKnown"/>.</param>
    public ChangeHistory(HistoryBudget budget, long at)
    {
        _budget = budget;
        _from = _reached = at;
    }

    /// <summary>All that commands after this one changed is here, up to <see cref="Reached"/>.</summary>
    public long From => Volatile.Read(ref _from);

    /// <summary>The last command that is known here, whatever it changed.</summary>
    public long Reached => Volatile.Read(ref _reached);

    /// <summary>
    /// The last command that a state contains; where it does not say so, since an earlier version wrote it or there is
    /// none, the last entry: what is behind that is certainly not in it.
    /// </summary>
    public static long PositionOf(StateImage image, LogIndex entry) =>
        image.Index == LogIndex.Zero ? entry.Value : image.Index.Value;

    /// <summary>By the owner: a command was applied.</summary>
    public void Append(LogIndex index, Term term, IReadOnlyList<KeyChange> changes, BucketId? closed)
    {
        if (changes.Count > 0 || closed is not null)
            Append(AppliedChanges.Of(index, term, changes, closed));
        else
            Reach(index.Value);
    }

    /// <summary>By the owner: a command changed something.</summary>
    public void Append(AppliedChanges changes)
    {
        Invariant.Holds(changes.Index.Value > _reached);    // log order, nothing twice
        if (_end - _start == _ring.Length)
            Grow();
        var ring = _ring;
        changes.Sequence = _end;
        Volatile.Write(ref ring[_end & (ring.Length - 1)], changes);
        Volatile.Write(ref _end, _end + 1);
        Count(changes.Count, changes.Bytes);
        Reach(changes.Index.Value);    // last: whoever sees it finds everything before it
        Trim();
    }

    /// <summary>By the owner: nothing more was changed up to here.</summary>
    public void Reach(long index) => Volatile.Write(ref _reached, index);

    /// <summary>
    /// By the owner: what is known does not go on; the history begins anew behind a command.
    /// </summary>
    public void Restart(long at)
    {
        Volatile.Write(ref _from, Math.Max(_from, at));    // first: who finds nothing asks whether that is so
        while (_start < _end)
            DropOldest();
        Reach(at);
    }

    /// <summary>By the owner: gives back what is more than its share. The newest command always stays.</summary>
    public void Trim()
    {
        while (_end - _start > 1 && _budget.IsTooMuch(_changes, _bytes))
            DropOldest();
    }

    /// <summary>From anywhere: reads on behind a command.</summary>
    public HistoryReader After(long index) => new(this, index);

    private void Grow()
    {
        var (ring, larger) = (_ring, new AppliedChanges?[_ring.Length * 2]);
        for (var at = _start; at < _end; at++)
            larger[at & (larger.Length - 1)] = ring[at & (ring.Length - 1)];
        _ring = larger;
    }

    private void DropOldest()
    {
        var ring = _ring;
        ref var place = ref ring[_start & (ring.Length - 1)];
        var oldest = place!;
        Volatile.Write(ref _from, Math.Max(_from, oldest.Index.Value));
        Volatile.Write(ref _start, _start + 1);
        Volatile.Write(ref place, null);
        Count(-oldest.Count, -oldest.Bytes);
    }

    private void Count(long changes, long bytes)
    {
        _changes += changes;
        _bytes += bytes;
        _budget.Add(changes, bytes);
    }

    /// <summary>Null: it is not kept any more, or not there yet.</summary>
    internal AppliedChanges? At(long sequence)
    {
        if (sequence >= Volatile.Read(ref _end))
            return null;
        var ring = _ring;
        var found = Volatile.Read(ref ring[sequence & (ring.Length - 1)]);
        return found?.Sequence == sequence ? found : null;
    }

    /// <summary>The sequence number of the first that is kept behind a command.</summary>
    internal long SeekAfter(long index)
    {
        var (low, high) = (Volatile.Read(ref _start), Volatile.Read(ref _end));
        while (low < high)
        {
            var middle = low + (high - low) / 2;
            if (At(middle) is not { } found || found.Index.Value <= index)    // what is gone was before all that is not
                low = middle + 1;
            else
                high = middle;
        }

        return low;
    }
}

/// <summary>What a step of a reading came to.</summary>
internal enum HistoryStep
{
    /// <summary>There was another command.</summary>
    Found,

    /// <summary>There is none up to the index that was asked for.</summary>
    NoMore,

    /// <summary>Something that was not read yet is not kept any more.</summary>
    Lost,
}

/// <summary>One reader's place in a history. Others may have theirs; the owner knows of none.</summary>
internal struct HistoryReader
{
    private readonly ChangeHistory _history;
    private long _next;
    private long _after;

    /// <param name="history">What to read.</param>
    /// <param name="after">The last command that was read before.</param>
    public HistoryReader(ChangeHistory history, long after) =>
        (_history, _after, _next) = (history, after, history.SeekAfter(after));

    /// <summary>Reads the next command.</summary>
    /// <param name="upTo">The last that counts; at most the history's <see cref="ChangeHistory.Reached"/>.</param>
    /// <param name="changes">What it changed.</param>
    public HistoryStep Read(long upTo, out AppliedChanges changes)
    {
        var found = _history.At(_next);
        changes = found!;
        if (_history.From > _after)
            return HistoryStep.Lost;
        if (found is null || found.Index.Value > upTo)
            return HistoryStep.NoMore;
        _after = found.Index.Value;
        _next++;
        return HistoryStep.Found;
    }
}
