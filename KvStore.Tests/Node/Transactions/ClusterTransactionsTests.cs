using System.Collections.Immutable;
using System.Text;
using KvStore.Core.Primitives;
using KvStore.Core.State;
using KvStore.Node.Replication;
using KvStore.Node.Transactions;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using static KvStore.Tests.Core.State.Commands;
using static KvStore.Tests.Node.Transactions.PartitionStates;

namespace KvStore.Tests.Node.Transactions;

/// <summary>Two-phase commit as a node carries it out, and what is left when it does not come to its end.</summary>
public sealed class ClusterTransactionsTests : IDisposable
{
    private static readonly string A = "a";
    private static readonly string B = KeyElsewhere("b", A);
    private static readonly string C = KeyElsewhere("c", A, B);

    private readonly PartitionStates _states = new();
    private readonly FakeTimeProvider _time = new();
    private readonly CancellationTokenSource _deadline = new(TimeSpan.FromSeconds(30));
    private readonly TransactionSettler _settler;
    private readonly ClusterTransactions _transactions;
    private readonly TransactionResolver _resolver;

    public ClusterTransactionsTests()
    {
        _settler = new TransactionSettler(_states, TimeProvider.System);
        _transactions = new ClusterTransactions(_states, _settler, TimeProvider.System);
        _resolver = new TransactionResolver(
            null!, _states, _settler, _time, NullLogger<TransactionResolver>.Instance);
        foreach (var key in new[] { A, B, C })
            _states.Apply(PartitionOf(key), Put(key, "10"));
    }

    public void Dispose()
    {
        _resolver.Dispose();
        _deadline.Dispose();
    }

    [Fact]
    public async Task All_partitions_do_it_and_the_keys_are_free_afterwards()
    {
        var done = Assert.IsType<TransactionResult.Done>(await RunAsync(Transfer(A, B)));
        Assert.Equal((true, false), (done.IsMet, done.IsReplay));
        Assert.Equal([7, 13], done.Items.Select(item => item.Number));
        await ClosedAsync();
        Assert.Equal(("7", "13"), (_states.TextOf(A), _states.TextOf(B)));
    }

    [Fact]
    public async Task Results_are_in_the_order_of_the_request_whatever_the_order_of_the_partitions()
    {
        Operation[] operations = [Get(C), Get(A), Get(B), Get(A)];
        var done = Assert.IsType<TransactionResult.Done>(await RunAsync(new Command.Transaction
        {
            TimeMs = 0,
            Bucket = BucketId.Default,
            Then = [.. operations],
        }));
        Assert.Equal(
            operations.Select(operation => _states.ImageOf(TextOf(operation)).Find(operation.Key.Span)!.Version),
            done.Items.Select(item => item.Version));
        Assert.All(done.Items, item => Assert.Equal("10", Encoding.UTF8.GetString(item.Entry!.Value.Span)));
    }

    [Fact]
    public async Task A_retry_is_told_the_first_outcome_and_does_nothing()
    {
        await RunAsync(Transfer(A, B));
        await ClosedAsync();
        var again = Assert.IsType<TransactionResult.Done>(await RunAsync(Transfer(A, B)));
        Assert.Equal((true, true), (again.IsMet, again.IsReplay));
        Assert.Equal([7, 13], again.Items.Select(item => item.Number));
        var other = Assert.IsType<TransactionResult.Refused>(await RunAsync(Transfer(A, B, amount: 4)));
        Assert.Equal(
            WriteStatus.RequestIdReused, Assert.IsType<WriteOutcome.Committed>(other.Outcome).Result.Status);
        Assert.Equal(("7", "13"), (_states.TextOf(A), _states.TextOf(B)));
    }

    [Fact]
    public async Task A_comparison_of_any_partition_decides_for_all()
    {
        var failing = Transfer(A, B) with { If = [Is(A, "10"), Is(C, "11")] };
        var failed = Assert.IsType<TransactionResult.ComparesFailed>(await RunAsync(failing));
        Assert.Equal([WriteStatus.Found, WriteStatus.VersionMismatch], failed.Items.Select(item => item.Status));
        await ClosedAsync();
        Assert.IsType<TransactionResult.ComparesFailed>(await RunAsync(failing));

        var otherwise = Assert.IsType<TransactionResult.Done>(
            await RunAsync(failing with { Else = [PutOf(B, "else"), Get(A)] }, client: 2));
        Assert.False(otherwise.IsMet);
        await ClosedAsync();
        Assert.Equal(("10", "else"), (_states.TextOf(A), _states.TextOf(B)));
    }

    [Fact]
    public async Task An_operation_that_cannot_be_done_keeps_all_from_happening()
    {
        _states.Apply(PartitionOf(B), Put(B, "text"));
        var failed = Assert.IsType<TransactionResult.OperationFailed>(await RunAsync(Transfer(A, B)));
        Assert.Equal([WriteStatus.Replaced, WriteStatus.NotANumber], failed.Items.Select(item => item.Status));
        await ClosedAsync();
        Assert.Equal(("10", "text"), (_states.TextOf(A), _states.TextOf(B)));
        Assert.IsType<TransactionResult.OperationFailed>(await RunAsync(Transfer(A, B)));
    }

    [Fact]
    public async Task A_partition_that_refuses_frees_those_that_prepared_before_it()
    {
        var last = Ordered(A, B)[1];
        _states.OnWrite = (partition, command) =>
            command is Command.Prepare && partition == PartitionOf(last) ? new WriteOutcome.DiskLow() : null;
        var refused = Assert.IsType<TransactionResult.Refused>(await RunAsync(Transfer(A, B)));
        Assert.IsType<WriteOutcome.DiskLow>(refused.Outcome);
        await ClosedAsync();
        Assert.Equal(("10", "10"), (_states.TextOf(A), _states.TextOf(B)));
    }

    [Fact]
    public async Task A_lost_answer_of_a_partition_is_no_answer_to_the_client()
    {
        var isFirst = true;
        _states.OnWrite = (partition, command) => command is Command.Prepare
            && partition == PartitionOf(Ordered(A, B)[1]) && Interlocked.Exchange(ref isFirst, false)
                ? Lost(partition, command)
                : null;
        Assert.IsType<TransactionResult.Refused>(await RunAsync(Transfer(A, B)));
        await ClosedAsync();
        Assert.Equal(("10", "10"), (_states.TextOf(A), _states.TextOf(B)));
        Assert.IsType<TransactionResult.Done>(await RunAsync(Transfer(A, B)));
    }

    /// <summary>
    /// The decision was applied, carried out by others and forgotten before the coordinator is asked again.
    /// </summary>
    [Fact]
    public async Task Who_asks_for_a_decision_after_it_was_forgotten_is_told_the_truth()
    {
        _states.OnWrite = (partition, command) =>
        {
            if (command is not Command.Decide { Outcome: TransactionOutcome.Then } decide)
                return null;
            _states.OnWrite = (_, _) => null;
            _states.Apply(partition, command);
            _states.Apply(decide.Participants[1], new Command.Finish
            {
                TimeMs = 0,
                RequestId = decide.RequestId,
                Outcome = TransactionOutcome.Then,
            });
            _states.Apply(partition, new Command.Forget { TimeMs = 0, RequestId = decide.RequestId });
            return null;    // and now it is applied a second time
        };
        var done = Assert.IsType<TransactionResult.Done>(await RunAsync(Transfer(A, B)));
        Assert.Equal([7, 13], done.Items.Select(item => item.Number));
        await ClosedAsync();
        Assert.Equal(("7", "13"), (_states.TextOf(A), _states.TextOf(B)));
    }

    [Fact]
    public async Task Who_waits_for_a_key_gets_it_when_the_transaction_is_settled()
    {
        var attempt = HopId(1);
        var first = Ordered(A, B)[0];
        _states.Apply(PartitionOf(first), PrepareOf(attempt, first));
        var write = _states.WriteAsync(PartitionOf(first), Put(first, "new"), _deadline.Token).AsTask();
        var read = _states.ReadKeysAsync(
            PartitionOf(first), new KeysQuery(BucketId.Default, [Bytes(first)]), _deadline.Token).AsTask();
        Assert.False(write.IsCompleted || read.IsCompleted);
        await _settler.GiveUpAsync(attempt, Participants, _deadline.Token);
        Assert.Equal(
            WriteStatus.Replaced, Assert.IsType<WriteOutcome.Committed>(await write).Result.Status);
        Assert.IsType<KeysOutcome.Read>(await read);
    }

    [Fact]
    public async Task At_its_deadline_who_waits_for_a_key_has_changed_nothing()
    {
        _states.Apply(PartitionOf(A), PrepareOf(HopId(1), A));
        using var soon = new CancellationTokenSource(50);
        var outcome = await _states.WriteAsync(PartitionOf(A), Put(A, "new"), soon.Token);
        Assert.Equal(WriteStatus.Locked, Assert.IsType<WriteOutcome.Committed>(outcome).Result.Status);
        Assert.IsType<KeysOutcome.Locked>(await _states.ReadKeysAsync(
            PartitionOf(A), new KeysQuery(BucketId.Default, [Bytes(A)]), soon.Token));
    }

    [Fact]
    public async Task What_was_left_prepared_is_given_up_after_six_seconds()
    {
        foreach (var key in Ordered(A, B))
            _states.Apply(PartitionOf(key), PrepareOf(HopId(1), key));
        await _resolver.SettleAsync(_deadline.Token);
        _time.Advance(TimeSpan.FromSeconds(5));
        await _resolver.SettleAsync(_deadline.Token);
        Assert.True(_states.HasOpen);
        _time.Advance(TimeSpan.FromSeconds(1));
        await _resolver.SettleAsync(_deadline.Token);
        Assert.False(_states.HasOpen);
        Assert.Equal(("10", "10"), (_states.TextOf(A), _states.TextOf(B)));
    }

    [Fact]
    public async Task What_was_left_decided_is_carried_out_everywhere()
    {
        foreach (var key in Ordered(A, B))
            _states.Apply(PartitionOf(key), PrepareOf(HopId(1), key));
        _states.Apply(Participants[0], new Command.Decide
        {
            TimeMs = 0,
            RequestId = HopId(1),
            Outcome = TransactionOutcome.Then,
            Participants = Participants,
        });
        await _resolver.SettleAsync(_deadline.Token);
        _time.Advance(TimeSpan.FromSeconds(1));
        await _resolver.SettleAsync(_deadline.Token);
        Assert.False(_states.HasOpen);
        Assert.Equal(("11", "11"), (_states.TextOf(A), _states.TextOf(B)));
    }

    [Fact]
    public async Task Transfers_of_many_at_once_lose_no_unit_and_nobody_sees_half_of_one()
    {
        string[] keys = [A, B, C];
        var writers = Enumerable.Range(0, 8).Select(async client =>
        {
            var random = new Random(client);
            for (var round = 0; round < 20; round++)
            {
                var (from, to) = (random.Next(3), random.Next(2));
                to = to >= from ? to + 1 : to;
                Assert.IsType<TransactionResult.Done>(await RunAsync(
                    Transfer(keys[from], keys[to], random.Next(1, 5)), client: (ulong)(client * 1000 + round + 10)));
            }
        });
        var reader = Enumerable.Range(0, 20).Select(async round =>
        {
            var all = Assert.IsType<TransactionResult.Done>(await RunAsync(
                new Command.Transaction { TimeMs = 0, Bucket = BucketId.Default, Then = [.. keys.Select(Get)] },
                client: (ulong)(100_000 + round)));
            Assert.Equal(30, all.Items.Sum(item => int.Parse(Encoding.UTF8.GetString(item.Entry!.Value.Span))));
        });
        await Task.WhenAll(writers.Concat(reader));
        await ClosedAsync();
        Assert.Equal(30, keys.Sum(key => int.Parse(_states.TextOf(key)!)));
    }

    private static ImmutableArray<PartitionId> Participants =>
        [.. Ordered(A, B).Select(PartitionOf)];

    private static string[] Ordered(params string[] keys) => [.. keys.OrderBy(key => PartitionOf(key).Value)];

    private static Command.Prepare PrepareOf(RequestId attempt, string key) => new()
    {
        TimeMs = 0,
        RequestId = attempt,
        Client = ClientId(77),
        Fingerprint = 1,
        Participants = Participants,
        Part = new Command.Transaction { TimeMs = 0, Bucket = BucketId.Default, Then = [Add(key, 1)] },
    };

    private static Command.Transaction Transfer(string from, string to, long amount = 3) => new()
    {
        TimeMs = 0,
        Bucket = BucketId.Default,
        Then = [Add(from, -amount), Add(to, amount)],
    };

    private static Compare Is(string key, string value) => new(Bytes(key), new Condition.ValueIs(Bytes(value)));

    private static Operation.Increment Add(string key, long by) => new() { Key = Bytes(key), By = by };

    private static Operation Get(string key) => new Operation.Get { Key = Bytes(key) };

    private static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text);

    private static string TextOf(Operation operation) => Encoding.UTF8.GetString(operation.Key.Span);

    private WriteOutcome Lost(PartitionId partition, Command command)
    {
        _states.Apply(partition, command);
        return new WriteOutcome.Indeterminate();
    }

    private ValueTask<TransactionResult> RunAsync(Command.Transaction whole, ulong client = 1) =>
        _transactions.RunAsync(TransactionPlan.Of(whole, TheView.Ring), ClientId(client), _deadline.Token);

    /// <summary>What goes on in the background is over.</summary>
    private async Task ClosedAsync()
    {
        while (_states.HasOpen)
        {
            _deadline.Token.ThrowIfCancellationRequested();
            await Task.Yield();
        }
    }
}
