using System.Collections.Immutable;
using System.Text;
using KvStore.Core.Membership;
using KvStore.Core.Primitives;
using KvStore.Core.State;
using KvStore.Node.Replication;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;

namespace KvStore.Tests.Node.Api;

/// <summary>
/// Three nodes and sixteen partitions with a state of their own each, without replication: a write is applied at once,
/// and partition n is led by member n mod 3 + 1.
/// </summary>
internal sealed class ListCluster
{
    private readonly Dictionary<PartitionId, (KeyValueState State, long Index)> _states = [];

    public ListCluster()
    {
        Time = new FakeTimeProvider(DateTimeOffset.FromUnixTimeMilliseconds(1_000_000));
        for (var number = 0; number < View.Ring.PartitionCount; number++)
            _states[new PartitionId(number)] = (new KeyValueState(StateImage.Empty), 0);
        Nodes = [.. Enumerable.Range(1, 3).Select(member => new Member(this, new NodeId(member)))];
        foreach (var node in Nodes)
        {
            foreach (var other in Nodes.Where(other => other != node))
                node.Peers.Members[other.Id] = other.Pinned;
        }
    }

    public static ClusterView View => FakeCluster.View;

    public FakeTimeProvider Time { get; }

    public IReadOnlyList<Member> Nodes { get; }

    /// <summary>What happens just before a command is applied.</summary>
    public Action<Command>? BeforeWrite { get; set; }

    /// <summary>What writes wait for.</summary>
    public Task WritesWaitFor { get; set; } = Task.CompletedTask;

    /// <summary>What writes come to; null: they are applied.</summary>
    public Func<PartitionId, WriteOutcome?>? OnWrite { get; set; }

    /// <summary>How many commands were applied.</summary>
    public int Writes { get; private set; }

    /// <summary>The API of a node over HTTP.</summary>
    public Task<ApiNode> ServeAsync(int member = 0)
    {
        var node = Nodes[member];
        return ApiNode.StartAsync(replace: services => services
            .AddSingleton<IPartitions>(node)
            .AddSingleton<IClusterPartitions>(node)
            .AddSingleton<IScanPeers>(node.Peers)
            .AddSingleton(node.Pinned)
            .AddSingleton(node.Snapshots));
    }

    public NodeId PrimaryOf(PartitionId partition) => new(partition.Value % 3 + 1);

    public StateImage ImageOf(PartitionId partition) => _states[partition].State.Image;

    public IEnumerable<string> Keys(BucketId bucket) => _states.Values
        .SelectMany(part => part.State.Image.From(bucket, default))
        .Select(pair => Encoding.UTF8.GetString(pair.Key.Span));

    public void Put(string key, string value = "v", Ttl ttl = default, BucketId? bucket = null) =>
        Put(Encoding.UTF8.GetBytes(key), Encoding.UTF8.GetBytes(value), ttl, bucket ?? BucketId.Default);

    public void Put(byte[] key, byte[] value, Ttl ttl, BucketId bucket, string type = "text/plain") =>
        Apply(View.Ring.PartitionOf(key), new Command.Change
        {
            TimeMs = Time.GetUtcNow().ToUnixTimeMilliseconds(),
            Bucket = bucket,
            Operation = new Operation.Put { Key = key, Value = value, ContentType = type, Ttl = ttl },
        });

    public void Delete(string key) =>
        Apply(View.Ring.PartitionOf(Encoding.UTF8.GetBytes(key)), new Command.Change
        {
            TimeMs = Time.GetUtcNow().ToUnixTimeMilliseconds(),
            Bucket = BucketId.Default,
            Operation = new Operation.Delete { Key = Encoding.UTF8.GetBytes(key) },
        });

    public WriteResult Apply(PartitionId partition, Command command)
    {
        lock (_states)
        {
            Writes++;
            var (state, index) = _states[partition];
            _states[partition] = (state, index + 1);
            return state.Apply(new LogIndex(index + 1), new Term(1), CommandFormat.Encode(command));
        }
    }

    /// <summary>One node of them.</summary>
    internal sealed class Member : IPartitions, IClusterPartitions
    {
        private readonly ListCluster _cluster;

        public Member(ListCluster cluster, NodeId id)
        {
            (_cluster, Id) = (cluster, id);
            Pinned = new PinnedSnapshots(this, cluster.Time);
            Snapshots = new ClusterSnapshots(this, Pinned, Peers, cluster.Time);
        }

        public NodeId Id { get; }

        public PinnedSnapshots Pinned { get; }

        public FakeScanPeers Peers { get; } = new();

        public ClusterSnapshots Snapshots { get; }

        public ClusterView? View => ListCluster.View;

        public Task ViewReadyAsync(CancellationToken deadline) => Task.CompletedTask;

        public async ValueTask<WriteOutcome> WriteAsync(
            PartitionId partition, Command command, Ack ack, CancellationToken deadline) => IsPrimary(partition)
            ? await WriteAsync(partition, command, deadline)
            : new WriteOutcome.NotPrimary(_cluster.PrimaryOf(partition));

        public async ValueTask<WriteOutcome> WriteAsync(
            PartitionId partition, Command command, CancellationToken deadline)
        {
            await _cluster.WritesWaitFor;
            if (_cluster.OnWrite?.Invoke(partition) is { } outcome)
                return outcome;
            _cluster.BeforeWrite?.Invoke(command);
            var result = _cluster.Apply(partition, Stamped(partition, command));
            return CallCodec.Decode(CallCodec.Encode(new WriteOutcome.Committed(result, Copies: 2, Voters: 3)));
        }

        public ValueTask<ReadOutcome> ReadAsync(PartitionId partition, CancellationToken deadline) =>
            new(IsPrimary(partition)
                ? new ReadOutcome.Ready(_cluster.ImageOf(partition), IsPrimary: true, TimeSpan.Zero)
                : new ReadOutcome.NotPrimary(_cluster.PrimaryOf(partition)));

        public ValueTask<EntriesOutcome> ReadAsync(
            PartitionId partition, EntriesQuery query, CancellationToken deadline) =>
            new(new EntriesOutcome.Read([]));    // the system group: no bucket was ever made

        public ReadOutcome.Ready? ReadLocal(PartitionId partition) => partition == ListCluster.View.SystemGroup
            ? null
            : new ReadOutcome.Ready(_cluster.ImageOf(partition), IsPrimary(partition), TimeSpan.Zero);

        public Task AppliedAsync(PartitionId partition, LogIndex index, CancellationToken patience) =>
            Task.CompletedTask;

        public long NowMs(PartitionId partition) => _cluster.Time.GetUtcNow().ToUnixTimeMilliseconds();

        public Task UnlockedAsync(
            PartitionId partition,
            BucketId bucket,
            ImmutableArray<ReadOnlyMemory<byte>> keys,
            CancellationToken patience) => Task.CompletedTask;

        public ValueTask<KeysOutcome> ReadKeysAsync(
            PartitionId partition, KeysQuery query, CancellationToken deadline) =>
            throw new InvalidOperationException("Nobody reads single keys.");

        public ChangeHistory? HistoryOf(PartitionId partition) => null;    // nobody watches

        public ChangeSignal Applied { get; } = new();

        public HistoryBudget HistoryBudget { get; } = new(maxChanges: 1, maxBytes: 1, histories: 1);

        public (NodeId Primary, Term Term) PrimaryOf(PartitionId partition) =>
            (_cluster.PrimaryOf(partition), new Term(1));

        public Task PrimaryChangedAsync(PartitionId partition, NodeId known, CancellationToken deadline) =>
            Task.Delay(Timeout.Infinite, deadline);

        public Uri? AddressOf(NodeId member) => null;

        /// <summary>As a primary stamps it.</summary>
        private Command Stamped(PartitionId partition, Command command) =>
            command with { TimeMs = NowMs(partition) };

        private bool IsPrimary(PartitionId partition) => _cluster.PrimaryOf(partition) == Id;
    }
}
