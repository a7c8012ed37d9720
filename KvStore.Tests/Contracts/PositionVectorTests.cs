using KvStore.Contracts;

namespace KvStore.Tests.Contracts;

/// <summary>The cursor of a watch.</summary>
public sealed class PositionVectorTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(64)]
    [InlineData(PositionVector.MaxPartitions)]
    public void What_was_written_is_read(int partitions)
    {
        var random = new Random(partitions);
        for (var round = 0; round < 50; round++)
        {
            var indexes = new long[partitions];
            for (var partition = 0; partition < partitions; partition++)
                indexes[partition] = random.NextInt64(1L << random.Next(1, 62));
            var (cluster, bucket) = ((ulong)random.NextInt64(), (uint)random.Next());
            var text = new PositionVector(cluster, bucket, indexes).Format();

            Assert.True(PositionVector.TryParse(text, out var read));
            Assert.Equal(indexes, read.Indexes.ToArray());
            Assert.Equal((cluster, bucket), (read.ClusterId, read.Bucket));
        }
    }

    [Fact]
    public void The_largest_index_fits()
    {
        var text = new PositionVector(1, 1, [long.MaxValue, 0, long.MaxValue]).Format();
        Assert.True(PositionVector.TryParse(text, out var read));
        Assert.Equal([long.MaxValue, 0, long.MaxValue], read.Indexes.ToArray());
    }

    [Fact]
    public void A_cursor_of_64_partitions_that_are_alike_is_short() =>
        Assert.True(new PositionVector(ulong.MaxValue, 7, [.. Enumerable.Range(1_000_000, 64).Select(i => (long)i)])
            .Format().Length < 120);

    [Theory]
    [InlineData("")]
    [InlineData("now")]
    [InlineData("AQ")]
    [InlineData("=")]
    [InlineData("äöü")]
    public void What_is_no_cursor_is_refused(string text) => Assert.False(PositionVector.TryParse(text, out _));

    [Fact]
    public void What_is_read_from_any_bytes_is_written_the_same_way()
    {
        var random = new Random(7);
        var good = new PositionVector(0x0102030405060708, 3, [1, 200, 30_000, 4]).Format();
        for (var round = 0; round < 20_000; round++)
        {
            var chars = good.ToCharArray();
            for (var change = random.Next(1, 4); change > 0; change--)
                chars[random.Next(chars.Length)] = (char)random.Next(33, 127);
            var text = new string(chars, 0, random.Next(chars.Length + 1));
            if (PositionVector.TryParse(text, out var read))
                Assert.Equal(text, read.Format());
        }
    }
}
