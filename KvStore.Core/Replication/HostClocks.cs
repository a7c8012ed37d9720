using System.Collections.Immutable;
using KvStore.Core.Primitives;

namespace KvStore.Core.Replication;

/// <summary>
/// What a host's clocks show. A replica passes it on to its peers; all that it decides by it is whether, as a new
/// primary, it begins an era.
/// </summary>
/// <param name="Stamp">
/// A moment of the host's own, which only that host can read when it comes back; 0: none.
/// </param>
/// <param name="BeginMs">What an era shows that is begun now, in milliseconds since 1970.</param>
public readonly record struct HostClocks(long Stamp, long BeginMs)
{
    /// <summary>What the host was told, as of now: at most one reading of each era that its log may go by.</summary>
    public ImmutableArray<ClockReading> Told { get => field.IsDefault ? [] : field; init; }

    /// <summary>What it was told of an era; all zero: nothing.</summary>
    public ClockReading Of(Era era)
    {
        foreach (var told in Told)
        {
            if (told.Era == era)
                return told;
        }

        return default;
    }

    /// <summary>The same of a host that has begun an era in <paramref name="term"/>.</summary>
    internal HostClocks WithBegun(Term term) =>
        this with { Told = Told.Add(new ClockReading(Era.BegunIn(term), BeginMs, term)) };
}

/// <summary>What a group's clock showed.</summary>
/// <param name="Era">In which era.</param>
/// <param name="Ms">Milliseconds since 1970; 0: it was not told.</param>
/// <param name="ToldIn">The term whose primary told it; of who led a term, that term.</param>
public readonly record struct ClockReading(Era Era, long Ms, Term ToldIn)
{
    /// <summary>Whether there is one.</summary>
    public bool IsTold => Ms > 0;
}
