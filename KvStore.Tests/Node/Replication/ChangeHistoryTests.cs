using System.Text;
using KvStore.Core.Primitives;
using KvStore.Core.State;
using KvStore.Node.Replication;

namespace KvStore.Tests.Node.Replication;

/// <summary>What is kept of the applied log for those who watch.</summary>
public sealed class ChangeHistoryTests
{
    private static readonly Term Term = new(3);

    [Fact]
    public void A_history_reads_like_a_list_of_all_commands_from_any_place_that_it_still_keeps()
    {
        for (var seed = 0; seed < 200; seed++)
        {
            var random = new Random(seed);
            var (maxChanges, maxBytes) = (random.Next(1, 60), random.Next(2_000, 40_000));
            var budget = new HistoryBudget(maxChanges, maxBytes, histories: 1);
            var history = new ChangeHistory(budget, at: 5);
            List<(long Index, int Count)> all = [];
            var (index, from) = (5L, 5L);
            for (var step = 0; step < 300; step++)
            {
                index += random.Next(1, 4);
                if (random.Next(60) == 0)
                {
                    history.Restart(index);
                    all.Clear();
                    from = index;
                }
                else
                {
                    var count = random.Next(0, 5);
                    history.Append(new LogIndex(index), Term, Changes(count, random.Next(400)), null);
                    if (count > 0)
                        all.Add((index, count));
                }

                Assert.True(history.From >= from);
                from = history.From;
                Check(history, all, random.Next((int)index + 2), index);
                Check(history, all, from, index);
                Assert.True(
                    (budget.Changes <= maxChanges && budget.Bytes <= maxBytes)
                    || OnlyCommand(history, index) == budget.Changes);
            }
        }
    }

    [Fact]
    public void A_command_larger_than_the_whole_budget_is_kept_until_the_next_one()
    {
        var history = new ChangeHistory(new HistoryBudget(10, 1_000, histories: 4), at: 0);
        history.Append(new LogIndex(1), Term, Changes(1, 50_000), null);
        Assert.Equal(0, history.From);
        history.Append(new LogIndex(2), Term, Changes(1, 10), null);
        Assert.Equal(1, history.From);
    }

    [Fact]
    public void One_history_has_what_the_others_do_not_need_and_gives_it_back()
    {
        var budget = new HistoryBudget(maxChanges: 100, maxBytes: 1 << 30, histories: 4);
        var busy = new ChangeHistory(budget, at: 0);
        var idle = new ChangeHistory(budget, at: 0);
        for (var index = 1; index <= 100; index++)
            busy.Append(new LogIndex(index), Term, Changes(1, 1), null);
        Assert.Equal(0, busy.From);
        for (var index = 1; index <= 25; index++)
            idle.Append(new LogIndex(index), Term, Changes(1, 1), null);
        Assert.Equal(0, idle.From);

        busy.Trim();

        Assert.Equal(25, busy.From);
        Assert.Equal(100, budget.Changes);
    }

    [Fact]
    public async Task Readers_beside_the_writer_see_every_command_once_in_order_or_are_told_what_they_lost()
    {
        var history = new ChangeHistory(new HistoryBudget(2_000, 1 << 30, histories: 1), at: 0);
        const int Last = 200_000;
        var readers = Enumerable.Range(0, 3).Select(_ => Task.Run(() => ReadAll(history, Last))).ToList();
        for (var index = 1; index <= Last; index++)
            history.Append(new LogIndex(index), Term, Changes(1, 1), null);
        foreach (var (read, lost) in await Task.WhenAll(readers))
            Assert.Equal(Last, read + lost);
    }

    [Fact]
    public void A_removed_value_is_not_kept_by_the_event_that_says_so()
    {
        var stored = Entry(1_000);
        var applied = AppliedChanges.Of(
            new LogIndex(9),
            Term,
            [new KeyChange(BucketId.Default, "k"u8.ToArray(), KeyChangeKind.Delete, stored)],
            closed: null);
        var change = Assert.Single(applied.Changes);
        Assert.True(change.Value.IsEmpty);
        Assert.Equal(new KeyVersion(Term, new LogIndex(9)), change.Version);
    }

    [Fact]
    public void A_copy_goes_on_where_it_was_and_begins_anew_where_it_cannot()
    {
        var copy = new ChangeHistory(new HistoryBudget(100, 1 << 20, histories: 1), ChangeHistory.NothingKnown);
        Assert.True(HistoryFeeds.TryTake(copy, News(from: 4, reached: 6, 5)));
        Assert.Equal((4, 6), (copy.From, copy.Reached));
        Assert.True(HistoryFeeds.TryTake(copy, News(from: null, reached: 9, 8)));
        Assert.Equal((4, 9), (copy.From, copy.Reached));
        Assert.False(HistoryFeeds.TryTake(copy, News(from: null, reached: 9, 9)));
        Assert.True(HistoryFeeds.TryTake(copy, News(from: 20, reached: 21, 21)));
        Assert.Equal((20, 21), (copy.From, copy.Reached));
    }

    private static FollowedChanges News(long? from, long reached, long index) => new()
    {
        Partition = new PartitionId(0),
        From = from,
        Commands = [AppliedChanges.Of(new LogIndex(index), Term, Changes(1, 1), null)],
        Reached = reached,
    };

    private static (long Read, long Lost) ReadAll(ChangeHistory history, long last)
    {
        var (at, read, lost) = (0L, 0L, 0L);
        while (at < last)
        {
            var reached = history.Reached;
            var reader = history.After(at);
            while (true)
            {
                var step = reader.Read(reached, out var changes);
                if (step == HistoryStep.Found)
                {
                    Assert.Equal(at + 1, changes.Index.Value);
                    (at, read) = (at + 1, read + 1);
                    continue;
                }

                if (step == HistoryStep.Lost)
                {
                    var from = history.From;
                    Assert.True(from > at);
                    (lost, at) = (lost + from - at, from);
                }
                else
                {
                    Assert.Equal(reached, Math.Max(at, reached));
                }

                break;
            }
        }

        return (read, lost);
    }

    private static long OnlyCommand(ChangeHistory history, long index)
    {
        var reader = history.After(history.From);
        return reader.Read(index, out var only) == HistoryStep.Found ? only.Count : 0;
    }

    private static void Check(ChangeHistory history, List<(long Index, int Count)> all, long after, long upTo)
    {
        var reader = history.After(after);
        if (history.From > after)
        {
            Assert.Equal(HistoryStep.Lost, reader.Read(upTo, out _));
            return;
        }

        foreach (var (index, count) in all.Where(command => command.Index > after))
        {
            Assert.Equal(HistoryStep.Found, reader.Read(upTo, out var changes));
            Assert.Equal((index, count), (changes.Index.Value, changes.Changes.Length));
        }

        Assert.Equal(HistoryStep.NoMore, reader.Read(upTo, out _));
    }

    private static List<KeyChange> Changes(int count, int bytes) =>
    [
        .. Enumerable.Range(0, count).Select(number => new KeyChange(
            BucketId.Default, Encoding.UTF8.GetBytes($"k{number}"), KeyChangeKind.Put, Entry(bytes))),
    ];

    private static StoredEntry Entry(int bytes) => new()
    {
        Value = new byte[bytes],
        ContentType = "text/plain",
        Version = new KeyVersion(Term, new LogIndex(1)),
        CreatedMs = 1,
        ModifiedMs = 1,
    };
}
