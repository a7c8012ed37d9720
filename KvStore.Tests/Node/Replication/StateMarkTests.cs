using System.Collections.Immutable;
using KvStore.Core.Primitives;
using KvStore.Core.Replication;
using KvStore.Core.State;
using static KvStore.Tests.Core.State.Commands;

namespace KvStore.Tests.Node.Replication;

/// <summary>What a replica keeps to be compared: its state at the newest mark, without what came after it.</summary>
public sealed class StateMarkTests
{
    private const int MarkTicks = 4;
    private static readonly Term Four = new(4);

    [Fact]
    public void The_state_at_the_newest_mark_is_kept_until_it_is_taken()
    {
        ReplicaHarness backup = new();
        Append(backup, Command(1, "k", "1"), Mark(2), Command(3, "k", "2"), Mark(4), Command(5, "k", "3"));

        var marked = backup.Replica.TakeMarked()!;
        Assert.Equal((new LogIndex(4), Four), (marked.Index, marked.Term));
        Assert.Equal("2"u8, marked.State.Find("k"u8)!.Value.Span);
        Assert.Equal([1, 2, 3], marked.Configuration.Voters.Select(voter => voter.Value));
        Assert.Null(backup.Replica.TakeMarked());
    }

    /// <summary>
    /// Three copies applied the same; into one of them somebody had put another value, and no checksum tells.
    /// </summary>
    [Fact]
    public void A_planted_difference_makes_its_holder_the_odd_one_out()
    {
        KeyValueState planted = new(StateImage.Empty);
        planted.Apply(new LogIndex(1), new Term(1), CommandFormat.Encode(Put("other", "planted")));
        var marks = new[] { StateImage.Empty, planted.Image, StateImage.Empty }.Select(image =>
        {
            ReplicaHarness backup = new(image: image);
            Append(backup, Command(1, "k", "1"), Mark(2));
            return backup.Replica.TakeMarked()!;
        }).ToList();

        var verdicts = Enumerable.Range(0, 3).Select(self =>
        {
            StateComparison comparison = new(new NodeId(self + 1));
            foreach (var other in Enumerable.Range(0, 3).Where(other => other != self))
                comparison.Heard(new NodeId(other + 1), marks[other].Index, marks[other].State.Hash());
            var marked = marks[self];
            return comparison.Came(marked.Index, marked.Configuration, marked.State.Hash())!.Verdict;
        });
        Assert.Equal([StateVerdict.Different, StateVerdict.IsOdd, StateVerdict.Different], verdicts);
    }

    [Fact]
    public void A_primary_makes_a_mark_now_and_then_if_anything_is_new()
    {
        var primary = ReplicaHarness.Primary(markTicks: MarkTicks);
        var first = primary.LastIndex;
        Assert.Equal(first, primary.Replica.TakeMarked()!.Index);    // that of its election
        TickAndAnswer(primary, 3 * MarkTicks);
        Assert.Equal(first, primary.LastIndex);

        primary.Write(Put("k", "v"));
        primary.Flush();
        primary.Acknowledge(2);
        TickAndAnswer(primary, MarkTicks);
        Assert.Equal(first + 2, primary.LastIndex);
        Assert.Equal(first + 2, primary.Replica.TakeMarked()!.Index);
        TickAndAnswer(primary, 3 * MarkTicks);
        Assert.Equal(first + 2, primary.LastIndex);
    }

    /// <summary>Else a node that hashes slowly would never come to the marks that the others compare.</summary>
    [Fact]
    public void A_primary_makes_no_mark_while_the_last_one_is_not_compared()
    {
        var primary = ReplicaHarness.Primary(markTicks: MarkTicks);
        primary.Write(Put("k", "v"));
        primary.Flush();
        primary.Acknowledge(2);
        var last = primary.LastIndex;
        TickAndAnswer(primary, 3 * MarkTicks);
        Assert.Equal(last, primary.LastIndex);

        primary.Replica.TakeMarked();
        TickAndAnswer(primary, 1);
        Assert.Equal(last.Next(), primary.LastIndex);
    }

    /// <summary>A majority answers, so that it stays primary.</summary>
    private static void TickAndAnswer(ReplicaHarness primary, int ticks)
    {
        for (var tick = 0; tick < ticks; tick++)
        {
            primary.Tick();
            primary.Flush();
            primary.Acknowledge(2);
        }
    }

    private static void Append(ReplicaHarness backup, params ImmutableArray<LogEntry> entries) => backup.Receive(
        2, new PeerMessage.AppendRequest(Four, LogIndex.Zero, Term.Zero, entries, entries[^1].Index));

    private static LogEntry Mark(long index) => new(new LogIndex(index), Four, EntryKind.Empty, default);

    private static LogEntry Command(long index, string key, string value) =>
        new(new LogIndex(index), Four, EntryKind.Command, CommandFormat.Encode(Put(key, value)));
}
