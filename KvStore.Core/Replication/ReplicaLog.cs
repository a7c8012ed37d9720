using System.Collections.Immutable;
using KvStore.Core.Primitives;

namespace KvStore.Core.Replication;

/// <summary>
/// The log of one replica in memory: the entries after its start, which is the position of the last entry that was
/// compacted away. Every entry's index is its predecessor's plus one, and terms never fall.
/// </summary>
internal sealed class ReplicaLog
{
    private readonly List<LogEntry> _entries = [];

    public ReplicaLog(LogIndex startIndex, Term startTerm, ImmutableArray<LogEntry> entries)
    {
        StartIndex = startIndex;
        StartTerm = startTerm;
        foreach (var entry in entries)
            Append(entry);
    }

    /// <summary>The last entry that is no longer held, and its term.</summary>
    public LogIndex StartIndex { get; private set; }

    public Term StartTerm { get; private set; }

    public LogIndex LastIndex => StartIndex + _entries.Count;

    public Term LastTerm => _entries.Count > 0 ? _entries[^1].Term : StartTerm;

    public LogEntry this[LogIndex index] => _entries[(int)(index - StartIndex) - 1];

    /// <summary>
    /// The term of the entry at <paramref name="index"/>; null when it is compacted away or not there yet.
    /// </summary>
    public Term? TermAt(LogIndex index)
    {
        if (index == StartIndex)
            return StartTerm;
        return index < StartIndex || index > LastIndex ? null : this[index].Term;
    }

    public void Append(LogEntry entry)
    {
        Invariant.Holds(entry.Index == LastIndex.Next());
        Invariant.Holds(entry.Term >= LastTerm);
        _entries.Add(entry);
    }

    /// <summary>Drops the entry at <paramref name="index"/> and all after it.</summary>
    public void TruncateFrom(LogIndex index)
    {
        Invariant.Holds(index > StartIndex);
        Invariant.Holds(index <= LastIndex);
        var keep = (int)(index - StartIndex) - 1;
        _entries.RemoveRange(keep, _entries.Count - keep);
    }

    /// <summary>Drops all entries up to and including <paramref name="index"/>.</summary>
    public void CompactTo(LogIndex index)
    {
        Invariant.Holds(index >= StartIndex);
        Invariant.Holds(index <= LastIndex);
        var term = TermAt(index)!.Value;
        _entries.RemoveRange(0, (int)(index - StartIndex));
        StartIndex = index;
        StartTerm = term;
    }

    /// <summary>
    /// Behind which entry the last ones up to <paramref name="last"/> begin, at most so many and of so many bytes.
    /// </summary>
    public LogIndex BeforeLast(LogIndex last, int entries, long bytes)
    {
        var before = last;
        while (before > StartIndex && entries-- > 0 && (bytes -= this[before].Payload.Length) >= 0)
            before -= 1;
        return before;
    }

    /// <summary>Drops everything and starts behind a snapshot.</summary>
    public void RestartAt(LogIndex index, Term term)
    {
        _entries.Clear();
        StartIndex = index;
        StartTerm = term;
    }

    /// <summary>
    /// Entries from <paramref name="from"/> on, as many as fit into <paramref name="maxBytes"/>, but at least one.
    /// </summary>
    public ImmutableArray<LogEntry> Slice(LogIndex from, int maxBytes)
    {
        if (from > LastIndex)
            return [];
        var first = (int)(from - StartIndex) - 1;
        long bytes = _entries[first].Payload.Length;
        var end = first + 1;
        while (end < _entries.Count && bytes + _entries[end].Payload.Length <= maxBytes)
            bytes += _entries[end++].Payload.Length;
        var slice = ImmutableArray.CreateBuilder<LogEntry>(end - first);
        for (var i = first; i < end; i++)
            slice.Add(_entries[i]);
        return slice.MoveToImmutable();
    }

    /// <summary>
    /// The last index up to <paramref name="index"/> whose term is at most <paramref name="term"/>: where two logs may
    /// still agree, so that a conflict costs one message per term and not one per entry (Raft, end of section 5.3).
    /// </summary>
    public (LogIndex Index, Term Term) LastAgreeing(LogIndex index, Term term)
    {
        index = LogIndex.Min(index, LastIndex);
        while (index > StartIndex && this[index].Term > term)
            index -= 1;
        return (index, TermAt(index) ?? Term.Zero);
    }

    /// <summary>
    /// Whether a log that ends at (<paramref name="lastTerm"/>, <paramref name="lastIndex"/>) is at least as complete.
    /// </summary>
    public bool IsNoMoreCompleteThan(LogIndex lastIndex, Term lastTerm) =>
        lastTerm > LastTerm || (lastTerm == LastTerm && lastIndex >= LastIndex);
}
