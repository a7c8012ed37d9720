using KvStore.Core.Primitives;
using KvStore.Core.Replication;
using KvStore.Core.State;

namespace KvStore.Tests.Simulation;

/// <summary>What is on stable storage of one replica: it survives a crash, and nothing else does.</summary>
internal sealed class DurableReplica
{
    private readonly List<LogEntry> _entries = [];
    private Snapshot _snapshot = new(LogIndex.Zero, Term.Zero, StateImage.Empty);

    public HardState HardState { get; private set; }

    public LogIndex LastIndex => _snapshot.Index + _entries.Count;

    public Snapshot Snapshot => _snapshot;

    /// <summary>Whether the entry is here, in the log or behind the snapshot.</summary>
    public bool Holds(LogIndex index, Term term) =>
        index <= _snapshot.Index || (index <= LastIndex && EntryAt(index).Term == term);

    public void Apply(Persist persist)
    {
        if (persist.Snapshot is { } snapshot)
        {
            Law.Holds(snapshot.Index >= _snapshot.Index, $"A snapshot at {snapshot.Index} replaces one at {_snapshot.Index}");
            _entries.Clear();
            _snapshot = snapshot;
        }

        if (persist.HardState is { } next)
            Remember(next);
        if (!persist.Entries.IsEmpty)
            Append(persist);
        Law.Holds(_entries.Count == 0 || _entries[^1].Term <= HardState.Term, $"An entry of a later term than {HardState} is durable");
    }

    /// <summary>A snapshot the host took itself: the log before it is dropped.</summary>
    public void Save(Snapshot snapshot)
    {
        if (snapshot.Index <= _snapshot.Index)
            return;
        Law.Holds(Holds(snapshot.Index, snapshot.Term) && snapshot.Index <= LastIndex, $"Snapshot at {snapshot.Index} outran the log");
        _entries.RemoveRange(0, (int)(snapshot.Index - _snapshot.Index));
        _snapshot = snapshot;
    }

    public RecoveredReplica Recover() => new(HardState, _snapshot.Index, _snapshot.Term, [.. _entries]);

    private LogEntry EntryAt(LogIndex index) => _entries[(int)(index - _snapshot.Index) - 1];

    private void Remember(HardState next)
    {
        var isForward = next.Term > HardState.Term
            || (next.Term == HardState.Term && (HardState.Vote == NodeId.None || HardState.Vote == next.Vote));
        Law.Holds(isForward, $"The hard state went from {HardState} back to {next}");
        HardState = next;
    }

    private void Append(Persist persist)
    {
        var first = persist.Entries[0].Index;
        Law.Holds(first > _snapshot.Index, $"Entries from {first} on would replace what the snapshot at {_snapshot.Index} holds");
        Law.Holds(first <= LastIndex.Next(), $"Entries from {first} on leave a hole after {LastIndex}");
        var keep = (int)(first - _snapshot.Index) - 1;
        _entries.RemoveRange(keep, _entries.Count - keep);
        _entries.AddRange(persist.Entries);
    }
}
