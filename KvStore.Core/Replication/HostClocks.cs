using KvStore.Core.Primitives;

namespace KvStore.Core.Replication;

/// <summary>
/// What a host's clocks show, as numbers that a replica passes on to its peers and never looks at: no decision rests on
/// them.
/// </summary>
/// <param name="Stamp">
/// A moment of the host's own, which only that host can read when it comes back; 0: none.
/// </param>
/// <param name="LogTimeMs">
/// The time of the group by the host's log clock, in milliseconds since 1970; 0: it has not been told.
/// </param>
/// <param name="LogTimeTerm">The term of the primary that told it.</param>
public readonly record struct HostClocks(long Stamp, long LogTimeMs, Term LogTimeTerm);
