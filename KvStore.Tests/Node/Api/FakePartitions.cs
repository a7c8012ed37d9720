using System.Collections.Concurrent;
using System.Collections.Immutable;
using KvStore.Core.Membership;
using KvStore.Core.Primitives;
using KvStore.Core.State;
using KvStore.Node.Replication;

namespace KvStore.Tests.Node.Api;

/// <summary>Replicas without replication: a write is applied at once, or comes to what the test says.</summary>
internal sealed class FakePartitions(FakeCluster cluster, NodeId self, TimeProvider? time = null) : IPartitions
{
    private readonly TaskCompletionSource _formed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _caughtUp = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly ConcurrentQueue<Command> _commands = new();
    private volatile StateImage? _behind;

    /// <summary>What the next write comes to; null: it is applied.</summary>
    public Func<Command, CancellationToken, ValueTask<WriteOutcome?>>? OnWrite { get; set; }

    /// <summary>What the next read comes to; null: the state.</summary>
    public Func<CancellationToken, ValueTask<ReadOutcome?>>? OnRead { get; set; }

    public bool IsForming { get; set; }

    /// <summary>What this node has applied; null: all that the cluster has.</summary>
    public StateImage? Image { get; set; }

    public bool HasReplicas { get; set; } = true;

    /// <summary>How old its state is, as a backup.</summary>
    public TimeSpan Staleness { get; set; }

    public bool IsStalenessKnown { get; set; } = true;

    /// <summary>The first index that somebody waits for.</summary>
    public TaskCompletionSource<LogIndex> Waits { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Somebody waits for keys to be given free.</summary>
    public TaskCompletionSource LockWaits { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Every command that came here, applied or not.</summary>
    public IReadOnlyCollection<Command> Commands => _commands;

    /// <summary>What the one command that came does.</summary>
    public Operation OnlyOperation => Assert.IsType<Command.Change>(Assert.Single(_commands)).Operation;

    public ConcurrentQueue<Ack> Acks { get; } = new();

    public ClusterView? View => IsForming ? null : FakeCluster.View;

    private bool IsPrimary => cluster.Primary == self;

    /// <summary>From now on its copy is no newer than it is now.</summary>
    public void FallBehind() => _behind = cluster.Image;

    public void CatchUp()
    {
        _behind = null;
        _caughtUp.SetResult();
    }

    public void Form()
    {
        IsForming = false;
        _formed.SetResult();
    }

    public Task ViewReadyAsync(CancellationToken deadline) => _formed.Task.WaitAsync(deadline);

    public async ValueTask<WriteOutcome> WriteAsync(
        PartitionId partition, Command command, Ack ack, CancellationToken deadline)
    {
        _commands.Enqueue(command);
        Acks.Enqueue(ack);
        if (OnWrite is { } act && await act(command, deadline) is { } outcome)
            return outcome;
        return IsPrimary
            ? new WriteOutcome.Committed(cluster.Apply(command with { TimeMs = NowMs(partition) }), 2, Voters: 3)
            {
                Index = cluster.Image.Index,
            }
            : new WriteOutcome.NotPrimary(cluster.Primary);
    }

    public async ValueTask<ReadOutcome> ReadAsync(PartitionId partition, CancellationToken deadline)
    {
        if (OnRead is { } act && await act(deadline) is { } outcome)
            return outcome;
        return IsPrimary
            ? new ReadOutcome.Ready(Image ?? cluster.Image, IsPrimary: true, TimeSpan.Zero)
            : new ReadOutcome.NotPrimary(cluster.Primary);
    }

    public ReadOutcome.Ready? ReadLocal(PartitionId partition) => HasReplicas
        ? new ReadOutcome.Ready(_behind ?? Image ?? cluster.Image, IsPrimary, Staleness)
        {
            IsStalenessKnown = IsStalenessKnown,
        }
        : null;

    public async Task AppliedAsync(PartitionId partition, LogIndex index, CancellationToken patience)
    {
        if (ReadLocal(partition) is not { } local || local.Image.Index >= index)
            return;
        Waits.TrySetResult(index);
        await _caughtUp.Task.WaitAsync(patience);
    }

    public ChangeHistory? HistoryOf(PartitionId partition) => HasReplicas ? cluster.HistoryOf(partition) : null;

    public ChangeSignal Applied => cluster.Grown;

    public HistoryBudget HistoryBudget => cluster.Budget;

    public Task UnlockedAsync(
        PartitionId partition,
        BucketId bucket,
        ImmutableArray<ReadOnlyMemory<byte>> keys,
        CancellationToken patience)
    {
        LockWaits.TrySetResult();
        return cluster.UnlockedAsync(bucket, keys, patience);
    }

    /// <summary>Whether there is a copy of the partitions here, and so their time.</summary>
    public bool HoldsCopies { get; set; } = true;

    public long NowMs(PartitionId partition) =>
        HoldsCopies ? (time ?? TimeProvider.System).GetUtcNow().ToUnixTimeMilliseconds() : 0;

    public (NodeId Primary, Term Term) PrimaryOf(PartitionId partition) => (cluster.Primary, new Term(1));

    public Task PrimaryChangedAsync(PartitionId partition, NodeId known, CancellationToken deadline) =>
        cluster.PrimaryChangedAsync(known, deadline);

    public Uri? AddressOf(NodeId member) => member == self ? null : cluster.Addresses.GetValueOrDefault(member);
}
