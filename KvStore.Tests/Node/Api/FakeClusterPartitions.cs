using System.Collections.Concurrent;
using KvStore.Core.Primitives;
using KvStore.Core.State;
using KvStore.Node.Replication;

namespace KvStore.Tests.Node.Api;

/// <summary>The partitions of a fake cluster from any node: done at once, or what the test says.</summary>
internal sealed class FakeClusterPartitions(FakeCluster cluster, TimeProvider? time = null) : IClusterPartitions
{
    private readonly ConcurrentQueue<(PartitionId Partition, Command Command)> _commands = new();
    private readonly ConcurrentQueue<(PartitionId Partition, KeysQuery Query)> _keyReads = new();
    private readonly TimeProvider _time = time ?? TimeProvider.System;
    private int _reads;

    /// <summary>Every read of keys.</summary>
    public IReadOnlyCollection<(PartitionId Partition, KeysQuery Query)> KeyReads => _keyReads;

    /// <summary>What the next write comes to; null: it is applied.</summary>
    public Func<PartitionId, Command, ValueTask<WriteOutcome?>>? OnWrite { get; set; }

    /// <summary>What the next read comes to; null: the entries.</summary>
    public Func<CancellationToken, ValueTask<EntriesOutcome?>>? OnRead { get; set; }

    /// <summary>Every command that came here, applied or not.</summary>
    public IReadOnlyCollection<(PartitionId Partition, Command Command)> Commands => _commands;

    /// <summary>What has been applied.</summary>
    public StateImage Image => cluster.Image;

    /// <summary>Which partitions were told to close a bucket.</summary>
    public IEnumerable<PartitionId> Closings =>
        _commands.Where(sent => sent.Command is Command.CloseBucket).Select(sent => sent.Partition).Distinct();

    /// <summary>How often entries were read.</summary>
    public int Reads => _reads;

    /// <summary>Applies a command, whatever <see cref="OnWrite"/> says.</summary>
    public WriteOutcome Apply(Command command) => new WriteOutcome.Committed(
        cluster.Apply(command with { TimeMs = _time.GetUtcNow().ToUnixTimeMilliseconds() }), Copies: 2, Voters: 3);

    public async ValueTask<WriteOutcome> WriteAsync(
        PartitionId partition, Command command, CancellationToken deadline)
    {
        _commands.Enqueue((partition, command));
        return OnWrite is { } act && await act(partition, command) is { } outcome ? outcome : Apply(command);
    }

    public async ValueTask<KeysOutcome> ReadKeysAsync(
        PartitionId partition, KeysQuery query, CancellationToken deadline)
    {
        _keyReads.Enqueue((partition, query));
        return await PartitionKeys.ReadAsync(
            new FakePartitions(cluster, cluster.Primary, _time), partition, query, _time, deadline);
    }

    public async ValueTask<EntriesOutcome> ReadAsync(
        PartitionId partition, EntriesQuery query, CancellationToken deadline)
    {
        Interlocked.Increment(ref _reads);
        return OnRead is { } act && await act(deadline) is { } outcome
            ? outcome
            : PartitionEntries.Read(cluster.Image, query);
    }
}
