namespace KvStore.Core.State;

/// <summary>A descending walk over a tree: the path to the next pair, one slot per level.</summary>
internal sealed class MapWalkDown<TKey, TProbe, TValue, TOrder>
    where TOrder : struct, IKeyOrder<TKey, TProbe>
    where TProbe : allows ref struct
{
    private readonly Stack<(MapBranch<TKey, TProbe, TValue, TOrder> Branch, int Next)> _path = [];
    private readonly MapNode<TKey, TProbe, TValue, TOrder>? _root;
    private MapLeaf<TKey, TProbe, TValue, TOrder>? _leaf;
    private int _at;

    public MapWalkDown(MapNode<TKey, TProbe, TValue, TOrder>? root)
    {
        _root = root;
        if (root is not null)
            DescendTo(root);
    }

    /// <summary>Goes to the last pair that is before <paramref name="end"/>.</summary>
    public void SeekBefore(TProbe end)
    {
        if (_root is null)
            return;
        _path.Clear();
        var node = _root;
        while (node is MapBranch<TKey, TProbe, TValue, TOrder> branch)
        {
            var child = branch.ChildFor(end);
            _path.Push((branch, child - 1));
            node = branch.Children[child];
        }

        _leaf = (MapLeaf<TKey, TProbe, TValue, TOrder>)node;
        var at = _leaf.IndexOf(end);
        _at = (at < 0 ? ~at : at) - 1;
    }

    public IEnumerator<KeyValuePair<TKey, TValue>> Items()
    {
        while (_leaf is not null)
        {
            for (; _at >= 0; _at--)
                yield return new(_leaf.Keys[_at], _leaf.Values[_at]);
            _leaf = null;
            while (_leaf is null && _path.TryPop(out var step))
            {
                if (step.Next < 0)
                    continue;
                _path.Push((step.Branch, step.Next - 1));
                DescendTo(step.Branch.Children[step.Next]);
            }
        }
    }

    private void DescendTo(MapNode<TKey, TProbe, TValue, TOrder> node)
    {
        while (node is MapBranch<TKey, TProbe, TValue, TOrder> branch)
        {
            _path.Push((branch, branch.Size - 2));
            node = branch.Children[branch.Size - 1];
        }

        _leaf = (MapLeaf<TKey, TProbe, TValue, TOrder>)node;
        _at = _leaf.Size - 1;
    }
}
