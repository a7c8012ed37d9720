namespace KvStore.Core.Primitives;

/// <summary>A position in one replica group's log; the first entry stands at 1.</summary>
public readonly record struct LogIndex(long Value) : IComparable<LogIndex>
{
    /// <summary>Before everything: the log holds nothing.</summary>
    public static LogIndex Zero => default;

    /// <summary>The one that follows.</summary>
    public LogIndex Next() => new(Value + 1);

    /// <inheritdoc/>
    public int CompareTo(LogIndex other) => Value.CompareTo(other.Value);

    /// <inheritdoc/>
    public override string ToString() => Value.ToString(System.Globalization.CultureInfo.InvariantCulture);

    /// <summary>Whether <paramref name="left"/> comes first.</summary>
    public static bool operator <(LogIndex left, LogIndex right) => left.Value < right.Value;

    /// <summary>Whether <paramref name="left"/> comes later.</summary>
    public static bool operator >(LogIndex left, LogIndex right) => left.Value > right.Value;

    /// <summary>Whether <paramref name="left"/> does not come later.</summary>
    public static bool operator <=(LogIndex left, LogIndex right) => left.Value <= right.Value;

    /// <summary>Whether <paramref name="left"/> does not come first.</summary>
    public static bool operator >=(LogIndex left, LogIndex right) => left.Value >= right.Value;

    /// <summary>The position <paramref name="count"/> entries further on.</summary>
    public static LogIndex operator +(LogIndex index, long count) => new(index.Value + count);

    /// <summary>The position <paramref name="count"/> entries back.</summary>
    public static LogIndex operator -(LogIndex index, long count) => new(index.Value - count);

    /// <summary>How many entries lie between two positions.</summary>
    public static long operator -(LogIndex left, LogIndex right) => left.Value - right.Value;

    /// <summary>The earlier of two positions.</summary>
    public static LogIndex Min(LogIndex left, LogIndex right) => left < right ? left : right;

    /// <summary>The later of two positions.</summary>
    public static LogIndex Max(LogIndex left, LogIndex right) => left > right ? left : right;
}
