using KvStore.Verification;

namespace KvStore.Tests.Verification;

public sealed class WatchCheckerTests
{
    private static readonly HistoryOperation[] History =
    [
        Write(OperationKind.Put, "a", "\"1\""),
        Write(OperationKind.Put, "b", "\"2\""),
        Write(OperationKind.Delete, null, null) with { Found = true },
        Write(OperationKind.Put, "c", null) with { Result = OperationResult.Unknown },
    ];

    private static readonly WatchedEvent[] Events =
    [
        Put(1, "a", 1),
        Put(1, "b", 2),
        new() { Stream = 1, Kind = "delete", Key = "k", Version = 3 },
    ];

    [Fact]
    public void Every_write_once_and_in_order_is_right_whatever_comes_again_after_a_cut()
    {
        WatchedEvent[] again = [Events[1] with { Stream = 2 }, Events[2] with { Stream = 2 }];

        Assert.Empty(Judge(Events));
        Assert.Empty(Judge([.. Events, .. again]));
        Assert.Empty(Judge([.. Events, .. again, Put(2, "c", 4)]));    // unknown, and done
    }

    [Fact]
    public void What_comes_twice_late_or_changed_is_found()
    {
        Assert.Contains("told", Single([.. Events, Events[2]]));
        Assert.Contains("told", Single([Events[1], Events[0], Events[2]], missing: 1));
        Assert.Contains("told", Single([.. Events, Events[0] with { Stream = 2, Value = "x" }]));
        Assert.Contains("told", Single(
            [.. Events, Events[2] with { Stream = 2 }, Events[1] with { Stream = 2 }]));
    }

    [Fact]
    public void What_is_missing_is_found_unless_the_watcher_was_told_so()
    {
        Assert.Contains("never told the version \"1\"", Single(Events[1..]));
        Assert.Contains("0 deletes; 1 to 1", Single(Events[..2]));
        Assert.Empty(new WatchChecker(isWhole: false).Judge(History, Events[1..2]));
    }

    [Fact]
    public void What_nobody_wrote_is_found()
    {
        Assert.Contains("which nobody wrote", Single([.. Events, Put(1, "d", 9)]));
        Assert.Contains("which nobody wrote", Single([.. Events, Put(1, "c", 9), Put(1, "c", 10)]));
        Assert.Contains("'b' was written", Single([Events[0], Events[1] with { Value = "a" }, Events[2]]));
        Assert.Contains("something else", Single([.. Events, Events[2] with { Kind = "expire", Version = 8 }]));
    }

    [Fact]
    public void Increments_and_transactions_are_writes_too()
    {
        HistoryOperation[] history =
        [
            Write(OperationKind.Increment, "1", "\"1\"") with { By = 1 },
            Write(OperationKind.Increment, null, null) with { By = 1, Result = OperationResult.Unknown },
            Write(OperationKind.Txn, null, null) with
            {
                Ops = [new OperationStep { Op = OperationKind.Put, Key = "k", Value = "7", Etag = "\"3\"" }],
                Succeeded = true,
            },
        ];
        WatchedEvent[] events = [Put(1, "1", 1), Put(1, "2", 2), Put(1, "7", 3)];
        var checker = new WatchChecker(isWhole: true);

        Assert.Empty(checker.Judge(history, events));
        Assert.Single(checker.Judge(history, events[..2]));
        Assert.Single(checker.Judge(history, [.. events, Put(1, "8", 4)]));
    }

    private static string Single(WatchedEvent[] events, int missing = 0)
    {
        var wrong = Judge(events);
        Assert.Equal(1 + missing, wrong.Count);
        return wrong[0];
    }

    private static IReadOnlyList<string> Judge(WatchedEvent[] events) =>
        new WatchChecker(isWhole: true).Judge(History, events);

    private static WatchedEvent Put(int stream, string value, long version) => new()
    {
        Stream = stream,
        Kind = "put",
        Key = "k",
        Version = version,
        Etag = $"\"{version}\"",
        Value = value,
    };

    private static HistoryOperation Write(OperationKind kind, string? value, string? etag) => new()
    {
        Client = 1,
        CallNs = 1,
        ReturnNs = 2,
        Op = kind,
        Key = "k",
        Value = value,
        Etag = etag,
        Result = OperationResult.Ok,
    };
}
