using KvStore.Core.Primitives;
using KvStore.Core.State;
using KvStore.Node.Replication;
using KvStore.Tests.Node.Api;

namespace KvStore.Tests.Node.Replication;

public sealed class ClusterPartitionsTests
{
    private static readonly PartitionId Partition = new(3);
    private static readonly Command Once = new Command.Change
    {
        TimeMs = 1,
        Bucket = BucketId.Default,
        Operation = new Operation.Delete { Key = "k"u8.ToArray() },
    };

    private readonly FakeCluster _cluster = new();
    private readonly FakePeers _peers = new();
    private readonly FakePartitions _here;
    private readonly ClusterPartitions _partitions;

    public ClusterPartitionsTests()
    {
        _here = new FakePartitions(_cluster, new NodeId(1));
        _partitions = new ClusterPartitions(_here, _peers, TimeProvider.System);
    }

    [Fact]
    public async Task This_nodes_own_replica_is_tried_first()
    {
        Assert.IsType<WriteOutcome.Committed>(await WriteAsync(Once));
        Assert.Empty(_peers.Asked);
    }

    [Fact]
    public async Task Hints_are_followed_until_a_primary_is_found()
    {
        _cluster.MovePrimary(2);
        _peers.Answers[2] = () => new WriteOutcome.NotPrimary(new NodeId(3));
        _peers.Answers[3] = Committed;

        Assert.IsType<WriteOutcome.Committed>(await WriteAsync(Once));
        Assert.Equal([2, 3], _peers.Asked);
    }

    [Fact]
    public async Task A_believed_primary_that_is_gone_does_not_keep_the_others_from_being_asked()
    {
        _cluster.MovePrimary(2);
        _peers.Answers[3] = Committed;

        Assert.IsType<WriteOutcome.Committed>(await WriteAsync(Once));
        Assert.Contains(2, _peers.Asked);
    }

    [Fact]
    public async Task After_an_unknown_outcome_only_what_may_be_done_twice_is_proposed_again()
    {
        _cluster.MovePrimary(2);
        var attempts = 0;
        _peers.Answers[2] = () => ++attempts % 2 == 1 ? new WriteOutcome.Indeterminate() : Committed();

        Assert.IsType<WriteOutcome.Indeterminate>(await WriteAsync(Once));
        attempts = 0;
        Assert.IsType<WriteOutcome.Committed>(
            await WriteAsync(Once with { RequestId = new RequestId(1, 2, RequestIdKind.Internal) }));
        attempts = 0;
        Assert.IsType<WriteOutcome.Committed>(
            await WriteAsync(new Command.CloseBucket { Bucket = new BucketId(2), TimeMs = 1 }));
    }

    [Fact]
    public async Task Without_a_primary_until_the_deadline_nothing_was_applied_unless_that_is_not_known()
    {
        _cluster.MovePrimary(2);
        Assert.IsType<WriteOutcome.NotPrimary>(await WriteAsync(Once, milliseconds: 50));
        var isFirst = true;
        _peers.Answers[2] = () =>
        {
            var outcome = isFirst ? (WriteOutcome)new WriteOutcome.Indeterminate() : new WriteOutcome.Overloaded();
            isFirst = false;
            return outcome;
        };

        Assert.IsType<WriteOutcome.Indeterminate>(
            await WriteAsync(Once with { RequestId = new RequestId(1, 2, RequestIdKind.Internal) }));
        using var deadline = new CancellationTokenSource(50);
        Assert.IsType<EntriesOutcome.TimedOut>(
            await _partitions.ReadAsync(Partition, new EntriesQuery(default, Known: null), deadline.Token));
    }

    [Fact]
    public void Entries_that_are_as_they_were_are_not_sent_again()
    {
        _cluster.Apply(Put("a/1"));
        _cluster.Apply(Put("a/2"));
        _cluster.Apply(Put("b"));
        var query = new EntriesQuery("a/"u8.ToArray(), Known: null);
        var read = Assert.IsType<EntriesOutcome.Read>(PartitionEntries.Read(_cluster.Image, query));
        Assert.Equal(2, read.Items.Length);
        var again = query with { Known = PartitionEntries.MarkOf(read.Items) };
        Assert.IsType<EntriesOutcome.Unchanged>(PartitionEntries.Read(_cluster.Image, again));
        _cluster.Apply(Put("a/1"));

        Assert.IsType<EntriesOutcome.Read>(PartitionEntries.Read(_cluster.Image, again));
    }

    [Fact]
    public void Results_come_back_over_the_wire_with_as_many_entries_as_have_room()
    {
        StoredEntry Entry(int bytes) => new()
        {
            Value = new byte[bytes],
            ContentType = "a/b",
            Metadata = new byte[] { 1 },
            Version = new KeyVersion(new Term(1), new LogIndex(2)),
            CreatedMs = 3,
            ModifiedMs = 4,
            ExpiresMs = 5,
        };
        ItemResult Found(int bytes) =>
            new(WriteStatus.Found, new KeyVersion(new Term(1), new LogIndex(2)), 0, Entry(bytes));
        var result = new WriteResult(WriteStatus.Done, new KeyVersion(new Term(1), new LogIndex(7)), IsReplay: false)
        {
            Number = -6,
            Entry = Entry(1),
            Items = [Found(3 << 20), Found(2 << 20), Found(9), new(WriteStatus.Replaced, default, 8, Entry(1))],
        };
        var told = Assert.IsType<WriteOutcome.Committed>(CallCodec.Decode(CallCodec.Encode(
            new WriteOutcome.Committed(result, 2, 3) { Index = new LogIndex(11) })));
        Assert.Equal((11, -6), (told.Index.Value, told.Result.Number));
        Assert.Equal(
            Entry(1) with { Value = default, Metadata = default },
            told.Result.Entry! with { Value = default, Metadata = default });
        Assert.Equal([3 << 20, null, 9, null], told.Result.Items.Select(item => item.Entry?.Value.Length));
        Assert.Equal(
            result.Items.Select(item => (item.Status, item.Version, item.Number)),
            told.Result.Items.Select(item => (item.Status, item.Version, item.Number)));

        var read = Assert.IsType<KeysOutcome.Read>(CallCodec.Decode(CallCodec.Encode(
            new KeysOutcome.Read([Found(1)], new LogIndex(4)))));
        Assert.Equal((4, 1), (read.Index.Value, read.Items.Single().Entry!.Value.Length));
        KeysOutcome[] others =
        [
            new KeysOutcome.BucketGone(), new KeysOutcome.Locked(), new KeysOutcome.NotPrimary(new NodeId(2)),
            new KeysOutcome.Overloaded(), new KeysOutcome.TimedOut(),
        ];
        Assert.Equal(others, others.Select(outcome => CallCodec.Decode(CallCodec.Encode(outcome))));
    }

    [Fact]
    public void What_became_of_a_call_comes_back_over_the_wire()
    {
        WriteOutcome[] outcomes =
        [
            Committed(), new WriteOutcome.NotPrimary(new NodeId(4)), new WriteOutcome.Overloaded(),
            new WriteOutcome.DiskLow(), new WriteOutcome.Indeterminate(),
        ];

        Assert.Equal(outcomes, outcomes.Select(outcome => CallCodec.Decode(CallCodec.Encode(outcome))));
        Assert.IsType<WriteOutcome.Indeterminate>(CallCodec.Decode(new KvStore.Node.Replication.Wire.ProposalReply()));
    }

    private static Command.Change Put(string key) => new()
    {
        TimeMs = 1,
        Bucket = BucketId.Default,
        Operation = new Operation.Put
        {
            Key = System.Text.Encoding.UTF8.GetBytes(key),
            Value = "v"u8.ToArray(),
            ContentType = "text/plain",
        },
    };

    private static WriteOutcome Committed() => new WriteOutcome.Committed(
        new WriteResult(WriteStatus.Deleted, new KeyVersion(new Term(1), new LogIndex(9)), IsReplay: false), 2, 3);

    private async Task<WriteOutcome> WriteAsync(Command command, int milliseconds = 20_000)
    {
        using var deadline = new CancellationTokenSource(milliseconds);
        return await _partitions.WriteAsync(Partition, command, deadline.Token);
    }

    /// <summary>Other members; who has no answer cannot be asked.</summary>
    private sealed class FakePeers : IPeerCalls
    {
        public Dictionary<int, Func<WriteOutcome>> Answers { get; } = [];

        public List<int> Asked { get; } = [];

        public Task<WriteOutcome> ProposeAsync(
            NodeId peer, PartitionId partition, ReadOnlyMemory<byte> payload, CancellationToken deadline)
        {
            Asked.Add(peer.Value);
            return Task.FromResult(Answers.TryGetValue(peer.Value, out var answer)
                ? answer()
                : new WriteOutcome.NotPrimary(NodeId.None));
        }

        public Task<EntriesOutcome> ReadEntriesAsync(
            NodeId peer, PartitionId partition, EntriesQuery query, CancellationToken deadline) =>
            Task.FromResult<EntriesOutcome>(new EntriesOutcome.NotPrimary(NodeId.None));

        public Task<KeysOutcome> ReadKeysAsync(
            NodeId peer, PartitionId partition, KeysQuery query, CancellationToken deadline) =>
            Task.FromResult<KeysOutcome>(new KeysOutcome.NotPrimary(NodeId.None));
    }
}
