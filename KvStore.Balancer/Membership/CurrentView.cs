using System.Collections.Immutable;
using KvStore.Balancer.Telemetry;
using KvStore.Contracts;
using KvStore.Core.Primitives;

namespace KvStore.Balancer.Membership;

/// <summary>Holds the view; whatever is observed swaps it whole.</summary>
internal sealed class CurrentView(TimeProvider time, ILogger<CurrentView> log)
{
    /// <summary>
    /// One late answer may be a busy machine; two in a row, and no request answered meanwhile, are a node that is down.
    /// So are two that make no sense.
    /// </summary>
    private const int MissesUntilDown = 2;

    private readonly Lock _gate = new();
    private volatile RoutingView _view = RoutingView.Empty;
    private volatile TaskCompletionSource _doubt = NewSignal();
    private volatile TaskCompletionSource _change = NewSignal();

    /// <summary>Read once per attempt, and kept.</summary>
    public RoutingView Value => _view;

    /// <summary>Completes when a request met something that the view does not say: the nodes should be asked.</summary>
    public Task Doubted => _doubt.Task;

    /// <summary>Completes when the view is no longer the one it was when this was read.</summary>
    public Task Changed => _change.Task;

    /// <summary>The addresses are these; what is known of those that stay is kept.</summary>
    public void SetAddresses(ImmutableArray<Uri> addresses)
    {
        ImmutableArray<ObservedNode> gone;
        lock (_gate)
        {
            var old = _view.Nodes;
            if (old.Select(node => node.Url).SequenceEqual(addresses))
                return;
            gone = [.. old.Where(node => !addresses.Contains(node.Url))];
            Swap(_view.With([.. addresses.Select(
                url => old.FirstOrDefault(node => node.Url == url) ?? ObservedNode.At(url))]));
        }

        foreach (var node in gone)
            node.Destination.LetGo();
    }

    /// <summary>A node answered.</summary>
    public void Answered(Uri url, NodeStatus status, ClusterStatus? cluster)
    {
        lock (_gate)
        {
            if (Find(url) is not { } index)
                return;
            var known = _view.Nodes[index];
            var now = known.Answered(status, cluster);
            if (!known.IsUp)
                log.NodeUp(status.Name, url);
            if (!SaysTheSame(known, now))
                Swap(_view.With(_view.Nodes.SetItem(index, now)));
        }
    }

    /// <summary>
    /// A node did not answer the poll, or could not be asked. One that answered a request meanwhile is busy and not
    /// down: to take its requests away, and have others do them again, would make the busy busier.
    /// </summary>
    /// <param name="url">Which one.</param>
    /// <param name="lately">Its last answer must be sooner ago than this for it to be busy.</param>
    public void WasLate(Uri url, TimeSpan lately) => Miss(url, lately);

    /// <summary>A node answered the poll, but not as a node does: it is broken, whatever else it answers.</summary>
    public void SpokeNonsense(Uri url) => Miss(url, lately: null);

    /// <summary>A node is down, and whoever waits for it is let go.</summary>
    public void Fell(Uri url)
    {
        ObservedNode known;
        lock (_gate)
        {
            if (Find(url) is not { } index)
                return;
            NoteAsked(index);
            if (!_view.Nodes[index].IsUp)
                return;
            known = _view.Nodes[index];
            log.NodeDown(known.Destination.Name ?? "?", url);
            Swap(_view.With(_view.Nodes.SetItem(index, known.Fell(time.GetTimestamp()))));
        }

        known.Destination.LetGo();
        Doubt();
    }

    /// <summary>A request found that a destination takes no connections.</summary>
    public void Fell(Destination destination)
    {
        foreach (var node in _view.Nodes)
        {
            if (node.IsUp && node.Destination.IsSameAs(destination))
                Fell(node.Url);
        }
    }

    /// <summary>An answer named the primary.</summary>
    public void Learn(PartitionId partition, string primary)
    {
        lock (_gate)
        {
            if (partition.Value >= _view.Primaries.Length || _view.WithPrimary(partition, primary) is not { } next)
                return;
            Swap(next);
        }

        Doubt();
    }

    /// <summary>Has the nodes asked soon.</summary>
    public void Doubt()
    {
        var doubt = _doubt;
        if (Interlocked.CompareExchange(ref _doubt, NewSignal(), doubt) == doubt)
            doubt.TrySetResult();
    }

    private void Miss(Uri url, TimeSpan? lately)
    {
        lock (_gate)
        {
            if (Find(url) is not { } index)
                return;
            NoteAsked(index);
            var known = _view.Nodes[index];
            if (!known.IsUp)
                return;
            var isBusy = lately is { } span && time.GetElapsedTime(known.Destination.AnsweredRequestAt) < span;
            var misses = isBusy ? 0 : known.Misses + 1;
            if (misses < MissesUntilDown)
            {
                if (misses != known.Misses)
                    Swap(_view.With(_view.Nodes.SetItem(index, known with { Misses = misses })));
                return;
            }
        }

        Fell(url);
    }

    private void Swap(RoutingView next)
    {
        if (next.Cluster is { } cluster && cluster.Epoch != _view.Cluster?.Epoch)
            log.ViewLearned(cluster.ClusterId, cluster.Epoch, cluster.Members.Length, cluster.Partitions);
        _view = next;
        var change = _change;
        _change = NewSignal();
        change.TrySetResult();
    }

    /// <summary>Whether it answers or not, it was asked: what it did not say, nobody waits to hear any more.</summary>
    private void NoteAsked(int index)
    {
        var node = _view.Nodes[index];
        if (!node.WasAsked)
            Swap(_view.With(_view.Nodes.SetItem(index, node with { WasAsked = true })));
    }

    private int? Find(Uri url)
    {
        var nodes = _view.Nodes;
        for (var index = 0; index < nodes.Length; index++)
        {
            if (nodes[index].Url == url)
                return index;
        }

        return null;
    }

    /// <summary>Whether nothing changed that routing or health looks at; counters and uptimes always do.</summary>
    private static bool SaysTheSame(ObservedNode one, ObservedNode other) =>
        one.IsUp == other.IsUp
        && one.Misses == other.Misses
        && one.Status?.Name == other.Status?.Name
        && one.Status?.State == other.Status?.State
        && one.Status?.ClusterId == other.Status?.ClusterId
        && one.Cluster?.ClusterId == other.Cluster?.ClusterId
        && one.Cluster?.Epoch == other.Cluster?.Epoch
        && Hints(one).SequenceEqual(Hints(other));

    private static ReadOnlySpan<PrimaryHint> Hints(ObservedNode node) =>
        node.Cluster is null ? [] : node.Cluster.Primaries.AsSpan();

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
