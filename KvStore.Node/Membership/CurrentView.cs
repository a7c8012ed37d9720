using KvStore.Core.Membership;
using KvStore.Core.Primitives;

namespace KvStore.Node.Membership;

/// <summary>Holds the cluster's view once there is one; it only ever advances. Readers take no lock.</summary>
internal sealed class CurrentView
{
    private readonly TaskCompletionSource _formed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile ClusterView? _view;
    private volatile string? _waitingFor;

    /// <summary>The view; null while the node is forming a cluster with the others.</summary>
    public ClusterView? View => _view;

    /// <summary>This node's number in the view.</summary>
    public NodeId Self { get; private set; }

    /// <summary>While forming: what is missing, in a sentence.</summary>
    public string? WaitingFor
    {
        get => _waitingFor;
        set => _waitingFor = value;
    }

    /// <summary>Completes when there is a view and this node's replicas run.</summary>
    public Task Formed => _formed.Task;

    /// <summary>Sets the view once, before the replicas start: they and the links need it.</summary>
    public void Set(ClusterView view, NodeId self)
    {
        Invariant.Holds(_view is null);
        Self = self;
        _waitingFor = null;
        _view = view;
    }

    /// <summary>A newer view of the same cluster takes the place of the one held. One caller at a time.</summary>
    public void Advance(ClusterView next)
    {
        Invariant.Holds(_view is { } held && next.ClusterId == held.ClusterId && next.Epoch > held.Epoch);
        _view = next;
    }

    /// <summary>The replicas run: callers that waited may come.</summary>
    public void Open() => _formed.TrySetResult();
}
