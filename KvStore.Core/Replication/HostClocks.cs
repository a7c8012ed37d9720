using System.Collections.Immutable;
using KvStore.Core.Primitives;

namespace KvStore.Core.Replication;

/// <summary>
/// What a host's clocks show. A replica passes it on to its peers; all that it decides by it is whether, as a new
/// primary, it begins another time, because it was told none that its log goes by.
/// </summary>
/// <param name="Stamp">
/// A moment of the host's own, which only that host can read when it comes back; 0: none.
/// </param>
/// <param name="BeginMs">What a time shows that is begun now, in milliseconds since 1970.</param>
public readonly record struct HostClocks(long Stamp, long BeginMs)
{
    /// <summary>What the host was told: of each time that its log may go by at most one reading, as of now.</summary>
    public ImmutableArray<ToldTime> Told { get => field.IsDefault ? [] : field; init; }

    /// <summary>What it was told of the time that was begun in <paramref name="term"/>.</summary>
    public ToldTime Of(Term term)
    {
        foreach (var told in Told)
        {
            if (told.Time.BegunIn == term)
                return told;
        }

        return default;
    }

    /// <summary>The same of a host that has begun a time in <paramref name="term"/>.</summary>
    internal HostClocks WithBegun(Term term) =>
        this with { Told = Told.Add(new ToldTime(new GroupTime(BeginMs, term), term)) };
}

/// <summary>
/// A reading of a group's time. A primary whom nobody can tell the time begins another one, by its wall clock; readings
/// of one time go together, those of two have nothing to do with each other.
/// </summary>
/// <param name="Ms">Milliseconds since 1970; 0: it has not been told.</param>
/// <param name="BegunIn">The term whose primary began it (<see cref="GroupConfiguration.TimeBegunIn"/>).</param>
public readonly record struct GroupTime(long Ms, Term BegunIn)
{
    /// <summary>Whether there is one.</summary>
    public bool IsTold => Ms > 0;
}

/// <summary>A time, and the term whose primary told it; of who led a term, that term.</summary>
public readonly record struct ToldTime(GroupTime Time, Term ToldIn);
