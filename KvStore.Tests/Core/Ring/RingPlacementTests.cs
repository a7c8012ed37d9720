using KvStore.Core.Primitives;
using KvStore.Core.Ring;

namespace KvStore.Tests.Core.Ring;

public sealed class RingPlacementTests(ITestOutputHelper output)
{
    private const double SlackOfTheBounds = 0.05;

    public static TheoryData<int> Sizes => [1, 2, 3, 4, 5, 7, 10, 16, 33, 64, 100];

    public static TheoryData<int, int> Growth()
    {
        var growth = new TheoryData<int, int>();
        foreach (var members in new[] { 3, 4, 5, 7, 10, 20, 50, 99 })
        {
            foreach (var seed in new[] { 1, 2, 3, 4 })
                growth.Add(members, seed);
        }

        return growth;
    }

    [Theory]
    [MemberData(nameof(Sizes))]
    public void No_member_holds_more_than_its_share_and_a_tenth(int members)
    {
        foreach (var (partitions, factor) in Shapes())
        {
            var lists = Lists(Names(members, seed: members + factor), partitions, factor);
            var copies = Math.Min(factor, members);

            Assert.All(lists, list => Assert.Equal(copies, list.Distinct().Count()));
            Assert.All(lists, list => Assert.Equal(copies, list.Length));
            AssertBounded(lists.SelectMany(list => list), Math.Ceiling(1.10m * partitions * copies / members));
            AssertBounded(lists.Select(list => list[0]), Math.Ceiling(1.10m * partitions / members));
        }
    }

    [Theory]
    [InlineData(3, 64, 3)]
    [InlineData(5, 64, 5)]
    [InlineData(7, 256, 7)]
    public void Where_every_member_has_every_partition_primaries_differ_by_the_remainder_only(
        int members, int partitions, int copies)
    {
        var primaries = Lists(Names(members, seed: 9), partitions, copies).CountBy(list => list[0]).ToList();

        output.WriteLine(string.Join(' ', primaries));
        Assert.Equal(members, primaries.Count);
        Assert.All(primaries, pair => Assert.True(pair.Value <= (partitions + members - 1) / members));
    }

    [Theory]
    [MemberData(nameof(Sizes))]
    public void The_members_are_those_a_naive_walk_takes(int members)
    {
        var compared = 0;
        foreach (var (partitions, factor) in Shapes().Where(shape => shape.Partitions <= 256))
        {
            var names = Names(members, seed: 77);
            var copies = Math.Min(factor, members);
            var most = (int)Math.Ceiling(1.10m * partitions * copies / members);
            var naive = NaiveRing.Bounded(names, partitions, copies, most);
            if (naive is null)
                continue;    // the naive walk ran dry at the end, which the ring must not
            compared++;
            var lists = Lists(names, partitions, factor);
            for (var partition = 0; partition < partitions; partition++)
                Assert.Equal(naive[partition].Order(), lists[partition].Order());
        }

        output.WriteLine($"{members} members: {compared} shapes compared");
        Assert.NotEqual(0, compared);
    }

    [Theory]
    [MemberData(nameof(Growth))]
    public void A_member_that_comes_or_goes_moves_little_more_than_its_share(int members, int seed)
    {
        foreach (var partitions in new[] { 64, 256 })
        {
            var names = Names(members + 1, seed);
            var before = Lists(names[..^1], partitions, 3);
            var after = Lists(names, partitions, 3);
            var naiveMoves = Moves(
                NaiveRing.Unbounded(names[..^1], partitions, 3), NaiveRing.Unbounded(names, partitions, 3));
            double replicas = after.Sum(list => list.Length);

            var joined = Moves(before, after) / replicas;
            var left = Moves(after, before) / replicas;
            output.WriteLine(
                $"seed {seed}: {members} members, {partitions} partitions: share {1.0 / (members + 1):P1}, "
                + $"joining moves {joined:P1}, leaving {left:P1}; unbounded, joining moves {naiveMoves / replicas:P1}");
            Assert.InRange(joined, 0, (1.10 / (members + 1)) + SlackOfTheBounds);
            Assert.InRange(left, 0, (1.10 / (members + 1)) + SlackOfTheBounds);
        }
    }

    [Fact]
    public void The_order_of_the_members_and_their_ids_change_nothing()
    {
        var names = Names(9, seed: 5);
        var straight = new HashRing([.. names.Select((name, i) => (new NodeId(i + 1), name))], 64, 3);
        var turned = new HashRing([.. names.Select((name, i) => (new NodeId(90 - i), name)).Reverse()], 64, 3);

        for (var partition = 0; partition < 64; partition++)
        {
            Assert.Equal(
                straight.PreferenceList(new PartitionId(partition)).Select(id => names[id.Value - 1]),
                turned.PreferenceList(new PartitionId(partition)).Select(id => names[90 - id.Value]));
        }
    }

    /// <summary>Nodes of different builds must agree on it: a change here is a change of the cluster's format.</summary>
    [Fact]
    public void The_placement_of_three_nodes_is_the_one_of_the_first_release()
    {
        var lists = Lists(["node1", "node2", "node3"], 16, 2);

        Assert.Equal(
            "23 32 31 23 13 31 12 13 23 21 12 23 21 12 12 31",
            string.Join(' ', lists.Select(list => string.Concat(list.Select(name => name[^1])))));
    }

    private static IEnumerable<(int Partitions, int Factor)> Shapes() =>
        from partitions in new[] { 1, 16, 64, 256, 4096 }
        from factor in partitions == 4096 ? [3] : new[] { 1, 2, 3, 5, 7 }
        select (partitions, factor);

    private static void AssertBounded(IEnumerable<string> holders, decimal most) =>
        Assert.All(holders.CountBy(name => name), pair => Assert.True(pair.Value <= most, $"{pair} of at most {most}"));

    private static double Moves(string[][] before, string[][] after) =>
        before.Zip(after, (old, now) => now.Except(old).Count()).Sum();

    private static string[] Names(int count, int seed) =>
        [.. Enumerable.Range(1, count).Select(number => $"node{seed}-{number}")];

    private static string[][] Lists(string[] names, int partitions, int copies)
    {
        var ring = new HashRing([.. names.Select((name, i) => (new NodeId(i + 1), name))], partitions, copies);
        return [.. Enumerable.Range(0, partitions).Select(partition =>
            ring.PreferenceList(new PartitionId(partition)).Select(id => names[id.Value - 1]).ToArray())];
    }
}
