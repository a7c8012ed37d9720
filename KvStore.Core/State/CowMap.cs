using System.Collections;

namespace KvStore.Core.State;

/// <summary>How keys are ordered, and how a probe (what a caller looks for) compares to one.</summary>
internal interface IKeyOrder<TKey, TProbe>
    where TProbe : allows ref struct
{
    static abstract int Compare(TProbe probe, TKey key);

    static abstract TProbe ProbeOf(TKey key);

    /// <summary>The same key in memory of its own: a separator must not keep alive what a key is a slice of.</summary>
    static abstract TKey Detach(TKey key);
}

/// <summary>
/// An immutable ordered map: a B+ tree whose changes copy the path from the root and share the rest, so that a root is
/// a snapshot for as long as somebody keeps it. A node holds at most <see cref="MapNode.MaxSize"/> slots and, but for
/// the root, at least <see cref="MapNode.MinSize"/>; arrays have no slack. Reads allocate nothing.
/// </summary>
internal sealed class CowMap<TKey, TProbe, TValue, TOrder> : IEnumerable<KeyValuePair<TKey, TValue>>
    where TOrder : struct, IKeyOrder<TKey, TProbe>
    where TProbe : allows ref struct
{
    private CowMap(MapNode<TKey, TProbe, TValue, TOrder>? root, long count)
    {
        Root = root;
        Count = count;
    }

    public static CowMap<TKey, TProbe, TValue, TOrder> Empty { get; } = new(null, 0);

    public long Count { get; }

    /// <summary>Null when empty.</summary>
    public MapNode<TKey, TProbe, TValue, TOrder>? Root { get; }

    public bool TryFind(TProbe probe, out TValue value)
    {
        if (Root is not null)
            return Root.TryFind(probe, out value);
        value = default!;
        return false;
    }

    /// <summary>The map with <paramref name="value"/> under <paramref name="key"/>.</summary>
    public CowMap<TKey, TProbe, TValue, TOrder> With(TKey key, TValue value)
    {
        if (Root is null)
            return new(new MapLeaf<TKey, TProbe, TValue, TOrder>([key], [value]), 1);
        var changed = Root.With(key, value, out var isNew);
        return new(changed.Right is null ? changed.Left : changed.Join(), Count + (isNew ? 1 : 0));
    }

    /// <summary>The map without <paramref name="key"/>; this very map when it is not there.</summary>
    public CowMap<TKey, TProbe, TValue, TOrder> Without(TKey key) => Without(new ReadOnlySpan<TKey>(in key));

    /// <summary>
    /// The map without <paramref name="keys"/>, those that are there; this very map when none is. Every node is copied
    /// once at most, however many of them it holds.
    /// </summary>
    /// <param name="keys">In ascending order, each once.</param>
    public CowMap<TKey, TProbe, TValue, TOrder> Without(ReadOnlySpan<TKey> keys)
    {
        var removed = 0;
        var changed = Root?.Without(keys, ref removed);
        if (removed == 0)
            return this;
        while (changed is MapBranch<TKey, TProbe, TValue, TOrder> { Size: 1 } single)
            changed = single.Children[0];
        return changed!.Size == 0 ? Empty : new(changed, Count - removed);
    }

    public IEnumerator<KeyValuePair<TKey, TValue>> GetEnumerator() =>
        new MapWalk<TKey, TProbe, TValue, TOrder>(Root, isDescending: false).Items();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <summary>All pairs from <paramref name="start"/>, inclusive, on.</summary>
    public IEnumerator<KeyValuePair<TKey, TValue>> From(TProbe start)
    {
        var walk = new MapWalk<TKey, TProbe, TValue, TOrder>(Root, isDescending: false);
        walk.SeekTo(start);
        return walk.Items();
    }

    /// <summary>All pairs in descending order.</summary>
    public IEnumerator<KeyValuePair<TKey, TValue>> Down() =>
        new MapWalk<TKey, TProbe, TValue, TOrder>(Root, isDescending: true).Items();

    /// <summary>All pairs before <paramref name="end"/>, exclusive, in descending order.</summary>
    public IEnumerator<KeyValuePair<TKey, TValue>> Before(TProbe end)
    {
        var walk = new MapWalk<TKey, TProbe, TValue, TOrder>(Root, isDescending: true);
        walk.SeekTo(end);
        return walk.Items();
    }

    /// <summary>The first pair; false when there is none.</summary>
    public bool TryFirst(out TKey key, out TValue value)
    {
        var node = Root;
        while (node is MapBranch<TKey, TProbe, TValue, TOrder> branch)
            node = branch.Children[0];
        if (node is MapLeaf<TKey, TProbe, TValue, TOrder> leaf)
        {
            (key, value) = (leaf.Keys[0], leaf.Values[0]);
            return true;
        }

        (key, value) = (default!, default!);
        return false;
    }

    /// <summary>A map of pairs that are in ascending order already, made in linear time.</summary>
    public static CowMap<TKey, TProbe, TValue, TOrder> FromOrdered(List<TKey> keys, List<TValue> values)
    {
        if (keys.Count == 0)
            return Empty;
        var level = new List<MapNode<TKey, TProbe, TValue, TOrder>>();
        foreach (var (start, length) in MapNode.Cut(keys.Count))
        {
            level.Add(new MapLeaf<TKey, TProbe, TValue, TOrder>(
                [.. keys.GetRange(start, length)], [.. values.GetRange(start, length)]));
        }

        while (level.Count > 1)
        {
            var above = new List<MapNode<TKey, TProbe, TValue, TOrder>>();
            foreach (var (start, length) in MapNode.Cut(level.Count))
                above.Add(new MapBranch<TKey, TProbe, TValue, TOrder>([.. level.GetRange(start, length)]));
            level = above;
        }

        return new(level[0], keys.Count);
    }
}
