using System.Globalization;

namespace KvStore.Core.Primitives;

/// <summary>
/// A member's number in its cluster: 1 and up, given at birth or on joining, never given again. Zero is nobody.
/// </summary>
public readonly record struct NodeId(int Value) : IComparable<NodeId>
{
    /// <summary>Nobody.</summary>
    public static NodeId None => default;

    /// <inheritdoc/>
    public int CompareTo(NodeId other) => Value.CompareTo(other.Value);

    /// <inheritdoc/>
    public override string ToString() => Value.ToString(CultureInfo.InvariantCulture);
}
