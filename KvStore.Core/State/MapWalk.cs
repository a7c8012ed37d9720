namespace KvStore.Core.State;

/// <summary>An ascending walk over a tree: the path to the next pair, one slot per level.</summary>
internal sealed class MapWalk<TKey, TProbe, TValue, TOrder>
    where TOrder : struct, IKeyOrder<TKey, TProbe>
    where TProbe : allows ref struct
{
    private readonly Stack<(MapBranch<TKey, TProbe, TValue, TOrder> Branch, int Next)> _path = [];
    private readonly MapNode<TKey, TProbe, TValue, TOrder>? _root;
    private MapLeaf<TKey, TProbe, TValue, TOrder>? _leaf;
    private int _at;

    public MapWalk(MapNode<TKey, TProbe, TValue, TOrder>? root)
    {
        _root = root;
        if (root is not null)
            DescendTo(root);
    }

    /// <summary>Goes to the first pair that is not before <paramref name="start"/>.</summary>
    public void SeekTo(TProbe start)
    {
        if (_root is null)
            return;
        _path.Clear();
        var node = _root;
        while (node is MapBranch<TKey, TProbe, TValue, TOrder> branch)
        {
            var child = branch.ChildFor(start);
            _path.Push((branch, child + 1));
            node = branch.Children[child];
        }

        _leaf = (MapLeaf<TKey, TProbe, TValue, TOrder>)node;
        var at = _leaf.IndexOf(start);
        _at = at < 0 ? ~at : at;
    }

    public IEnumerator<KeyValuePair<TKey, TValue>> Items()
    {
        while (_leaf is not null)
        {
            for (; _at < _leaf.Size; _at++)
                yield return new(_leaf.Keys[_at], _leaf.Values[_at]);
            _leaf = null;
            while (_leaf is null && _path.TryPop(out var step))
            {
                if (step.Next >= step.Branch.Size)
                    continue;
                _path.Push((step.Branch, step.Next + 1));
                DescendTo(step.Branch.Children[step.Next]);
            }
        }
    }

    private void DescendTo(MapNode<TKey, TProbe, TValue, TOrder> node)
    {
        while (node is MapBranch<TKey, TProbe, TValue, TOrder> branch)
        {
            _path.Push((branch, 1));
            node = branch.Children[0];
        }

        _leaf = (MapLeaf<TKey, TProbe, TValue, TOrder>)node;
        _at = 0;
    }
}
