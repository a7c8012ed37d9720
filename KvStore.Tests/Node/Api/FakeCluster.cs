using System.Collections.Immutable;
using KvStore.Core.Membership;
using KvStore.Core.Primitives;
using KvStore.Core.State;
using KvStore.Node.Replication;

namespace KvStore.Tests.Node.Api;

/// <summary>What the fake nodes of one test share: the members, one state, and who is primary of everything.</summary>
internal sealed class FakeCluster
{
    private readonly Lock _gate = new();
    private readonly FreedWaits _freed = new();
    private readonly KeyValueState _state = new(StateImage.Empty);
    private readonly ChangeHistory[] _histories;
    private TaskCompletionSource _changed = NewChange();
    private long _index;

    /// <param name="historyChanges">How many changes are kept for watchers.</param>
    public FakeCluster(int historyChanges = 100_000)
    {
        Budget = new HistoryBudget(historyChanges, 64 << 20, View.Ring.PartitionCount);
        _histories =
            [.. Enumerable.Range(0, View.Ring.PartitionCount).Select(_ => new ChangeHistory(Budget, at: 0))];
    }

    public HistoryBudget Budget { get; }

    /// <summary>Tells that something was applied.</summary>
    public ChangeSignal Grown { get; } = new();

    public static ClusterView View { get; } = ClusterView.Birth([("node1", 1), ("node2", 2), ("node3", 3)], 16, 3);

    /// <summary>Who is primary, and who everybody believes is, unless a node was told otherwise.</summary>
    public NodeId Primary { get; private set; } = new(1);

    public Dictionary<NodeId, Uri> Addresses { get; } = [];

    public StateImage Image
    {
        get
        {
            lock (_gate)
                return _state.Image;
        }
    }

    /// <summary>How many commands changed the state.</summary>
    public int Applied { get; private set; }

    public Task UnlockedAsync(
        BucketId bucket, ImmutableArray<ReadOnlyMemory<byte>> keys, CancellationToken patience) =>
        _freed.FreeAsync(() => !Image.IsAnyLocked(bucket, keys), patience);

    public WriteResult Apply(Command command)
    {
        lock (_gate)
        {
            var result = _state.Apply(new LogIndex(++_index), new Term(1), CommandFormat.Encode(command));
            var isChange = result.Status is WriteStatus.Created or WriteStatus.Replaced or WriteStatus.Deleted;
            Applied += isChange && !result.IsReplay ? 1 : 0;
            for (var partition = 0; partition < _histories.Length; partition++)
            {
                List<KeyChange> changes =
                    [.. _state.Changes.Where(change => View.Ring.PartitionOf(change.Key.Span).Value == partition)];
                _histories[partition].Append(new LogIndex(_index), new Term(1), changes, _state.ClosedBucket);
            }

            Grown.Set();
            _freed.Announce();
            return result;
        }
    }

    public ChangeHistory HistoryOf(PartitionId partition) => _histories[partition.Value];

    public void MovePrimary(int member)
    {
        TaskCompletionSource changed;
        lock (_gate)
        {
            Primary = new NodeId(member);
            (changed, _changed) = (_changed, NewChange());
        }

        changed.SetResult();
    }

    public async Task PrimaryChangedAsync(NodeId known, CancellationToken deadline)
    {
        while (true)
        {
            Task change;
            lock (_gate)
            {
                if (Primary != known)
                    return;
                change = _changed.Task;
            }

            await change.WaitAsync(deadline);
        }
    }

    private static Member MemberOf(int id) => new(new NodeId(id), $"node{id}", (ulong)(10 + id));

    private static TaskCompletionSource NewChange() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
