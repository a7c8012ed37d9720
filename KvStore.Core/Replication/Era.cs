using System.Globalization;
using KvStore.Core.Primitives;

namespace KvStore.Core.Replication;

/// <summary>
/// A stretch of a group's time, which goes on from primary to primary. A primary that was told no reading of the era
/// that its log goes by, by the time it was elected, begins another, by its wall clock, and says so in its first entry.
/// Named by that primary's term; 0: none has begun. Readings of two eras say nothing of each other.
/// </summary>
public readonly record struct Era(long Value)
{
    /// <summary>The one that the primary of <paramref name="term"/> began.</summary>
    public static Era BegunIn(Term term) => new(term.Value);

    /// <inheritdoc/>
    public override string ToString() => Value.ToString(CultureInfo.InvariantCulture);

    /// <summary>Whether <paramref name="left"/> was begun first.</summary>
    public static bool operator <(Era left, Era right) => left.Value < right.Value;

    /// <summary>Whether <paramref name="left"/> was begun later.</summary>
    public static bool operator >(Era left, Era right) => left.Value > right.Value;
}
