using KvStore.Core.Primitives;

namespace KvStore.Core.Replication;

/// <summary>
/// What a host's clocks show. A replica passes it on to its peers; all that it decides by it is whether, as a new
/// primary, it begins another time, because it was told none that its log goes by.
/// </summary>
/// <param name="Stamp">
/// A moment of the host's own, which only that host can read when it comes back; 0: none.
/// </param>
/// <param name="Time">The time of the group by the host's log clock.</param>
/// <param name="ToldIn">The term whose primary told it that; of who led a term, that term.</param>
public readonly record struct HostClocks(long Stamp, GroupTime Time, Term ToldIn);

/// <summary>
/// A reading of a group's time. A primary whom nobody can tell the time begins another one, by its wall clock; readings
/// of one time go together, those of two have nothing to do with each other.
/// </summary>
/// <param name="Ms">Milliseconds since 1970; 0: it has not been told.</param>
/// <param name="BegunIn">The term whose primary began it (<see cref="GroupConfiguration.TimeTerm"/>).</param>
public readonly record struct GroupTime(long Ms, Term BegunIn)
{
    /// <summary>Whether there is one.</summary>
    public bool IsTold => Ms > 0;
}
