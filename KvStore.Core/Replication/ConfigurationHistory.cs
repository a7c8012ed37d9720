using KvStore.Core.Primitives;

namespace KvStore.Core.Replication;

/// <summary>
/// The configurations that the log holds, by index, above the one in force where the log starts. The last
/// one is in force from the moment it is appended, committed or not (thesis 4.1); when its entry is
/// truncated, the one before it is again.
/// </summary>
internal sealed class ConfigurationHistory(GroupConfiguration atStart)
{
    private readonly List<(LogIndex Index, GroupConfiguration Configuration)> _changes = [];
    private GroupConfiguration _atStart = atStart;

    /// <summary>The one in force.</summary>
    public GroupConfiguration Current => _changes.Count > 0 ? _changes[^1].Configuration : _atStart;

    /// <summary>Where the one in force stands in the log; zero: at or before its start.</summary>
    public LogIndex LastChange => _changes.Count > 0 ? _changes[^1].Index : LogIndex.Zero;

    /// <summary>
    /// The one in force after the entry at <paramref name="index"/>, which is not before the log's start.
    /// </summary>
    public GroupConfiguration At(LogIndex index)
    {
        for (var at = _changes.Count - 1; at >= 0; at--)
        {
            if (_changes[at].Index <= index)
                return _changes[at].Configuration;
        }

        return _atStart;
    }

    public void Append(LogEntry entry)
    {
        if (entry.Kind == EntryKind.Configuration)
            _changes.Add((entry.Index, GroupConfigurationFormat.Decode(entry.Payload.Span)));
    }

    public void TruncateFrom(LogIndex index) => _changes.RemoveAll(change => change.Index >= index);

    public void CompactTo(LogIndex index)
    {
        _atStart = At(index);
        _changes.RemoveAll(change => change.Index <= index);
    }

    public void RestartAt(GroupConfiguration atStart)
    {
        _changes.Clear();
        _atStart = atStart;
    }
}
