using CsCheck;
using KvStore.Contracts;

namespace KvStore.Tests.Contracts;

public sealed class SessionTokenTests
{
    private const ulong Cluster = 0xC0FFEE00C0FFEE00;

    [Fact]
    public void A_token_comes_back_as_it_was_and_is_that_of_the_naive_twin() =>
        Gen.Select(Gen.Int[0, 40], Gen.Long[1, long.MaxValue - 1], Gen.Bool).Array[0, 60].Sample(steps =>
        {
            Dictionary<int, long> twin = [];
            var token = SessionToken.Empty(Cluster);
            foreach (var (partition, index, isAll) in steps)
            {
                token = isAll ? token.SeenAll(partition, index) : token.Seen(partition, index);
                twin[partition] = isAll ? index : Math.Max(index, twin.GetValueOrDefault(partition));
            }

            Assert.True(SessionToken.TryParse(token.Format(), out var read));
            Assert.Equal(Cluster, read.ClusterId);
            for (var partition = 0; partition <= 41; partition++)
                Assert.Equal(twin.GetValueOrDefault(partition), read.IndexOf(partition));
            Assert.Equal(twin.Count == 0 ? -1 : twin.Keys.Max(), read.LastPartition);
        });

    [Fact]
    public void A_token_of_one_partition_is_short() =>
        Assert.InRange(SessionToken.Empty(Cluster).Seen(63, 1_000_000_000).Format().Length, 16, 24);

    [Fact]
    public void A_token_is_bounded_and_of_what_it_has_no_room_for_only_the_primary_is_new_enough()
    {
        var token = SessionToken.Empty(Cluster);
        for (var partition = 0; partition < 4096; partition++)
            token = token.Seen(partition, long.MaxValue - 1);

        Assert.True(SessionToken.TryParse(token.Format(), out var read));
        Assert.InRange(token.Format().Length, 1, 8000);
        Assert.Equal(long.MaxValue - 1, read.IndexOf(SessionToken.MaxPartitions - 1));
        Assert.Equal(SessionToken.Unknown, read.IndexOf(SessionToken.MaxPartitions));
    }

    [Theory]
    [InlineData("")]
    [InlineData("AQ")]
    [InlineData("not a token")]
    [InlineData("AcD_7gDA_-4A=")]
    [InlineData(" AcD_7gDA_-4A")]
    [InlineData("AsD_7gDA_-4A")]    // another version
    [InlineData("AcD_7gDA_-4AAA")]    // an entry without its index
    [InlineData("AcD_7gDA_-4AAAA")]    // index 0
    [InlineData("AcD_7gDA_-4AAIA")]    // a number that goes on
    [InlineData("AcD_7gDA_-4AAIEA")]    // one with more bytes than it needs
    public void What_no_answer_gave_is_no_token(string text)
    {
        Assert.True(SessionToken.TryParse("AcD_7gDA_-4A", out _));
        Assert.False(SessionToken.TryParse(text, out _));
    }

    [Fact]
    public void Any_text_is_read_or_refused() =>
        Gen.Char["ABCwxyz019-_="].Array[0, 40].Select(chars => new string(chars)).Sample(text =>
            Assert.True(!SessionToken.TryParse(text, out var token) || token.Format() == text));
}
