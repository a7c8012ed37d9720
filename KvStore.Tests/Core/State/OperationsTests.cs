using System.Collections.Immutable;
using System.Text;
using KvStore.Core.Primitives;
using KvStore.Core.State;
using static KvStore.Tests.Core.State.Commands;

namespace KvStore.Tests.Core.State;

/// <summary>Time to live, increments, patches, batches, transactions and buckets, as the state applies them.</summary>
public sealed class OperationsTests
{
    private static readonly BucketId Other = new(2);

    private KeyValueState _state = new(StateImage.Empty);
    private long _index;

    [Fact]
    public void A_key_is_gone_as_soon_as_log_time_reaches_its_expiry()
    {
        Apply(Put("k", "v", timeMs: 1000, ttl: Ttl.After(500)));
        Assert.Equal(1500, Find("k")!.ExpiresMs);

        Apply(Put("other", "v", timeMs: 1499));
        Assert.NotNull(Find("k"));
        Apply(Put("other", "v", timeMs: 1500));
        Assert.Null(Find("k"));
        Assert.Equal(["other"], Keys());
        Assert.Equal(2, _state.Image.Count);
    }

    [Fact]
    public void A_key_ends_at_a_moment_that_was_told_and_has_ended_when_that_has_passed()
    {
        Apply(Put("k", "v", timeMs: 1000, ttl: Ttl.Until(1500)));
        Assert.Equal(1500, Find("k")!.ExpiresMs);

        Apply(Put("k", "late", timeMs: 1200, ttl: Ttl.Until(1200)));
        Assert.Null(Find("k"));
        Apply(Tick(1201));
        Assert.Equal([("k", KeyChangeKind.Expire)], Changes());
        Assert.Equal(0, _state.Image.Count);
    }

    [Fact]
    public void Log_time_never_falls_so_what_expired_stays_gone()
    {
        Apply(Put("k", "v", timeMs: 1000, ttl: Ttl.After(500)));
        Apply(Tick(1500));
        Apply(Put("other", "v", timeMs: 10));
        Assert.Null(Find("k"));
        Assert.Equal(WriteStatus.VersionMismatch, Apply(Put("k", "w", 10, new Condition.Exists())).Status);
        Assert.Equal(WriteStatus.Created, Apply(Put("k", "w", 10, new Condition.Absent())).Status);
    }

    [Fact]
    public void An_expiry_is_reported_once_and_before_what_follows_it()
    {
        Apply(Put("a", "v", timeMs: 1000, ttl: Ttl.After(500)));
        Apply(Put("b", "v", timeMs: 1000, ttl: Ttl.After(400)));
        Apply(Put("a", "w", timeMs: 2000));
        Assert.Equal([("a", KeyChangeKind.Expire), ("a", KeyChangeKind.Put)], Changes());
        Apply(Tick(2000));
        Assert.Equal([("b", KeyChangeKind.Expire)], Changes());
        Apply(Tick(3000));
        Assert.Empty(_state.Changes);
        Assert.Equal(long.MaxValue, _state.Image.NextExpiryMs);
    }

    [Fact]
    public void One_command_takes_a_bounded_number_of_expired_keys_away()
    {
        for (var number = 0; number < 600; number++)
            Apply(Of(PutOf($"k{number}", "v", ttl: Ttl.After(1)), 1000, bucket: new BucketId(1 + (uint)number % 3)));
        Apply(Tick(5000));
        Assert.Equal(KeyValueState.MaxExpiredAtOnce, _state.Changes.Count);
        Apply(Tick(5000));
        Apply(Tick(5000));
        Assert.Equal((0L, 0L, long.MaxValue),
            (_state.Image.Count, _state.Image.Bytes, _state.Image.NextExpiryMs));
    }

    /// <summary>A read of all keys needs no command for what log time hides already.</summary>
    [Fact]
    public void What_log_time_has_passed_is_over_whether_it_is_removed_or_not()
    {
        for (var number = 0; number < KeyValueState.MaxExpiredAtOnce + 1; number++)
            Apply(Put($"k{number}", "v", timeMs: 1000, ttl: Ttl.After(500)));
        Apply(Put("later", "v", timeMs: 1000, ttl: Ttl.After(2000)));
        Assert.False(_state.Image.IsAnyOverBy(1499));
        Assert.True(_state.Image.IsAnyOverBy(1500));
        Apply(Tick(1500));
        Assert.Equal(1500, _state.Image.NextExpiryMs);
        Assert.False(_state.Image.IsAnyOverBy(2999));
        Assert.True(_state.Image.IsAnyOverBy(3000));
        Apply(Tick(3000));
        Assert.False(_state.Image.IsAnyOverBy(long.MaxValue));
    }

    [Fact]
    public void Keep_none_and_touch_change_how_long_a_key_is_kept_and_every_one_gives_a_new_version()
    {
        Apply(Put("k", "v", timeMs: 1000, ttl: Ttl.After(500)));
        Apply(Put("k", "w", timeMs: 1100, ttl: Ttl.Keep));
        Assert.Equal(1500, Find("k")!.ExpiresMs);

        var touched = Apply(Of(Touch("k", Ttl.After(5000)), 1200));
        Assert.Equal((WriteStatus.Replaced, 3), (touched.Status, touched.Version.Index.Value));
        var entry = Find("k")!;
        Assert.Equal((6200L, 1100L, 1000L), (entry.ExpiresMs, entry.ModifiedMs, entry.CreatedMs));

        Apply(Put("k", "x", timeMs: 1300));
        Assert.Equal(0, Find("k")!.ExpiresMs);
        Assert.Equal(WriteStatus.NotFound, Apply(Of(Touch("absent", Ttl.None))).Status);
    }

    [Fact]
    public void A_key_that_is_made_by_adding_to_it_is_kept_as_its_bucket_says()
    {
        var add = Add("n", 1) with { Ttl = Ttl.KeepOr(500) };
        Apply(Of(add, 1000));
        Apply(Of(add, 1100));
        Assert.Equal(1500, Find("n")!.ExpiresMs);
        Apply(Put("n", "5", timeMs: 1200));
        Apply(Of(add, 1300));
        Assert.Equal(0, Find("n")!.ExpiresMs);
    }

    [Fact]
    public void Expiries_survive_an_image()
    {
        Apply(Put("k", "v", timeMs: 1000, ttl: Ttl.After(500)));
        Apply(Of(PutOf("k", "v", ttl: Ttl.After(900)), 1000, bucket: Other));
        _state = new KeyValueState(StateImage.Decode(_state.Image.Encode()));
        Assert.Equal(1500, _state.Image.NextExpiryMs);
        Apply(Tick(1500));
        Assert.Null(Find("k"));
        Assert.Equal(1900, _state.Image.NextExpiryMs);
        Assert.NotNull(_state.Image.Find(Other, "k"u8));
    }

    [Fact]
    public void An_increment_counts_from_what_is_there()
    {
        Assert.Equal((WriteStatus.Created, 5L), Sum(Add("n", 5)));
        Assert.Equal((WriteStatus.Replaced, 3L), Sum(Add("n", -2)));
        Assert.Equal((WriteStatus.Created, 107L), Sum(Add("m", 7, initial: 100)));
        Assert.Equal("3", Text("n"));
        Assert.Equal("application/json", Find("n")!.ContentType);

        Apply(Put("big", "9223372036854775807"));
        Assert.Equal(WriteStatus.NumberOverflow, Apply(Of(Add("big", 1))).Status);
        Assert.Equal("9223372036854775807", Text("big"));
        foreach (var no in new[] { "", "1.5", "1e3", " 1", "1 ", "\"1\"", "true", "9223372036854775808" })
        {
            Apply(Put("no", no));
            Assert.Equal(WriteStatus.NotANumber, Apply(Of(Add("no", 1))).Status);
            Assert.Equal(no, Text("no"));
        }
    }

    [Fact]
    public void A_repeated_increment_gets_the_first_sum_and_adds_nothing()
    {
        var first = Apply(Of(Add("n", 5), id: ClientId(1)));
        Apply(Of(Add("n", 1)));
        var again = Apply(Of(Add("n", 5), timeMs: 9, id: ClientId(1)));
        Assert.Equal((true, first.Number, first.Version), (again.IsReplay, again.Number, again.Version));
        Assert.Equal("6", Text("n"));
    }

    /// <summary>The examples of RFC 7396, appendix A, and what it leaves to us: how things are written.</summary>
    [Theory]
    [InlineData("""{"a":"b"}""", """{"a":"c"}""", """{"a":"c"}""")]
    [InlineData("""{"a":"b"}""", """{"b":"c"}""", """{"a":"b","b":"c"}""")]
    [InlineData("""{"a":"b"}""", """{"a":null}""", """{}""")]
    [InlineData("""{"a":"b","b":"c"}""", """{"a":null}""", """{"b":"c"}""")]
    [InlineData("""{"a":["b"]}""", """{"a":"c"}""", """{"a":"c"}""")]
    [InlineData("""{"a":"c"}""", """{"a":["b"]}""", """{"a":["b"]}""")]
    [InlineData("""{"a":{"b":"c"}}""", """{"a":{"b":"d","c":null}}""", """{"a":{"b":"d"}}""")]
    [InlineData("""{"a":[{"b":"c"}]}""", """{"a":[1]}""", """{"a":[1]}""")]
    [InlineData("""["a","b"]""", """["c","d"]""", """["c","d"]""")]
    [InlineData("""{"a":"b"}""", """["c"]""", """["c"]""")]
    [InlineData("""{"a":"foo"}""", "null", "null")]
    [InlineData("""{"a":"foo"}""", "\"bar\"", "\"bar\"")]
    [InlineData("""{"e":null}""", """{"a":1}""", """{"e":null,"a":1}""")]
    [InlineData("[1,2]", """{"a":"b","c":null}""", """{"a":"b"}""")]
    [InlineData("{}", """{"a":{"bb":{"ccc":null}}}""", """{"a":{"bb":{}}}""")]
    [InlineData("""{"n": 1.50, "\u0061": 2}""", """{ "a": 3e0 }""", """{"n":1.50,"\u0061":3e0}""")]
    public void A_merge_patch_changes_what_it_names(string value, string patch, string expected)
    {
        Apply(Put("k", value, type: "application/vnd.some+json"));
        Assert.Equal(WriteStatus.Replaced, Apply(Of(Merge("k", patch))).Status);
        Assert.Equal(expected, Text("k"));
        Assert.Equal("application/vnd.some+json", Find("k")!.ContentType);
    }

    [Fact]
    public void What_cannot_be_patched_stays_as_it_is()
    {
        Apply(Put("text", "no JSON"));
        Apply(Put("json", "{}"));
        Assert.Equal(WriteStatus.NotJson, Apply(Of(Merge("text", "{}"))).Status);
        Assert.Equal(WriteStatus.NotFound, Apply(Of(Merge("absent", "{}"))).Status);
        Assert.Equal(WriteStatus.TooLarge, Apply(Of(Merge("json", """{"long":"0123456789"}""", max: 10))).Status);
        Assert.Equal("{}", Text("json"));
        Assert.Throws<ArgumentException>(() => Apply(Of(Merge("json", "{"))));
        Assert.Throws<ArgumentException>(() => Apply(Of(Merge("json", """{"a":1,"a":2}"""))));
    }

    [Fact]
    public void Each_operation_of_a_batch_is_judged_alone_and_a_retry_gets_the_same_answers()
    {
        Apply(Put("there", "1"));
        Command.Batch batch = new()
        {
            TimeMs = 0,
            RequestId = ClientId(1),
            Bucket = BucketId.Default,
            Operations =
            [
                new Operation.Get { Key = "there"u8.ToArray() },
                PutOf("new", "n", new Condition.Absent()),
                PutOf("never", "n", new Condition.Exists()),
                Add("there", 4),
                new Operation.Delete { Key = "absent"u8.ToArray() },
            ],
        };
        var first = Apply(batch);
        Assert.Equal(
            [WriteStatus.Found, WriteStatus.Created, WriteStatus.VersionMismatch, WriteStatus.Replaced,
                WriteStatus.NotFound],
            first.Items.Select(item => item.Status));
        Assert.Equal("1", Encoding.UTF8.GetString(first.Items[0].Entry!.Value.Span));
        Assert.Equal([1L, 2L, 0L, 2L, 0L], first.Items.Select(item => item.Version.Index.Value));
        Assert.Equal(5, first.Items[3].Number);

        _state = new KeyValueState(StateImage.Decode(_state.Image.Encode()));
        var again = Apply(batch with { TimeMs = 7 });
        Assert.True(again.IsReplay);
        Assert.Equal(first.Items.Select(item => item with { Entry = null }), again.Items);
        Assert.Equal("5", Text("there"));
    }

    [Fact]
    public void A_batch_writes_no_key_twice() => Assert.Throws<ArgumentException>(() => Apply(new Command.Batch
    {
        TimeMs = 0,
        Bucket = BucketId.Default,
        Operations = [PutOf("k", "1"), PutOf("k", "2")],
    }));

    [Fact]
    public void What_batches_came_to_is_remembered_up_to_a_bound_and_then_batches_are_refused()
    {
        _state = new KeyValueState(StateImage.Empty, new RequestMemory { MaxItemBytes = 10, ClientWindowMs = 1000 });
        Command.Batch batch = new()
        {
            TimeMs = 0,
            RequestId = ClientId(1),
            Bucket = BucketId.Default,
            Operations = [.. Enumerable.Range(0, 5).Select(number => PutOf($"k{number}", "v"))],
        };
        Assert.Equal(WriteStatus.Done, Apply(batch).Status);
        Assert.Equal(WriteStatus.MemoryFull, Apply(batch with { RequestId = ClientId(2) }).Status);
        Assert.True(Apply(batch).IsReplay);
        Assert.Equal(WriteStatus.Created, Apply(Put("single", "v", id: ClientId(3))).Status);
        Apply(Tick(900));
        Apply(Tick(1800));
        Assert.Equal(WriteStatus.Done, Apply(batch with { RequestId = ClientId(2), TimeMs = 1800 }).Status);
    }

    [Fact]
    public void A_transaction_does_all_of_one_side_or_nothing()
    {
        Apply(Put("stock", "1"));
        var order = Transaction(
            [Is("stock", new Condition.ValueIs("1.0"u8.ToArray())), Is("order", new Condition.Absent())],
            [PutOf("order", "mine"), Add("stock", -1)],
            [new Operation.Get { Key = "stock"u8.ToArray() }]);

        Assert.Equal(WriteStatus.Succeeded, Apply(order).Status);
        Assert.Equal(("mine", "0"), (Text("order"), Text("stock")));
        Assert.Equal(Find("order")!.Version, Find("stock")!.Version);

        var second = Apply(order);
        Assert.Equal(WriteStatus.ComparesFailed, second.Status);
        Assert.Equal("0", Encoding.UTF8.GetString(Assert.Single(second.Items).Entry!.Value.Span));

        var noElse = Apply(order with { Else = [] });
        Assert.Equal(WriteStatus.ComparesFailed, noElse.Status);
        Assert.Equal(
            [(WriteStatus.VersionMismatch, 2L), (WriteStatus.VersionMismatch, 2L)],
            noElse.Items.Select(item => (item.Status, item.Version.Index.Value)));
    }

    [Fact]
    public void A_transaction_whose_operation_cannot_be_done_changes_nothing()
    {
        Apply(Put("text", "no number"));
        var before = _state.Image.Trees;
        var failed = Apply(Transaction([], [PutOf("new", "v"), Add("text", 1)], []));

        Assert.Equal(WriteStatus.OperationFailed, failed.Status);
        Assert.Equal([WriteStatus.Created, WriteStatus.NotANumber], failed.Items.Select(item => item.Status));
        Assert.Same(before, _state.Image.Trees);
        Assert.Empty(_state.Changes);
    }

    [Theory]
    [InlineData(Comparison.Equal, 1, true)]
    [InlineData(Comparison.NotEqual, 1, false)]
    [InlineData(Comparison.Greater, 0, true)]
    [InlineData(Comparison.Greater, 1, false)]
    [InlineData(Comparison.Less, 2, true)]
    public void A_version_is_compared_as_a_number(Comparison comparison, long index, bool holds)
    {
        Apply(Put("k", "v"));
        var result = Apply(Transaction(
            [Is("k", new Condition.VersionIs(comparison, new LogIndex(index)))], [PutOf("k", "w")], []));
        Assert.Equal(holds ? WriteStatus.Succeeded : WriteStatus.ComparesFailed, result.Status);
    }

    [Fact]
    public void Buckets_do_not_see_each_others_keys()
    {
        Apply(Put("k", "one"));
        Apply(Of(PutOf("k", "two"), bucket: Other));
        Apply(Of(new Operation.Delete { Key = "k"u8.ToArray() }));
        Assert.Null(Find("k"));
        Assert.Equal("two", Encoding.UTF8.GetString(_state.Image.Find(Other, "k"u8)!.Value.Span));
    }

    [Fact]
    public void A_closed_bucket_is_empty_and_takes_nothing_ever_again()
    {
        Apply(Put("k", "one"));
        Apply(Of(PutOf("k", "two", ttl: Ttl.After(10)), bucket: Other));
        Apply(new Command.CloseBucket { TimeMs = 0, Bucket = Other });
        _state = new KeyValueState(StateImage.Decode(_state.Image.Encode()));

        Assert.True(_state.Image.IsClosed(Other));
        Assert.Null(_state.Image.Find(Other, "k"u8));
        Assert.Equal((1L, 4L), (_state.Image.Count, _state.Image.Bytes));
        var late = Of(PutOf("k", "late"), id: ClientId(1), bucket: Other);
        Assert.Equal(WriteStatus.BucketGone, Apply(late).Status);
        Assert.False(_state.Remembers(ClientId(1)));
        Assert.Equal(WriteStatus.BucketGone, Apply(Transaction([], [PutOf("k", "late")], []) with
        {
            Bucket = Other,
        }).Status);
        Apply(Tick(1000));
        Assert.Empty(_state.Changes);
        Assert.NotNull(Find("k"));
    }

    private static Command.Expire Tick(long timeMs) => new() { TimeMs = timeMs };

    private static Operation.Touch Touch(string key, Ttl ttl) => new() { Key = Encoding.UTF8.GetBytes(key), Ttl = ttl };

    private static Operation.Increment Add(string key, long by, long initial = 0) =>
        new() { Key = Encoding.UTF8.GetBytes(key), By = by, Initial = initial };

    private static Operation.Merge Merge(string key, string patch, int max = 1000) => new()
    {
        Key = Encoding.UTF8.GetBytes(key),
        Patch = Encoding.UTF8.GetBytes(patch),
        MaxValueBytes = max,
    };

    private static Compare Is(string key, Condition condition) => new(Encoding.UTF8.GetBytes(key), condition);

    private static Command.Transaction Transaction(
        ImmutableArray<Compare> compares, ImmutableArray<Operation> then, ImmutableArray<Operation> otherwise) =>
        new() { TimeMs = 0, Bucket = BucketId.Default, If = compares, Then = then, Else = otherwise };

    private (WriteStatus Status, long Number) Sum(Operation.Increment increment)
    {
        var result = Apply(Of(increment));
        return (result.Status, result.Number);
    }

    private IEnumerable<string> Keys() =>
        _state.Image.From(default).Select(pair => Encoding.UTF8.GetString(pair.Key.Span));

    private IEnumerable<(string Key, KeyChangeKind Kind)> Changes() =>
        _state.Changes.Select(change => (Encoding.UTF8.GetString(change.Key.Span), change.Kind));

    private StoredEntry? Find(string key) => _state.Image.Find(Encoding.UTF8.GetBytes(key));

    private string Text(string key) => Encoding.UTF8.GetString(Find(key)!.Value.Span);

    private WriteResult Apply(Command command) =>
        _state.Apply(new LogIndex(++_index), new Term(1), CommandFormat.Encode(command));
}
