using System.Collections.Immutable;
using KvStore.Core.Primitives;
using KvStore.Core.Replication;

namespace KvStore.Tests.Core.Replication;

/// <summary>Law 23: who differs from a majority must not go on, and where there is none, nobody.</summary>
public sealed class StateComparisonTests
{
    private static readonly NodeId Self = new(1);
    private static readonly GroupConfiguration Three = new([new(1), new(2), new(3)], []);

    /// <summary>
    /// Groups of one to five voters and a learner beside them; whoever it is that decides, and whatever each of the
    /// others said: nothing, or one of three hashes.
    /// </summary>
    [Fact]
    public void Every_verdict_is_that_of_the_naive_twin()
    {
        Dictionary<StateVerdict, int> seen = [];
        for (var voters = 1; voters <= 5; voters++)
        {
            ImmutableArray<NodeId> voting = [.. Enumerable.Range(1, voters).Select(id => new NodeId(id))];
            for (var number = 0; number < Math.Pow(4, voters + 1); number++)
            {
                var said = Said(number, voters);
                foreach (var self in said.Keys)
                {
                    var others = said.Where(pair => pair.Key != self).ToDictionary();
                    var verdict = StateComparison.Judge(self, said[self], voting, others);
                    Assert.Equal(Naive(self, said, voting), verdict);
                    seen[verdict] = seen.GetValueOrDefault(verdict) + 1;
                }
            }
        }

        Assert.Equal(Enum.GetValues<StateVerdict>(), seen.Keys.Order());
    }

    /// <summary>However they differ: a majority that agrees is never told to stop, by none of those in it.</summary>
    [Fact]
    public void Who_is_with_a_majority_goes_on()
    {
        Assert.Equal(StateVerdict.Different, StateComparison.Judge(Self, 7, Three.Voters, Others((2, 7), (3, 8))));
        Assert.Equal(StateVerdict.Different, StateComparison.Judge(new(2), 7, Three.Voters, Others((1, 7), (3, 8))));
        Assert.Equal(StateVerdict.IsOdd, StateComparison.Judge(new(3), 8, Three.Voters, Others((1, 7), (2, 7))));
    }

    [Fact]
    public void Two_that_differ_both_stop() =>
        Assert.Equal(StateVerdict.NoMajority, StateComparison.Judge(Self, 7, [new(1), new(2)], Others((2, 8))));

    [Fact]
    public void Hashes_of_other_marks_say_nothing()
    {
        StateComparison comparison = new(Self);
        Assert.Null(comparison.Heard(new(2), new LogIndex(10), 8));
        Assert.Null(comparison.Heard(new(3), new LogIndex(10), 8));
        Assert.Null(comparison.HashAt(new LogIndex(11)));
        Assert.Null(comparison.Came(new LogIndex(11), Three, 7));
        Assert.Null(comparison.Heard(new(2), new LogIndex(12), 8));
        Assert.Equal(7UL, comparison.HashAt(new LogIndex(11)));
    }

    [Fact]
    public void It_does_not_matter_who_is_first()
    {
        StateComparison early = new(Self);
        Assert.Null(early.Came(new LogIndex(10), Three, 7));
        Assert.Equal(StateVerdict.Different, early.Heard(new(2), new LogIndex(10), 8)!.Verdict);
        Assert.Equal(StateVerdict.IsOdd, early.Heard(new(3), new LogIndex(10), 8)!.Verdict);

        StateComparison late = new(Self);
        Assert.Null(late.Heard(new(2), new LogIndex(10), 8));
        Assert.Null(late.Heard(new(3), new LogIndex(10), 8));
        var difference = late.Came(new LogIndex(10), Three, 7)!;
        Assert.Equal((StateVerdict.IsOdd, new LogIndex(10)), (difference.Verdict, difference.Index));
        Assert.Equal([(1, 7UL), (2, 8UL), (3, 8UL)], difference.Hashes.Select(said => (said.Key, said.Value)));
    }

    /// <summary>Who became a voter since, or was one before, does not.</summary>
    [Fact]
    public void Those_count_who_voted_at_the_mark()
    {
        StateComparison comparison = new(Self);
        Assert.Null(comparison.Heard(new(4), new LogIndex(10), 8));
        Assert.Null(comparison.Heard(new(3), new LogIndex(10), 8));
        Assert.Null(comparison.Heard(new(2), new LogIndex(10), 7));
        var difference = comparison.Came(new LogIndex(10), Three, 7)!;
        Assert.Equal(StateVerdict.Different, difference.Verdict);
        Assert.DoesNotContain(4, difference.Hashes.Keys);
    }

    [Fact]
    public void What_was_said_of_old_marks_is_forgotten()
    {
        StateComparison comparison = new(Self);
        for (var index = 1; index <= 5; index++)
        {
            comparison.Came(new LogIndex(index), Three, 7);
            comparison.Heard(new(2), new LogIndex(index), 7);
        }

        Assert.Null(comparison.HashAt(new LogIndex(1)));
        Assert.Equal(7UL, comparison.HashAt(new LogIndex(2)));
        Assert.Null(comparison.Heard(new(3), new LogIndex(1), 8));
    }

    /// <summary>It may have started again since, on the disk that it had.</summary>
    [Fact]
    public void A_members_last_word_counts()
    {
        StateComparison comparison = new(Self);
        comparison.Came(new LogIndex(10), Three, 7);
        Assert.NotNull(comparison.Heard(new(2), new LogIndex(10), 8));
        Assert.Null(comparison.Heard(new(2), new LogIndex(10), 7));
    }

    private static Dictionary<NodeId, ulong> Others(params (int Member, ulong Hash)[] said) =>
        said.ToDictionary(pair => new NodeId(pair.Member), pair => pair.Hash);

    /// <summary>What each of the voters and the one learner said: the digits of a number to the base of four.</summary>
    private static Dictionary<NodeId, ulong> Said(int number, int voters)
    {
        Dictionary<NodeId, ulong> said = [];
        for (var member = 1; member <= voters + 1; member++, number /= 4)
        {
            if (number % 4 > 0)
                said.Add(new NodeId(member), (ulong)(number % 4));
        }

        return said;
    }

    private static StateVerdict Naive(NodeId self, Dictionary<NodeId, ulong> said, ImmutableArray<NodeId> voters)
    {
        foreach (var hash in new ulong[] { 1, 2, 3 })
        {
            var agreeing = voters.Count(voter => said.TryGetValue(voter, out var theirs) && theirs == hash);
            if (2 * agreeing > voters.Length)
            {
                return said[self] != hash ? StateVerdict.IsOdd
                    : said.Values.Distinct().Count() == 1 ? StateVerdict.Same : StateVerdict.Different;
            }
        }

        if (voters.All(said.ContainsKey) && voters.Contains(self))
            return StateVerdict.NoMajority;
        return said.Values.Distinct().Count() == 1 ? StateVerdict.Same : StateVerdict.Different;
    }
}
