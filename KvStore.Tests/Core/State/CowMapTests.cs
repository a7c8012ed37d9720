using CsCheck;
using KvStore.Core.State;
using Map = KvStore.Core.State.CowMap<
    System.ReadOnlyMemory<byte>, System.ReadOnlySpan<byte>, int, KvStore.Tests.Core.State.CowMapTests.ByteOrder>;
using TreeNode = KvStore.Core.State.MapNode<
    System.ReadOnlyMemory<byte>, System.ReadOnlySpan<byte>, int, KvStore.Tests.Core.State.CowMapTests.ByteOrder>;
using Twin = System.Collections.Generic.SortedDictionary<byte[], int>;

namespace KvStore.Tests.Core.State;

/// <summary>The tree against a sorted dictionary that compares byte by byte.</summary>
public sealed class CowMapTests
{
    /// <summary>
    /// Few different bytes, so that keys meet again and are prefixes of each other; both ends of a byte's range.
    /// </summary>
    private static readonly Gen<byte[]> Keys = Commands.OneOf<byte>(0, 1, 127, 128, 255).Array[0, 4];

    private static readonly Gen<(byte[] Key, int What)[]> Changes = Gen.Select(Keys, Gen.Int[0, 9]).Array[0, 1500];

    [Fact]
    public void Puts_and_deletes_leave_what_they_leave_in_a_sorted_dictionary() => Changes.Sample(changes =>
    {
        var (map, twin) = (Map.Empty, NewTwin());
        foreach (var change in changes)
        {
            map = Change(map, twin, change);
            Assert.Equal(twin.Count, map.Count);
        }

        AssertSame(twin, map);
        AssertSound(map);
    }, iter: 60);

    [Fact]
    public void What_was_taken_out_in_any_order_leaves_a_sound_tree() =>
        Gen.Select(Gen.Shuffle(Enumerable.Range(0, 700).ToArray()), Gen.Int[0, 700]).Sample((order, kept) =>
        {
            var (map, twin) = (Map.Empty, NewTwin());
            foreach (var number in order)
            {
                map = map.With(KeyOf(number), number);
                twin[KeyOf(number)] = number;
            }

            foreach (var number in order.Reverse().Skip(kept))
            {
                map = map.Without(KeyOf(number));
                twin.Remove(KeyOf(number));
                AssertSound(map);
            }

            AssertSame(twin, map);
        }, iter: 15);

    /// <summary>Runs of neighbours, so that whole branches become too small, and keys that are not there.</summary>
    [Fact]
    public void What_was_taken_out_at_once_leaves_a_sound_tree() =>
        Gen.Select(Gen.Int[1, 5000], Gen.Select(Gen.Int[0, 5200], Gen.Int[1, 3000], Gen.Int[1, 40]).Array[1, 6])
            .Sample((count, cuts) =>
            {
                var (map, twin) = (Map.Empty, NewTwin());
                foreach (var number in Enumerable.Range(0, count))
                {
                    map = map.With(KeyOf(number * 7919 % count), number);
                    twin[KeyOf(number * 7919 % count)] = number;
                }

                foreach (var (from, length, step) in cuts)
                {
                    var keys = Enumerable.Range(from, length)
                        .Where(number => number % step != 1).Select(KeyOf).ToList();
                    var (before, gone) = (map, keys.Count(twin.Remove));
                    map = map.Without([.. keys.Select(key => new ReadOnlyMemory<byte>(key))]);
                    Assert.Equal(gone == 0, ReferenceEquals(before, map));
                    AssertSame(twin, map);
                    AssertSound(map);
                    foreach (var key in keys.Where((_, at) => at % 5 == 0))
                    {
                        map = map.With(key, from);
                        twin[key] = from;
                    }

                    AssertSame(twin, map);
                    AssertSound(map);
                }
            }, iter: 60);

    /// <summary>What is left of a branch of 1,024 keys is one leaf of 3, before, after or between full ones.</summary>
    [Theory]
    [InlineData(3, 1021)]
    [InlineData(1024, 1021)]
    [InlineData(2051, 1021)]
    [InlineData(3072, 1021)]
    [InlineData(3, 3069)]
    [InlineData(1027, 3069)]
    [InlineData(3, 4093)]
    public void A_leaf_that_is_left_alone_joins_those_of_another_branch(int from, int length)
    {
        var keys = Enumerable.Range(0, 4096).Select(number => new ReadOnlyMemory<byte>(KeyOf(number))).ToList();
        var map = Map.FromOrdered(keys, [.. Enumerable.Range(0, 4096)]).Without([.. keys.Slice(from, length)]);
        AssertSound(map);
        Assert.Equal(4096 - length, map.Count);
        Assert.All(map, pair => Assert.False(pair.Value >= from && pair.Value < from + length));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Ascending_and_descending_keys_leave_a_sound_tree(bool descends)
    {
        var map = Map.Empty;
        for (var at = 0; at < 5000; at++)
        {
            map = map.With(KeyOf(descends ? 5000 - at : at), at);
            if (at % 97 == 0)
                AssertSound(map);
        }

        AssertSound(map);
        Assert.Equal(5000, map.Count);
    }

    [Fact]
    public void A_root_never_changes() => Changes.Sample(changes =>
    {
        var (map, twin) = (Map.Empty, NewTwin());
        List<(Map Root, Twin Then)> kept = [];
        foreach (var (at, change) in changes.Index())
        {
            if (at % 100 == 0)
                kept.Add((map, new Twin(twin, twin.Comparer)));
            map = Change(map, twin, change);
        }

        foreach (var (root, then) in kept)
            AssertSame(then, root);
    }, iter: 30);

    [Fact]
    public void A_walk_begins_at_the_first_key_that_is_not_before_its_start() =>
        Gen.Select(Changes, Keys).Sample((changes, start) =>
        {
            var (map, twin) = (Map.Empty, NewTwin());
            foreach (var change in changes)
                map = Change(map, twin, change);
            var expected = twin.Where(pair => CompareBytes(pair.Key, start) >= 0).Select(pair => pair.Value);
            List<int> walked = [];
            using var walk = map.From(start);
            while (walk.MoveNext())
                walked.Add(walk.Current.Value);
            Assert.Equal(expected, walked);
            Assert.Equal(twin.Count > 0, map.TryFirst(out var first, out _));
            Assert.True(twin.Count == 0 || first.Span.SequenceEqual(twin.First().Key));
        }, iter: 60);

    [Fact]
    public void A_walk_down_begins_at_the_last_key_before_its_end_and_goes_to_the_first() =>
        Gen.Select(Changes, Keys).Sample((changes, end) =>
        {
            var (map, twin) = (Map.Empty, NewTwin());
            foreach (var change in changes)
                map = Change(map, twin, change);
            var expected = twin.Reverse().Where(pair => CompareBytes(pair.Key, end) < 0);
            Assert.Equal(expected.Select(pair => pair.Value), Walked(map.Before(end)));
            Assert.Equal(twin.Reverse().Select(pair => pair.Value), Walked(map.Down()));
        }, iter: 60);

    [Fact]
    public void A_tree_made_of_ordered_pairs_is_the_same_and_sound() =>
        Gen.Int[0, 5000].Sample(count =>
        {
            var twin = NewTwin();
            for (var number = 0; number < count; number++)
                twin[KeyOf(number)] = number;
            var map = Map.FromOrdered([.. twin.Keys.Select(key => new ReadOnlyMemory<byte>(key))], [.. twin.Values]);
            AssertSame(twin, map);
            AssertSound(map);
        }, iter: 40);

    /// <summary>A key is a slice of the command that wrote it; a branch must not keep that command alive.</summary>
    [Fact]
    public void Branches_hold_keys_of_their_own()
    {
        var map = Map.Empty;
        HashSet<byte[]> given = [];
        for (var number = 0; number < 2000; number++)
        {
            var key = KeyOf(number * 7919 % 2000);
            given.Add(key);
            map = map.With(key, number);
        }

        AssertDetached(map.Root!, given);
        AssertDetached(map.Without([.. given.OrderBy(key => key, NewTwin().Comparer).Skip(3).SkipLast(700)
            .Select(key => new ReadOnlyMemory<byte>(key))]).Root!, given);
    }

    private static List<int> Walked(IEnumerator<KeyValuePair<ReadOnlyMemory<byte>, int>> walk)
    {
        List<int> walked = [];
        while (walk.MoveNext())
            walked.Add(walk.Current.Value);
        return walked;
    }

    private static Map Change(Map map, Twin twin, (byte[] Key, int What) change)
    {
        if (change.What < 6)
        {
            twin[change.Key] = change.What;
            return map.With(change.Key, change.What);
        }

        var isThere = twin.Remove(change.Key);
        var without = map.Without(change.Key);
        Assert.Equal(!isThere, ReferenceEquals(map, without));
        return without;
    }

    private static void AssertSame(Twin twin, Map map)
    {
        Assert.Equal(twin.Count, map.Count);
        Assert.Equal(twin.Select(pair => (Convert.ToHexString(pair.Key), pair.Value)),
            map.Select(pair => (Convert.ToHexString(pair.Key.Span), pair.Value)));
        foreach (var (key, value) in twin)
        {
            Assert.True(map.TryFind(key, out var found));
            Assert.Equal(value, found);
        }

        Assert.False(map.TryFind([9, 9, 9, 9, 9], out _));
    }

    /// <summary>Sizes within the bounds, all leaves equally deep, every separator between what it separates.</summary>
    private static void AssertSound(Map map)
    {
        Assert.Equal(map.Root is null, map.Count == 0);
        if (map.Root is { } root)
        {
            Assert.True(
                root.Size > (root is MapBranch<ReadOnlyMemory<byte>, ReadOnlySpan<byte>, int, ByteOrder> ? 1 : 0));
            Check(root, isRoot: true);
        }
    }

    private static (int Depth, ReadOnlyMemory<byte> First, ReadOnlyMemory<byte> Last) Check(TreeNode node, bool isRoot)
    {
        Assert.InRange(node.Size, isRoot ? 1 : MapNode.MinSize, MapNode.MaxSize);
        if (node is MapLeaf<ReadOnlyMemory<byte>, ReadOnlySpan<byte>, int, ByteOrder> leaf)
        {
            Assert.Equal(leaf.Keys.Length, leaf.Values.Length);
            return (1, leaf.Keys[0], leaf.Keys[^1]);
        }

        var branch = (MapBranch<ReadOnlyMemory<byte>, ReadOnlySpan<byte>, int, ByteOrder>)node;
        var children = branch.Children.Select(child => Check(child, isRoot: false)).ToList();
        Assert.Single(children.Select(child => child.Depth).Distinct());
        for (var at = 0; at < children.Count; at++)
        {
            Assert.Equal(at, branch.ChildFor(children[at].First.Span));
            Assert.Equal(at, branch.ChildFor(children[at].Last.Span));
            Assert.True(at == 0 || CompareBytes(children[at - 1].Last.Span, children[at].First.Span) < 0);
        }

        return (children[0].Depth + 1, children[0].First, children[^1].Last);
    }

    private static void AssertDetached(TreeNode node, HashSet<byte[]> given)
    {
        if (node is not MapBranch<ReadOnlyMemory<byte>, ReadOnlySpan<byte>, int, ByteOrder> branch)
            return;
        Assert.True(System.Runtime.InteropServices.MemoryMarshal.TryGetArray(branch.FirstKey, out var array));
        Assert.DoesNotContain(array.Array!, given);
        foreach (var child in branch.Children)
            AssertDetached(child, given);
    }

    private static Twin NewTwin() => new(Comparer<byte[]>.Create((left, right) => CompareBytes(left, right)));

    private static byte[] KeyOf(int number) => [(byte)(number >> 8), (byte)number];

    private static int CompareBytes(ReadOnlySpan<byte> left, ReadOnlySpan<byte> right)
    {
        for (var at = 0; at < Math.Min(left.Length, right.Length); at++)
        {
            if (left[at] != right[at])
                return left[at] < right[at] ? -1 : 1;
        }

        return left.Length.CompareTo(right.Length);
    }

    internal readonly struct ByteOrder : IKeyOrder<ReadOnlyMemory<byte>, ReadOnlySpan<byte>>
    {
        public static int Compare(ReadOnlySpan<byte> probe, ReadOnlyMemory<byte> key) =>
            probe.SequenceCompareTo(key.Span);

        public static ReadOnlySpan<byte> ProbeOf(ReadOnlyMemory<byte> key) => key.Span;

        public static ReadOnlyMemory<byte> Detach(ReadOnlyMemory<byte> key) => key.ToArray();
    }
}
