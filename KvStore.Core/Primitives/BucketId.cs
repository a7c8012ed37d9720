using System.Globalization;

namespace KvStore.Core.Primitives;

/// <summary>
/// One life of a bucket: a name that is given again after a drop gets another id. From 1; 0 names none.
/// </summary>
public readonly record struct BucketId(uint Value) : IComparable<BucketId>
{
    /// <summary>The bucket that is always there.</summary>
    public static BucketId Default { get; } = new(1);

    /// <inheritdoc/>
    public int CompareTo(BucketId other) => Value.CompareTo(other.Value);

    /// <inheritdoc/>
    public override string ToString() => Value.ToString(CultureInfo.InvariantCulture);
}
