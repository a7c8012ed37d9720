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
    private TaskCompletionSource _changed = NewChange();
    private long _index;

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
            _freed.Announce();
            return result;
        }
    }

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
