namespace KvStore.Core.Primitives;

/// <summary>The version of a cluster view.</summary>
public readonly record struct Epoch(long Value) : IComparable<Epoch>
{
    /// <summary>Before everything: no view is known.</summary>
    public static Epoch Zero => default;

    /// <summary>The one that follows.</summary>
    public Epoch Next() => new(Value + 1);

    /// <inheritdoc/>
    public int CompareTo(Epoch other) => Value.CompareTo(other.Value);

    /// <inheritdoc/>
    public override string ToString() => Value.ToString(System.Globalization.CultureInfo.InvariantCulture);

    /// <summary>Whether <paramref name="left"/> comes first.</summary>
    public static bool operator <(Epoch left, Epoch right) => left.Value < right.Value;

    /// <summary>Whether <paramref name="left"/> comes later.</summary>
    public static bool operator >(Epoch left, Epoch right) => left.Value > right.Value;

    /// <summary>Whether <paramref name="left"/> does not come later.</summary>
    public static bool operator <=(Epoch left, Epoch right) => left.Value <= right.Value;

    /// <summary>Whether <paramref name="left"/> does not come first.</summary>
    public static bool operator >=(Epoch left, Epoch right) => left.Value >= right.Value;
}
