using System.Collections.Immutable;
using System.Text;
using KvStore.Core.Primitives;
using KvStore.Core.State;
using static KvStore.Tests.Core.State.Commands;

namespace KvStore.Tests.Core.State;

/// <summary>Transactions over several partitions, as the partitions' states settle them.</summary>
public sealed class TransactionsTests
{
    private static readonly ImmutableArray<PartitionId> Both = [new(0), new(1)];

    private readonly KeyValueState[] _states = [new(StateImage.Empty), new(StateImage.Empty)];
    private readonly long[] _index = new long[2];

    [Fact]
    public void What_is_prepared_is_locked_and_done_when_it_is_decided()
    {
        Apply(0, Put("a", "10"));
        Apply(1, Put("b", "10"));
        var paid = Apply(0, Prepare(1, [Is("a", "10")], [Add("a", -3)]));
        Assert.Equal((WriteStatus.Prepared, 2L), (paid.Status, paid.Version.Index.Value));
        Assert.Equal([WriteStatus.Found, WriteStatus.Replaced], paid.Items.Select(item => item.Status));
        Assert.Equal(7, paid.Items[1].Number);
        var got = Apply(1, Prepare(1, [], [Add("b", 3)]));

        Assert.Equal(("10", "10"), (Text(0, "a"), Text(1, "b")));
        Assert.True(_states[0].Image.IsLocked(BucketId.Default, "a"u8.ToArray()));
        Assert.Equal(WriteStatus.Locked, Apply(0, Put("a", "99", id: ClientId(5))).Status);
        Assert.False(_states[0].Remembers(ClientId(5)));
        Assert.Equal(WriteStatus.Locked, Apply(0, Prepare(2, [Is("a", "10")], [PutOf("other", "x")])).Status);
        Assert.Equal(WriteStatus.Created, Apply(0, Put("free", "1")).Status);

        var decided = Apply(0, Decide(1, TransactionOutcome.Then, [.. paid.Items.Skip(1), .. got.Items]));
        Assert.Equal(WriteStatus.Succeeded, decided.Status);
        Assert.Equal(("7", "10"), (Text(0, "a"), Text(1, "b")));
        Assert.Equal([("a", KeyChangeKind.Put)], Changes(0));
        Apply(1, Finish(1, TransactionOutcome.Then));
        Assert.Equal(("7", "13"), (Text(0, "a"), Text(1, "b")));
        Assert.Equal(paid.Version, _states[0].Image.Find("a"u8)!.Version);
        Assert.False(_states[1].Image.HasOpenTransactions);
        Assert.True(_states[0].Image.HasOpenTransactions);
        Apply(0, new Command.Forget { TimeMs = 0, RequestId = HopId(1) });
        Assert.False(_states[0].Image.HasOpenTransactions);

        var again = Apply(0, Prepare(7, [Is("a", "10")], [Add("a", -3)]));
        Assert.Equal((WriteStatus.Succeeded, true), (again.Status, again.IsReplay));
        Assert.Equal([7L, 13L], again.Items.Select(item => item.Number));
        Assert.Equal(
            WriteStatus.RequestIdReused, Apply(0, Prepare(8, [], [Add("a", 1)]) with { Fingerprint = 2 }).Status);
    }

    /// <summary>Else a state that was restored would forget otherwise than one that was not.</summary>
    [Fact]
    public void One_name_stands_for_one_request_whatever_comes_together_under_it()
    {
        Apply(0, Prepare(7, [], [PutOf("a", "1")]));
        Assert.Equal(WriteStatus.Locked, Apply(0, Prepare(8, [], [PutOf("b", "1")])).Status);
        Assert.Equal(
            WriteStatus.RequestIdReused, Apply(0, Prepare(8, [], [PutOf("b", "1")]) with { Fingerprint = 2 }).Status);

        Assert.Equal(WriteStatus.Created, Apply(0, Put("c", "1", id: ClientId(1))).Status);
        Assert.Equal(WriteStatus.Aborted, Apply(0, Decide(7, TransactionOutcome.Then)).Status);
        Assert.Null(_states[0].Image.Find("a"u8));
        var restored = StateImage.Decode(_states[0].Image.Encode());
        Assert.Equal(_states[0].Image.Hash(), restored.Hash());
        Assert.Equal(_states[0].Image.Requests.ItemBytes, restored.Requests.ItemBytes);
        Assert.True(Apply(0, Put("c", "1", id: ClientId(1))).IsReplay);
    }

    [Fact]
    public void What_is_due_while_a_transaction_holds_it_is_seen_gone_by_nobody_who_may_see_it_come_back()
    {
        Apply(0, Put("k", "v", timeMs: 1000, ttl: Ttl.After(500)));
        Apply(0, Put("late", "v", timeMs: 1000, ttl: Ttl.After(100)));
        Apply(0, Prepare(1, [], []) with
        {
            TimeMs = 1400,
            Part = Part([], [new Operation.Touch { Key = "k"u8.ToArray() }, PutOf("late", "w")], []),
        });
        Assert.Equal([("late", KeyChangeKind.Expire)], Changes(0));
        Apply(0, new Command.Expire { TimeMs = 2000 });
        Assert.Empty(_states[0].Changes);
        Assert.Equal(long.MaxValue, _states[0].Image.NextExpiryMs);    // nobody proposes in vain while it is held
        Assert.NotNull(_states[0].Image.Find("k"u8));
        Assert.Equal(["k"], _states[0].Image.From(default).Select(pair => Encoding.UTF8.GetString(pair.Key.Span)));

        Apply(0, Decide(1, TransactionOutcome.Then));
        Assert.Equal(0, _states[0].Image.Find("k"u8)!.ExpiresMs);
        Apply(0, new Command.Expire { TimeMs = 3000 });
        Assert.Empty(_states[0].Changes);
    }

    [Fact]
    public void What_was_held_when_it_was_due_goes_when_it_is_free_and_nothing_was_done_to_it()
    {
        Apply(0, Put("k", "v", timeMs: 1000, ttl: Ttl.After(500)));
        Apply(0, Prepare(1, [Is("k", "v")], []) with { TimeMs = 1400 });
        Apply(0, new Command.Expire { TimeMs = 2000 });
        Assert.Empty(_states[0].Changes);

        Apply(0, Decide(1, TransactionOutcome.Nothing));
        Assert.Equal(1500, _states[0].Image.NextExpiryMs);
        Apply(0, new Command.Expire { TimeMs = 2000 });
        Assert.Equal([("k", KeyChangeKind.Expire)], Changes(0));
        Assert.Equal(long.MaxValue, _states[0].Image.NextExpiryMs);
    }

    [Fact]
    public void What_a_transaction_holds_stays_among_many_that_go()
    {
        const int Keys = KeyValueState.MaxExpiredAtOnce + 10;
        for (var number = 0; number < Keys; number++)
            Apply(0, Put($"k{number:d3}", "1", ttl: Ttl.After(5)));
        Apply(0, Prepare(1, [], [Add("k000", 1), Add("k100", 1)]));
        Apply(0, new Command.Expire { TimeMs = 2000 });
        Assert.Equal(KeyValueState.MaxExpiredAtOnce, _states[0].Changes.Count);
        Apply(0, new Command.Expire { TimeMs = 2000 });
        Assert.Equal(
            Enumerable.Range(KeyValueState.MaxExpiredAtOnce + 2, 8).Select(number => $"k{number:d3}"),
            Changes(0).Select(change => change.Item1));
        Assert.Equal((2L, long.MaxValue), (_states[0].Image.Count, _states[0].Image.NextExpiryMs));
        Apply(0, Decide(1, TransactionOutcome.Nothing));
        Apply(0, new Command.Expire { TimeMs = 2000 });
        Assert.Equal((0L, 0L), (_states[0].Image.Count, _states[0].Image.Bytes));
    }

    [Fact]
    public void The_first_decision_counts_and_a_late_one_is_told_of_it()
    {
        Apply(0, Put("a", "10"));
        Apply(0, Prepare(1, [], [Add("a", -3)]));
        Assert.Equal(WriteStatus.Aborted, Apply(0, Decide(1, TransactionOutcome.Nothing)).Status);
        Assert.Equal("10", Text(0, "a"));
        Assert.Equal(WriteStatus.Aborted, Apply(0, Decide(1, TransactionOutcome.Then)).Status);
        Assert.Equal(WriteStatus.Aborted, Apply(0, Prepare(1, [], [Add("a", -3)])).Status);
        Assert.False(_states[0].Image.IsLocked(BucketId.Default, "a"u8.ToArray()));

        Assert.Equal(WriteStatus.Prepared, Apply(0, Prepare(2, [], [Add("a", -3)])).Status);
        Assert.Equal(WriteStatus.Succeeded, Apply(0, Decide(2, TransactionOutcome.Then)).Status);
        Assert.Equal(WriteStatus.Succeeded, Apply(0, Decide(2, TransactionOutcome.Nothing)).Status);
    }

    [Fact]
    public void Who_was_told_of_the_end_before_it_began_takes_no_part_any_more()
    {
        Apply(1, Put("b", "10"));
        Apply(1, Finish(1, TransactionOutcome.Nothing));
        Assert.Equal(WriteStatus.Aborted, Apply(1, Prepare(1, [], [Add("b", 3)])).Status);
        Assert.Equal(WriteStatus.Aborted, Apply(0, Decide(3, TransactionOutcome.Then)).Status);
        Assert.False(_states[1].Image.HasOpenTransactions);
    }

    [Fact]
    public void What_is_open_survives_an_image()
    {
        Apply(0, Put("a", "10", ttl: Ttl.After(5)));
        Apply(0, Prepare(1, [Is("a", "10")], [Add("a", -3), PutOf("new", "v")]) with
        {
            Part = Part([Is("a", "10")], [Add("a", -3), PutOf("new", "v")], [Delete("a").Operation]),
        });
        Apply(0, Prepare(2, [], [PutOf("c", "v")]));
        Apply(0, Decide(2, TransactionOutcome.Then));
        var restarted = new KeyValueState(StateImage.Decode(_states[0].Image.Encode()));
        Assert.Equal(_states[0].Image.Hash(), restarted.Image.Hash());
        _states[0] = restarted;
        Assert.Equal(2, restarted.Image.PreparedTransactions.Count() + restarted.Image.DecidedTransactions.Count());
        Assert.Equal(WriteStatus.Locked, Apply(0, Put("new", "w")).Status);

        Apply(0, new Command.Expire { TimeMs = 100 });
        Apply(0, Decide(1, TransactionOutcome.Else));
        Assert.Null(_states[0].Image.Find("a"u8));
        Assert.Equal(WriteStatus.Created, Apply(0, Put("new", "w")).Status);
    }

    [Fact]
    public void A_bucket_that_is_dropped_takes_what_is_open_with_it()
    {
        var bucket = new BucketId(2);
        Apply(0, Prepare(1, [], []) with { Part = Part([], [PutOf("k", "v")], []) with { Bucket = bucket } });
        Apply(0, new Command.CloseBucket { TimeMs = 0, Bucket = bucket });
        Assert.Equal(WriteStatus.Succeeded, Apply(0, Decide(1, TransactionOutcome.Then)).Status);
        Assert.Equal(0, _states[0].Image.Count);
        Assert.Empty(_states[0].Changes);
        var late = Prepare(2, [], []) with { Part = Part([], [PutOf("k", "v")], []) with { Bucket = bucket } };
        Assert.Equal(WriteStatus.BucketGone, Apply(0, late).Status);
    }

    /// <summary>
    /// Clients move units between accounts of three partitions and give up anywhere; commands come late, twice or
    /// never; others settle what was left. Nothing is lost, and what a client was told is what happened.
    /// </summary>
    [Fact]
    public void Whoever_gives_up_and_wherever_no_unit_is_lost()
    {
        for (var seed = 0; seed < 300; seed++)
        {
            try
            {
                new Bank(new Random(seed)).Run();
            }
            catch (Exception failure) when (failure is not OutOfMemoryException)
            {
                throw new InvalidOperationException($"Seed {seed}: {failure.Message}", failure);
            }
        }
    }

    private static Command.Prepare Prepare(
        ulong attempt, ImmutableArray<Compare> compares, ImmutableArray<Operation> then) => new()
        {
            TimeMs = 0,
            RequestId = HopId(attempt),
            Client = ClientId(attempt == 7 || attempt == 8 ? 1 : attempt),
            Fingerprint = 1,
            Participants = Both,
            Part = Part(compares, then, []),
        };

    internal static Command.Transaction Part(
        ImmutableArray<Compare> compares, ImmutableArray<Operation> then, ImmutableArray<Operation> otherwise) =>
        new() { TimeMs = 0, Bucket = BucketId.Default, If = compares, Then = then, Else = otherwise };

    private static Command.Decide Decide(
        ulong attempt, TransactionOutcome outcome, ImmutableArray<ItemResult> items = default) => new()
        {
            TimeMs = 0,
            RequestId = HopId(attempt),
            Outcome = outcome,
            Participants = Both,
            Items = items.IsDefault ? [] : items,
        };

    private static Command.Finish Finish(ulong attempt, TransactionOutcome outcome) =>
        new() { TimeMs = 0, RequestId = HopId(attempt), Outcome = outcome };

    private static Compare Is(string key, string value) =>
        new(Encoding.UTF8.GetBytes(key), new Condition.ValueIs(Encoding.UTF8.GetBytes(value)));

    internal static Operation.Increment Add(string key, long by) =>
        new() { Key = Encoding.UTF8.GetBytes(key), By = by };

    private string Text(int partition, string key) =>
        Encoding.UTF8.GetString(_states[partition].Image.Find(Encoding.UTF8.GetBytes(key))!.Value.Span);

    private IEnumerable<(string Key, KeyChangeKind Kind)> Changes(int partition) =>
        _states[partition].Changes.Select(change => (Encoding.UTF8.GetString(change.Key.Span), change.Kind));

    private WriteResult Apply(int partition, Command command) => _states[partition].Apply(
        new LogIndex(++_index[partition]), new Term(1), CommandFormat.Encode(command));
}
