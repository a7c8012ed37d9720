using KvStore.Core.Primitives;
using KvStore.Core.State;

namespace KvStore.Core.Replication;

/// <summary>
/// A partition's state after the entry at (<paramref name="Index"/>, <paramref name="Term"/>) was applied, and who kept
/// the log then.
/// </summary>
public sealed record Snapshot(LogIndex Index, Term Term, GroupConfiguration Configuration, StateImage State);
