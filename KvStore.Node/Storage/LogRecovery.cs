using System.Collections.Immutable;
using KvStore.Core.Primitives;
using KvStore.Core.Replication;
using KvStore.Core.State;

namespace KvStore.Node.Storage;

/// <summary>What stable storage gives back of one partition.</summary>
internal sealed record RecoveredPartition(RecoveredReplica Replica, StateImage State);

/// <summary>Puts the replicas' logs together from the items of the log and the newest snapshots.</summary>
internal sealed class LogRecovery
{
    private readonly Dictionary<PartitionId, GroupLog> _groups = [];
    private readonly Dictionary<PartitionId, List<LogEntry>> _entries = [];
    private long _segment;

    /// <summary>Per partition, what the log holds of it.</summary>
    public Dictionary<PartitionId, GroupLog> Groups => _groups;

    /// <summary>
    /// Logs that go on behind a snapshot which they do not lead up to: to be written down before all else.
    /// </summary>
    public List<(PartitionId Partition, LogIndex Index, Term Term)> Restarts { get; } = [];

    /// <summary>Whether the segment being read has come to its last item.</summary>
    public bool HasRolled { get; private set; }

    /// <summary>The log may begin with this segment, or an older one that is not gone yet, but not later.</summary>
    public long OldestSegment { get; private set; } = 1;

    /// <summary>Entries read, replaced ones included.</summary>
    public long EntriesRead { get; private set; }

    public void BeginSegment(long number)
    {
        _segment = number;
        HasRolled = false;
    }

    public void OnRoll() => HasRolled = true;

    public void OnOldest(long segment) => OldestSegment = Math.Max(segment, OldestSegment);

    public void OnHardState(PartitionId partition, HardState state) => GroupOf(partition).HardState = state;

    /// <exception cref="InvalidDataException">The entry leaves a gap behind the one before it.</exception>
    public void OnEntry(PartitionId partition, LogEntry entry)
    {
        EntriesRead++;
        var entries = EntriesOf(partition);
        if (entries.Count > 0)
        {
            if (entry.Index > entries[^1].Index.Next())
                throw new InvalidDataException($"entry {entry.Index} of {partition} after {entries[^1].Index}");
            var keep = (int)Math.Max(0, entry.Index - entries[0].Index);
            entries.RemoveRange(keep, entries.Count - keep);
        }

        entries.Add(entry);
        GroupOf(partition).Wrote(_segment, entry.Index);
    }

    /// <summary>A restart or start item: see <see cref="WalItem"/>.</summary>
    public void OnPosition(WalItem kind, PartitionId partition, LogIndex index, Term term)
    {
        if (kind == WalItem.Restart)
        {
            EntriesOf(partition).Clear();
            GroupOf(partition).Restart(index, term);
        }
        else
        {
            GroupOf(partition).StartBehind(index, term);
            GroupOf(partition).IsStartLogged = true;
        }
    }

    /// <summary>The replicas, each from its snapshot and the entries behind it.</summary>
    /// <exception cref="DataDamagedException">Entries are missing between a snapshot and the log behind it.</exception>
    public IReadOnlyDictionary<PartitionId, RecoveredPartition> Join(
        string walFolder, IReadOnlyDictionary<PartitionId, Snapshot> snapshots)
    {
        var partitions = _groups.Keys.Union(snapshots.Keys).OrderBy(partition => partition);
        return partitions.ToDictionary(
            partition => partition,
            partition => Join(walFolder, partition, snapshots.GetValueOrDefault(partition)));
    }

    private RecoveredPartition Join(string walFolder, PartitionId partition, Snapshot? snapshot)
    {
        var group = GroupOf(partition);
        var (index, term) = snapshot is null ? (LogIndex.Zero, Term.Zero) : (snapshot.Index, snapshot.Term);
        if (index < group.StartIndex)
            throw Missing(walFolder, partition, $"a snapshot up to {index}", $"one up to {group.StartIndex} or later");
        var entries = EntriesOf(partition);
        if (entries.Count > 0 && entries[0].Index > index.Next())
            throw Missing(walFolder, partition, $"entry {entries[0].Index}", $"entry {index.Next()}");
        if (entries.Count > 0 && entries[0].Index <= index && !Contains(entries, index, term))
            DropBefore(partition, index, term);
        entries.RemoveAll(entry => entry.Index <= index);
        group.StartBehind(index, term);
        var lastTerm = entries.Count > 0 ? entries[^1].Term : term;
        var hardState = group.HardState.Term < lastTerm ? new HardState(lastTerm, NodeId.None) : group.HardState;
        var replica = new RecoveredReplica(hardState, index, term, [.. entries])
        {
            Configuration = snapshot?.Configuration,
        };
        return new RecoveredPartition(replica, snapshot?.State ?? StateImage.Empty);
    }

    private static bool Contains(List<LogEntry> entries, LogIndex index, Term term) =>
        entries[^1].Index >= index && entries[(int)(index - entries[0].Index)].Term == term;

    /// <summary>
    /// The log ends before the snapshot, or tells another history that was never committed. It goes on behind the
    /// snapshot, and has to say so before anything is appended.
    /// </summary>
    private void DropBefore(PartitionId partition, LogIndex index, Term term)
    {
        EntriesOf(partition).Clear();
        GroupOf(partition).Restart(index, term);
        Restarts.Add((partition, index, term));
    }

    private static DataDamagedException Missing(string folder, PartitionId partition, string found, string expected) =>
        new(folder, 0, $"{found} of partition {partition}", expected);

    private GroupLog GroupOf(PartitionId partition)
    {
        if (!_groups.TryGetValue(partition, out var group))
            _groups.Add(partition, group = new GroupLog());
        return group;
    }

    private List<LogEntry> EntriesOf(PartitionId partition)
    {
        if (!_entries.TryGetValue(partition, out var entries))
            _entries.Add(partition, entries = []);
        return entries;
    }
}
