namespace KvStore.Core.State;

/// <summary>The bounds of a node, and array surgery.</summary>
internal static class MapNode
{
    public const int MaxSize = 32;
    public const int MinSize = MaxSize / 4;

    public static T[] Insert<T>(T[] array, int at, T item)
    {
        var result = new T[array.Length + 1];
        Array.Copy(array, result, at);
        result[at] = item;
        Array.Copy(array, at, result, at + 1, array.Length - at);
        return result;
    }

    public static T[] Replace<T>(T[] array, int at, T item)
    {
        var result = (T[])array.Clone();
        result[at] = item;
        return result;
    }

    public static T[] Remove<T>(T[] array, int at, int count = 1)
    {
        var result = new T[array.Length - count];
        Array.Copy(array, result, at);
        Array.Copy(array, at + count, result, at, result.Length - at);
        return result;
    }

    /// <summary>Cuts a run of slots into nodes of nearly equal size within the bounds.</summary>
    public static IEnumerable<(int Start, int Length)> Cut(int count)
    {
        var nodes = (count + MaxSize - 1) / MaxSize;
        for (var node = 0; node < nodes; node++)
        {
            var start = (int)((long)count * node / nodes);
            var end = (int)((long)count * (node + 1) / nodes);
            yield return (start, end - start);
        }
    }
}

/// <summary>A changed node, or the two that it was split into.</summary>
internal readonly record struct Changed<TKey, TProbe, TValue, TOrder>(
    MapNode<TKey, TProbe, TValue, TOrder> Left, MapNode<TKey, TProbe, TValue, TOrder>? Right)
    where TOrder : struct, IKeyOrder<TKey, TProbe>
    where TProbe : allows ref struct
{
    public MapNode<TKey, TProbe, TValue, TOrder> Join() => new MapBranch<TKey, TProbe, TValue, TOrder>([Left, Right!]);
}

/// <summary>A node of a <see cref="CowMap{TKey,TProbe,TValue,TOrder}"/>; never changed after construction.</summary>
internal abstract class MapNode<TKey, TProbe, TValue, TOrder>
    where TOrder : struct, IKeyOrder<TKey, TProbe>
    where TProbe : allows ref struct
{
    /// <summary>Slots: pairs of a leaf, children of a branch.</summary>
    public abstract int Size { get; }

    public abstract TKey FirstKey { get; }

    public abstract bool TryFind(TProbe probe, out TValue value);

    public abstract Changed<TKey, TProbe, TValue, TOrder> With(TKey key, TValue value, out bool isNew);

    /// <summary>The node without the key, perhaps too small for its place; null when the key is not there.</summary>
    public abstract MapNode<TKey, TProbe, TValue, TOrder>? Without(TProbe probe);

    /// <summary>Both nodes' slots in one node, or in two of nearly equal size.</summary>
    public abstract Changed<TKey, TProbe, TValue, TOrder> MergeWith(MapNode<TKey, TProbe, TValue, TOrder> right);
}

/// <summary>Pairs in the order of their keys.</summary>
internal sealed class MapLeaf<TKey, TProbe, TValue, TOrder>(
    TKey[] keys, TValue[] values) : MapNode<TKey, TProbe, TValue, TOrder>
    where TOrder : struct, IKeyOrder<TKey, TProbe>
    where TProbe : allows ref struct
{
    public TKey[] Keys => keys;

    public TValue[] Values => values;

    public override int Size => keys.Length;

    public override TKey FirstKey => keys[0];

    public override bool TryFind(TProbe probe, out TValue value)
    {
        var at = IndexOf(probe);
        value = at >= 0 ? values[at] : default!;
        return at >= 0;
    }

    public override Changed<TKey, TProbe, TValue, TOrder> With(TKey key, TValue value, out bool isNew)
    {
        var at = IndexOf(TOrder.ProbeOf(key));
        isNew = at < 0;
        return isNew
            ? Split(MapNode.Insert(keys, ~at, key), MapNode.Insert(values, ~at, value))
            : new(new MapLeaf<TKey, TProbe, TValue, TOrder>(
                MapNode.Replace(keys, at, key), MapNode.Replace(values, at, value)), null);
    }

    public override MapNode<TKey, TProbe, TValue, TOrder>? Without(TProbe probe)
    {
        var at = IndexOf(probe);
        return at < 0
            ? null
            : new MapLeaf<TKey, TProbe, TValue, TOrder>(MapNode.Remove(keys, at), MapNode.Remove(values, at));
    }

    public override Changed<TKey, TProbe, TValue, TOrder> MergeWith(MapNode<TKey, TProbe, TValue, TOrder> right)
    {
        var other = (MapLeaf<TKey, TProbe, TValue, TOrder>)right;
        return Split([.. keys, .. other.Keys], [.. values, .. other.Values]);
    }

    /// <summary>Where the key is, or the complement of where it belongs.</summary>
    public int IndexOf(TProbe probe)
    {
        var low = 0;
        var high = keys.Length - 1;
        while (low <= high)
        {
            var middle = (low + high) >>> 1;
            var order = TOrder.Compare(probe, keys[middle]);
            if (order == 0)
                return middle;
            if (order < 0)
                high = middle - 1;
            else
                low = middle + 1;
        }

        return ~low;
    }

    private static Changed<TKey, TProbe, TValue, TOrder> Split(TKey[] keys, TValue[] values)
    {
        if (keys.Length <= MapNode.MaxSize)
            return new(new MapLeaf<TKey, TProbe, TValue, TOrder>(keys, values), null);
        var half = keys.Length / 2;
        return new(
            new MapLeaf<TKey, TProbe, TValue, TOrder>(keys[..half], values[..half]),
            new MapLeaf<TKey, TProbe, TValue, TOrder>(keys[half..], values[half..]));
    }
}

/// <summary>Children in the order of their keys.</summary>
internal sealed class MapBranch<TKey, TProbe, TValue, TOrder> : MapNode<TKey, TProbe, TValue, TOrder>
    where TOrder : struct, IKeyOrder<TKey, TProbe>
    where TProbe : allows ref struct
{
    private readonly TKey[] _firstKeys;

    public MapBranch(MapNode<TKey, TProbe, TValue, TOrder>[] children)
        : this(children, Array.ConvertAll(children, SeparatorOf))
    {
    }

    private MapBranch(MapNode<TKey, TProbe, TValue, TOrder>[] children, TKey[] firstKeys)
    {
        Children = children;
        _firstKeys = firstKeys;
    }

    public MapNode<TKey, TProbe, TValue, TOrder>[] Children { get; }

    public override int Size => Children.Length;

    public override TKey FirstKey => _firstKeys[0];

    public override bool TryFind(TProbe probe, out TValue value) => Children[ChildFor(probe)].TryFind(probe, out value);

    public override Changed<TKey, TProbe, TValue, TOrder> With(TKey key, TValue value, out bool isNew)
    {
        var at = ChildFor(TOrder.ProbeOf(key));
        var (left, right) = Children[at].With(key, value, out isNew);
        var children = MapNode.Replace(Children, at, left);
        if (right is not null)
            return Split(MapNode.Insert(children, at + 1, right));
        var isFirstKeyKept = at > 0 || TOrder.Compare(TOrder.ProbeOf(key), _firstKeys[0]) >= 0;
        return new(
            isFirstKeyKept
                ? new MapBranch<TKey, TProbe, TValue, TOrder>(children, _firstKeys)
                : new MapBranch<TKey, TProbe, TValue, TOrder>(children),
            null);
    }

    public override MapNode<TKey, TProbe, TValue, TOrder>? Without(TProbe probe)
    {
        var at = ChildFor(probe);
        if (Children[at].Without(probe) is not { } child)
            return null;
        var children = MapNode.Replace(Children, at, child);
        if (child.Size >= MapNode.MinSize || (children.Length == 1 && child.Size > 0))
            return new MapBranch<TKey, TProbe, TValue, TOrder>(children, _firstKeys);    // still below all of the child
        if (children.Length == 1)
            return new MapBranch<TKey, TProbe, TValue, TOrder>([]);
        var first = Math.Max(0, at - 1);
        var (left, right) = Merge(children[first], children[first + 1]);
        children = MapNode.Replace(children, first, left);
        return new MapBranch<TKey, TProbe, TValue, TOrder>(
            right is null ? MapNode.Remove(children, first + 1) : MapNode.Replace(children, first + 1, right));
    }

    public override Changed<TKey, TProbe, TValue, TOrder> MergeWith(MapNode<TKey, TProbe, TValue, TOrder> right) =>
        Split([.. Children, .. ((MapBranch<TKey, TProbe, TValue, TOrder>)right).Children]);

    /// <summary>
    /// The last child whose first key is not above the probe; the first child for anything below all.
    /// </summary>
    public int ChildFor(TProbe probe)
    {
        var low = 1;
        var high = _firstKeys.Length - 1;
        while (low <= high)
        {
            var middle = (low + high) >>> 1;
            if (TOrder.Compare(probe, _firstKeys[middle]) < 0)
                high = middle - 1;
            else
                low = middle + 1;
        }

        return low - 1;
    }

    private static TKey SeparatorOf(MapNode<TKey, TProbe, TValue, TOrder> child) =>
        child is MapBranch<TKey, TProbe, TValue, TOrder> branch ? branch.FirstKey : TOrder.Detach(child.FirstKey);

    private static Changed<TKey, TProbe, TValue, TOrder> Merge(
        MapNode<TKey, TProbe, TValue, TOrder> left, MapNode<TKey, TProbe, TValue, TOrder> right) =>
        left.Size == 0 ? new(right, null) : right.Size == 0 ? new(left, null) : left.MergeWith(right);

    private static Changed<TKey, TProbe, TValue, TOrder> Split(MapNode<TKey, TProbe, TValue, TOrder>[] children)
    {
        if (children.Length <= MapNode.MaxSize)
            return new(new MapBranch<TKey, TProbe, TValue, TOrder>(children), null);
        var half = children.Length / 2;
        return new(
            new MapBranch<TKey, TProbe, TValue, TOrder>(children[..half]),
            new MapBranch<TKey, TProbe, TValue, TOrder>(children[half..]));
    }
}
