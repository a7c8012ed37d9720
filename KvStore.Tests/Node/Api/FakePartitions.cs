using System.Collections.Concurrent;
using KvStore.Core.Membership;
using KvStore.Core.Primitives;
using KvStore.Core.State;
using KvStore.Node.Replication;

namespace KvStore.Tests.Node.Api;

/// <summary>Replicas without replication: a write is applied at once, or comes to what the test says.</summary>
internal sealed class FakePartitions(FakeCluster cluster, NodeId self) : IPartitions
{
    private readonly TaskCompletionSource _formed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly ConcurrentQueue<Command> _commands = new();

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

    /// <summary>Every command that came here, applied or not.</summary>
    public IReadOnlyCollection<Command> Commands => _commands;

    /// <summary>What the one command that came does.</summary>
    public Operation OnlyOperation => Assert.IsType<Command.Change>(Assert.Single(_commands)).Operation;

    public ConcurrentQueue<Ack> Acks { get; } = new();

    public ClusterView? View => IsForming ? null : FakeCluster.View;

    private bool IsPrimary => cluster.Primary == self;

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
            ? new WriteOutcome.Committed(cluster.Apply(command), Copies: 2, Voters: 3)
            : new WriteOutcome.NotPrimary(cluster.Primary);
    }

    public async ValueTask<ReadOutcome> ReadAsync(PartitionId partition, CancellationToken deadline)
    {
        if (OnRead is { } act && await act(deadline) is { } outcome)
            return outcome;
        return IsPrimary
            ? new ReadOutcome.Ready(cluster.Image, IsPrimary: true, TimeSpan.Zero)
            : new ReadOutcome.NotPrimary(cluster.Primary);
    }

    public ReadOutcome.Ready? ReadLocal(PartitionId partition) =>
        HasReplicas ? new ReadOutcome.Ready(Image ?? cluster.Image, IsPrimary, Staleness) : null;

    public (NodeId Primary, Term Term) PrimaryOf(PartitionId partition) => (cluster.Primary, new Term(1));

    public Task PrimaryChangedAsync(PartitionId partition, NodeId known, CancellationToken deadline) =>
        cluster.PrimaryChangedAsync(known, deadline);

    public Uri? AddressOf(NodeId member) => member == self ? null : cluster.Addresses.GetValueOrDefault(member);
}
