using System.Globalization;

namespace KvStore.Core.Primitives;

/// <summary>
/// A fixed slice of the hash space, 0 to the partition count - 1; also names the replica group that keeps it.
/// </summary>
public readonly record struct PartitionId(int Value) : IComparable<PartitionId>
{
    /// <inheritdoc/>
    public int CompareTo(PartitionId other) => Value.CompareTo(other.Value);

    /// <inheritdoc/>
    public override string ToString() => Value.ToString(CultureInfo.InvariantCulture);
}
