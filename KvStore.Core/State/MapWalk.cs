namespace KvStore.Core.State;

/// <summary>A walk over a tree in one direction: the path to the next pair, one slot per level.</summary>
internal sealed class MapWalk<TKey, TProbe, TValue, TOrder>
    where TOrder : struct, IKeyOrder<TKey, TProbe>
    where TProbe : allows ref struct
{
    private readonly Stack<(MapBranch<TKey, TProbe, TValue, TOrder> Branch, int Next)> _path = [];
    private readonly MapNode<TKey, TProbe, TValue, TOrder>? _root;
    private readonly int _step;
    private MapLeaf<TKey, TProbe, TValue, TOrder>? _leaf;
    private int _at;

    public MapWalk(MapNode<TKey, TProbe, TValue, TOrder>? root, bool isDescending)
    {
        _root = root;
        _step = isDescending ? -1 : 1;
        if (root is not null)
            DescendTo(root);
    }

    /// <summary>
    /// Goes to the first pair that is not before <paramref name="edge"/>; descending, to the last that is before it.
    /// </summary>
    public void SeekTo(TProbe edge)
    {
        if (_root is null)
            return;
        _path.Clear();
        var node = _root;
        while (node is MapBranch<TKey, TProbe, TValue, TOrder> branch)
        {
            var child = branch.ChildFor(edge);
            _path.Push((branch, child + _step));
            node = branch.Children[child];
        }

        _leaf = (MapLeaf<TKey, TProbe, TValue, TOrder>)node;
        var found = _leaf.IndexOf(edge);
        var notBefore = found < 0 ? ~found : found;
        _at = _step > 0 ? notBefore : notBefore - 1;
    }

    public IEnumerator<KeyValuePair<TKey, TValue>> Items()
    {
        while (_leaf is not null)
        {
            for (; (uint)_at < (uint)_leaf.Size; _at += _step)
                yield return new(_leaf.Keys[_at], _leaf.Values[_at]);
            _leaf = null;
            while (_leaf is null && _path.TryPop(out var place))
            {
                if ((uint)place.Next >= (uint)place.Branch.Size)
                    continue;
                _path.Push((place.Branch, place.Next + _step));
                DescendTo(place.Branch.Children[place.Next]);
            }
        }
    }

    private int FirstOf(int size) => _step > 0 ? 0 : size - 1;

    private void DescendTo(MapNode<TKey, TProbe, TValue, TOrder> node)
    {
        while (node is MapBranch<TKey, TProbe, TValue, TOrder> branch)
        {
            var first = FirstOf(branch.Size);
            _path.Push((branch, first + _step));
            node = branch.Children[first];
        }

        _leaf = (MapLeaf<TKey, TProbe, TValue, TOrder>)node;
        _at = FirstOf(_leaf.Size);
    }
}
