using System.IO.Hashing;
using System.Text;
using KvStore.Core.Primitives;
using KvStore.Core.Ring;

namespace KvStore.Tests.Core.Ring;

public sealed class HashRingTests
{
    private static readonly (NodeId, string)[] Three = [(new(1), "a"), (new(2), "b"), (new(3), "c")];

    [Theory]
    [InlineData("{user7}.cart", "user7")]
    [InlineData("x{user7}y", "user7")]
    [InlineData("{user7}{other}", "user7")]
    [InlineData("{{user7}}", "{user7")]
    [InlineData("{}{user7}", "{}{user7}")]
    [InlineData("{user7", "{user7")]
    [InlineData("}user7{", "}user7{")]
    [InlineData("}{user7}", "user7")]
    [InlineData("plain", "plain")]
    [InlineData("", "")]
    public void A_key_is_placed_by_its_tag(string key, string hashed)
    {
        var ring = new HashRing(Three, 4096, 3);
        var expected = XxHash3.HashToUInt64(Encoding.UTF8.GetBytes(hashed)) >> 52;

        Assert.Equal(new PartitionId((int)expected), ring.PartitionOf(Encoding.UTF8.GetBytes(key)));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(64)]
    [InlineData(4096)]
    public void Keys_spread_over_all_partitions(int partitions)
    {
        var ring = new HashRing(Three, partitions, 3);
        var counts = new int[partitions];
        for (var i = 0; i < partitions * 100; i++)
            counts[ring.PartitionOf(Encoding.UTF8.GetBytes($"key/{i}")).Value]++;

        Assert.All(counts, count => Assert.InRange(count, 100 - 60, 100 + 60));
    }

    [Fact]
    public void Finding_a_partition_allocates_nothing()
    {
        var ring = new HashRing(Three, 64, 3);
        var key = Encoding.UTF8.GetBytes("x{user7}y");
        ring.PartitionOf(key);

        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 1000; i++)
            ring.PartitionOf(key);
        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
    }

    [Theory]
    [InlineData(0, 3, "power of two")]
    [InlineData(3, 3, "power of two")]
    [InlineData(-4, 3, "power of two")]
    [InlineData(int.MinValue, 3, "power of two")]
    [InlineData(8192, 3, "power of two")]
    [InlineData(64, 0, "1 to 7")]
    [InlineData(64, 8, "1 to 7")]
    public void Numbers_out_of_range_are_refused(int partitions, int factor, string sentence) =>
        Assert.Contains(sentence, Refused(Three, partitions, factor), StringComparison.Ordinal);

    [Fact]
    public void Members_without_identity_are_refused()
    {
        Assert.Contains("1 to 100", Refused([], 64, 3), StringComparison.Ordinal);
        Assert.Contains(
            "1 to 100",
            Refused([.. Enumerable.Range(1, 101).Select(i => (new NodeId(i), $"n{i}"))], 64, 3),
            StringComparison.Ordinal);
        Assert.Contains("named a", Refused([(new(1), "a"), (new(2), "a")], 64, 3), StringComparison.Ordinal);
        Assert.Contains("the id 1", Refused([(new(1), "a"), (new(1), "b")], 64, 3), StringComparison.Ordinal);
        Assert.Contains("no id", Refused([(NodeId.None, "a")], 64, 3), StringComparison.Ordinal);
        Assert.Contains("no name", Refused([(new(1), "")], 64, 3), StringComparison.Ordinal);
        Assert.Contains("no name", Refused([(new(1), null!)], 64, 3), StringComparison.Ordinal);
    }

    [Fact]
    public void A_partition_that_is_not_there_has_no_list()
    {
        var ring = new HashRing(Three, 64, 3);

        Assert.Throws<ArgumentOutOfRangeException>(() => ring.PreferenceList(new PartitionId(64)));
        Assert.Throws<ArgumentOutOfRangeException>(() => ring.PreferenceList(new PartitionId(-1)));
    }

    private static string Refused((NodeId, string)[] members, int partitions, int factor) =>
        Assert.Throws<ArgumentException>(() => new HashRing(members, partitions, factor)).Message;
}
