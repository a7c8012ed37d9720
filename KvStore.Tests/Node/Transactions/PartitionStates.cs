using System.Collections.Concurrent;
using System.Collections.Immutable;
using KvStore.Core.Membership;
using KvStore.Core.Primitives;
using KvStore.Core.State;
using KvStore.Node.Replication;

namespace KvStore.Tests.Node.Transactions;

/// <summary>
/// A state for each partition, led by this very node, without replication: what is proposed is applied at once, but
/// for what a test lets get lost.
/// </summary>
internal sealed class PartitionStates : IPartitions, IClusterPartitions
{
    public static readonly ClusterView TheView =
        ClusterView.Birth([("node1", 1), ("node2", 2), ("node3", 3)], 16, 3);

    private readonly Lock _gate = new();
    private readonly KeyValueState[] _states =
        [.. Enumerable.Range(0, TheView.Ring.PartitionCount).Select(_ => new KeyValueState(StateImage.Empty))];

    private readonly long[] _index = new long[TheView.Ring.PartitionCount];
    private readonly FreedWaits _freed = new();
    private readonly ConcurrentQueue<(PartitionId Partition, Command Command)> _commands = new();

    /// <summary>What a proposal comes to; null: it is applied.</summary>
    public Func<PartitionId, Command, WriteOutcome?> OnWrite { get; set; } = (_, _) => null;

    /// <summary>Every command that was proposed, in order.</summary>
    public IReadOnlyCollection<(PartitionId Partition, Command Command)> Commands => _commands;

    public bool HasOpen => _states.Any(state => state.Image.HasOpenTransactions);

    public ClusterView? View => TheView;

    public static PartitionId PartitionOf(string key) =>
        TheView.Ring.PartitionOf(System.Text.Encoding.UTF8.GetBytes(key));

    /// <summary>A key like <paramref name="stem"/> in another partition than all of these.</summary>
    public static string KeyElsewhere(string stem, params string[] keys) => Enumerable.Range(0, 1000)
        .Select(number => $"{stem}{number}")
        .First(key => keys.All(other => PartitionOf(other) != PartitionOf(key)));

    public StateImage ImageOf(string key) => _states[PartitionOf(key).Value].Image;

    public string? TextOf(string key) =>
        ImageOf(key).Find(BucketId.Default, System.Text.Encoding.UTF8.GetBytes(key)) is { } entry
            ? System.Text.Encoding.UTF8.GetString(entry.Value.Span)
            : null;

    public WriteResult Apply(PartitionId partition, Command command)
    {
        lock (_gate)
        {
            var result = _states[partition.Value].Apply(
                new LogIndex(++_index[partition.Value]), new Term(1), CommandFormat.Encode(command));
            _freed.Announce();
            return result;
        }
    }

    public Task ViewReadyAsync(CancellationToken deadline) => Task.CompletedTask;

    public ValueTask<WriteOutcome> WriteAsync(
        PartitionId partition, Command command, Ack ack, CancellationToken deadline)
    {
        _commands.Enqueue((partition, command));
        if (OnWrite(partition, command) is { } outcome)
            return ValueTask.FromResult(outcome);
        var result = Apply(partition, command);
        return ValueTask.FromResult<WriteOutcome>(
            new WriteOutcome.Committed(result, Copies: 2, Voters: 3) { Index = _states[partition.Value].Image.Index });
    }

    public ValueTask<WriteOutcome> WriteAsync(PartitionId partition, Command command, CancellationToken deadline) =>
        UnlockedCalls.WriteAsync(this, partition, command, Ack.Quorum, TimeProvider.System, patience: null, deadline);

    public ValueTask<ReadOutcome> ReadAsync(PartitionId partition, CancellationToken deadline) =>
        ValueTask.FromResult<ReadOutcome>(ReadLocal(partition)!);

    public ReadOutcome.Ready? ReadLocal(PartitionId partition) =>
        new(_states[partition.Value].Image, IsPrimary: true, TimeSpan.Zero);

    public ValueTask<KeysOutcome> ReadKeysAsync(
        PartitionId partition, KeysQuery query, CancellationToken deadline) =>
        PartitionKeys.ReadAsync(this, partition, query, TimeProvider.System, deadline);

    public ValueTask<EntriesOutcome> ReadAsync(
        PartitionId partition, EntriesQuery query, CancellationToken deadline) =>
        ValueTask.FromResult<EntriesOutcome>(new EntriesOutcome.Read([]));

    public Task AppliedAsync(PartitionId partition, LogIndex index, CancellationToken patience) =>
        Task.CompletedTask;

    public Task UnlockedAsync(
        PartitionId partition,
        BucketId bucket,
        ImmutableArray<ReadOnlyMemory<byte>> keys,
        CancellationToken patience) =>
        _freed.FreeAsync(() => !_states[partition.Value].Image.IsAnyLocked(bucket, keys), patience);

    public ChangeHistory? HistoryOf(PartitionId partition) => null;    // nobody watches

    public ChangeSignal Applied { get; } = new();

    public HistoryBudget HistoryBudget { get; } = new(maxChanges: 1, maxBytes: 1, histories: 1);

    public long NowMs(PartitionId partition) => 0;

    public (NodeId Primary, Term Term) PrimaryOf(PartitionId partition) => (new NodeId(1), new Term(1));

    public Task PrimaryChangedAsync(PartitionId partition, NodeId known, CancellationToken deadline) =>
        Task.Delay(Timeout.Infinite, deadline);

    public Uri? AddressOf(NodeId member) => null;
}
