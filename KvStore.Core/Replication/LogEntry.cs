using KvStore.Core.Primitives;

namespace KvStore.Core.Replication;

/// <summary>What an entry is for.</summary>
public enum EntryKind : byte
{
    /// <summary>
    /// Nothing to apply. The first entry of a new primary, unless it begins an era: commits all before it with itself.
    /// And, wherever one stands, a mark: the position at which replicas compare their states.
    /// </summary>
    Empty = 1,

    /// <summary>A command for the state (see <see cref="State.CommandFormat"/>).</summary>
    Command = 2,

    /// <summary>
    /// Who keeps the log from here on, and in which era (see <see cref="GroupConfigurationFormat"/>); a mark, too.
    /// </summary>
    Configuration = 3,
}

/// <summary>One entry of a replica group's log. Its payload is never changed after construction.</summary>
public sealed record LogEntry(LogIndex Index, Term Term, EntryKind Kind, ReadOnlyMemory<byte> Payload);
