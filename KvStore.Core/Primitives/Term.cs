namespace KvStore.Core.Primitives;

/// <summary>A generation of leadership in one replica group; the fencing token on every peer message.</summary>
public readonly record struct Term(long Value) : IComparable<Term>
{
    /// <summary>Before everything: no election has been held.</summary>
    public static Term Zero => default;

    /// <summary>The one that follows.</summary>
    public Term Next() => new(Value + 1);

    /// <inheritdoc/>
    public int CompareTo(Term other) => Value.CompareTo(other.Value);

    /// <inheritdoc/>
    public override string ToString() => Value.ToString(System.Globalization.CultureInfo.InvariantCulture);

    /// <summary>Whether <paramref name="left"/> comes first.</summary>
    public static bool operator <(Term left, Term right) => left.Value < right.Value;

    /// <summary>Whether <paramref name="left"/> comes later.</summary>
    public static bool operator >(Term left, Term right) => left.Value > right.Value;

    /// <summary>Whether <paramref name="left"/> does not come later.</summary>
    public static bool operator <=(Term left, Term right) => left.Value <= right.Value;

    /// <summary>Whether <paramref name="left"/> does not come first.</summary>
    public static bool operator >=(Term left, Term right) => left.Value >= right.Value;
}
