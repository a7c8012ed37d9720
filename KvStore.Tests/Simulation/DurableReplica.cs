using KvStore.Core.Primitives;
using KvStore.Core.Replication;
using KvStore.Core.State;

namespace KvStore.Tests.Simulation;

/// <summary>What is on stable storage of one replica: it survives a crash, and nothing else does.</summary>
internal sealed class DurableReplica
{
    private readonly List<LogEntry> _entries = [];
    private Snapshot? _snapshot;

    public HardState HardState { get; private set; }

    public LogIndex LastIndex => SnapshotIndex + _entries.Count;

    public StateImage State => _snapshot?.State ?? StateImage.Empty;

    /// <summary>The last that the log tells; null: the one that the group was born with.</summary>
    public GroupConfiguration? Configuration =>
        _entries.FindLast(entry => entry.Kind == EntryKind.Configuration) is { } change
            ? GroupConfigurationFormat.Decode(change.Payload.Span)
            : _snapshot?.Configuration;

    private LogIndex SnapshotIndex => _snapshot?.Index ?? LogIndex.Zero;

    /// <summary>Whether the entry is here, in the log or behind the snapshot.</summary>
    public bool Holds(LogIndex index, Term term) =>
        index <= SnapshotIndex || (index <= LastIndex && EntryAt(index).Term == term);

    public void Apply(Persist persist)
    {
        if (persist.Snapshot is { } snapshot)
        {
            Law.Holds(
                snapshot.Index >= SnapshotIndex,
                $"A snapshot at {snapshot.Index} replaces one at {SnapshotIndex}");
            _entries.Clear();
            _snapshot = snapshot;
        }

        if (persist.HardState is { } next)
            Remember(next);
        if (!persist.Entries.IsEmpty)
            Append(persist);
        Law.Holds(
            _entries.Count == 0 || _entries[^1].Term <= HardState.Term,
            $"An entry of a later term than {HardState} is durable");
    }

    /// <summary>A snapshot the host took itself: the log before it is dropped.</summary>
    public void Save(Snapshot snapshot)
    {
        if (snapshot.Index <= SnapshotIndex)
            return;
        Law.Holds(
            Holds(snapshot.Index, snapshot.Term) && snapshot.Index <= LastIndex,
            $"Snapshot at {snapshot.Index} outran the log");
        _entries.RemoveRange(0, (int)(snapshot.Index - SnapshotIndex));
        _snapshot = snapshot;
    }

    public RecoveredReplica Recover() => new(HardState, SnapshotIndex, _snapshot?.Term ?? Term.Zero, [.. _entries])
    {
        Configuration = _snapshot?.Configuration,
    };

    private LogEntry EntryAt(LogIndex index) => _entries[(int)(index - SnapshotIndex) - 1];

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
        Law.Holds(
            first > SnapshotIndex,
            $"Entries from {first} on would replace what the snapshot at {SnapshotIndex} holds");
        Law.Holds(first <= LastIndex.Next(), $"Entries from {first} on leave a hole after {LastIndex}");
        var keep = (int)(first - SnapshotIndex) - 1;
        _entries.RemoveRange(keep, _entries.Count - keep);
        _entries.AddRange(persist.Entries);
    }
}
