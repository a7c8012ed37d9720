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

    /// <param name="array">What some slots are taken from.</param>
    /// <param name="gone">Which, in ascending order.</param>
    public static T[] Remove<T>(T[] array, ReadOnlySpan<int> gone)
    {
        var result = new T[array.Length - gone.Length];
        var from = 0;
        for (var removed = 0; removed < gone.Length; from = gone[removed++] + 1)
            Array.Copy(array, from, result, from - removed, gone[removed] - from);
        Array.Copy(array, from, result, from - gone.Length, array.Length - from);
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

    /// <summary>The node without keys, perhaps too small for its place; this very node when none is there.</summary>
    /// <param name="unwanted">Keys in ascending order, each once.</param>
    /// <param name="removed">Grows by how many of them were there.</param>
    public abstract MapNode<TKey, TProbe, TValue, TOrder> Without(ReadOnlySpan<TKey> unwanted, ref int removed);

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

    public override MapNode<TKey, TProbe, TValue, TOrder> Without(ReadOnlySpan<TKey> unwanted, ref int removed)
    {
        Span<int> found = stackalloc int[MapNode.MaxSize];
        var count = 0;
        foreach (var key in unwanted)
        {
            if (IndexOf(TOrder.ProbeOf(key)) is >= 0 and var at)
                found[count++] = at;
        }

        if (count == 0)
            return this;
        removed += count;
        var gone = found[..count];
        return new MapLeaf<TKey, TProbe, TValue, TOrder>(MapNode.Remove(Keys, gone), MapNode.Remove(Values, gone));
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
        {
            children = MapNode.Insert(children, at + 1, right);
            return Split(children, Array.ConvertAll(children, SeparatorOf));
        }

        var isFirstKeyKept = at > 0 || TOrder.Compare(TOrder.ProbeOf(key), _firstKeys[0]) >= 0;
        return new(
            isFirstKeyKept
                ? new MapBranch<TKey, TProbe, TValue, TOrder>(children, _firstKeys)
                : new MapBranch<TKey, TProbe, TValue, TOrder>(children),
            null);
    }

    public override MapNode<TKey, TProbe, TValue, TOrder> Without(ReadOnlySpan<TKey> unwanted, ref int removed)
    {
        var children = Children;
        var isAnyPoor = false;
        while (!unwanted.IsEmpty)
        {
            var at = ChildFor(TOrder.ProbeOf(unwanted[0]));
            var count = CountOf(unwanted, at);
            var child = Children[at].Without(unwanted[..count], ref removed);
            unwanted = unwanted[count..];
            if (child == Children[at])
                continue;
            if (children == Children)
                children = [.. Children];
            children[at] = child;
            isAnyPoor |= child.Size < MapNode.MinSize;
        }

        if (children == Children)
            return this;
        if (!isAnyPoor)
            return new MapBranch<TKey, TProbe, TValue, TOrder>(children, _firstKeys);    // still below all of the child
        var (filled, firstKeys) = Fill(children, _firstKeys);
        return new MapBranch<TKey, TProbe, TValue, TOrder>(filled, firstKeys);
    }

    public override Changed<TKey, TProbe, TValue, TOrder> MergeWith(MapNode<TKey, TProbe, TValue, TOrder> right)
    {
        var other = (MapBranch<TKey, TProbe, TValue, TOrder>)right;
        // the only child of a branch has had nobody to be filled from
        var (children, firstKeys) = Fill([.. Children, .. other.Children], [.. _firstKeys, .. other._firstKeys]);
        return Split(children, firstKeys);
    }

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

    /// <summary>How many of the keys, the first of which a child is for, that child is for.</summary>
    private int CountOf(ReadOnlySpan<TKey> keys, int child)
    {
        if (child == _firstKeys.Length - 1)
            return keys.Length;
        var count = 1;
        while (count < keys.Length && TOrder.Compare(TOrder.ProbeOf(keys[count]), _firstKeys[child + 1]) < 0)
            count++;
        return count;
    }

    /// <summary>
    /// Children, some of which may be empty or too small, without those that are empty, and with the others joined to
    /// their neighbours.
    /// </summary>
    private static (MapNode<TKey, TProbe, TValue, TOrder>[] Children, TKey[] FirstKeys) Fill(
        MapNode<TKey, TProbe, TValue, TOrder>[] children, TKey[] firstKeys)
    {
        var filled = new List<MapNode<TKey, TProbe, TValue, TOrder>>(children.Length);
        var keys = new List<TKey>(children.Length);
        foreach (var (at, child) in children.Index())
        {
            if (child.Size == 0)
                continue;
            var (added, key) = (child, firstKeys[at]);
            if (filled.Count > 0 && Math.Min(filled[^1].Size, child.Size) < MapNode.MinSize)
            {
                (filled[^1], var rest) = filled[^1].MergeWith(child);
                if (rest is null)
                    continue;
                (added, key) = (rest, SeparatorOf(rest));
            }

            filled.Add(added);
            keys.Add(key);
        }

        return ([.. filled], [.. keys]);
    }

    private static Changed<TKey, TProbe, TValue, TOrder> Split(
        MapNode<TKey, TProbe, TValue, TOrder>[] children, TKey[] firstKeys)
    {
        if (children.Length <= MapNode.MaxSize)
            return new(new MapBranch<TKey, TProbe, TValue, TOrder>(children, firstKeys), null);
        var half = children.Length / 2;
        return new(
            new MapBranch<TKey, TProbe, TValue, TOrder>(children[..half], firstKeys[..half]),
            new MapBranch<TKey, TProbe, TValue, TOrder>(children[half..], firstKeys[half..]));
    }
}
