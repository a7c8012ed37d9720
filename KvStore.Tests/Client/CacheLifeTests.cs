using KvStore.Client.Caching;
using Microsoft.Extensions.Caching.Distributed;

namespace KvStore.Tests.Client;

/// <summary>How long an entry of the cache is kept, and when a read renews it.</summary>
public sealed class CacheLifeTests
{
    private static readonly DateTimeOffset Now = new(2026, 1, 1, 12, 0, 0, TimeSpan.Zero);

    [Theory]
    [InlineData(null, null, null, null)]
    [InlineData(null, 60, null, 60)]
    [InlineData(null, null, 90, 90)]
    [InlineData(null, 60, 90, 90)]
    [InlineData(20, null, null, 20)]
    [InlineData(20, 60, null, 20)]
    [InlineData(20, null, 10, 10)]
    public void It_is_kept_for_its_span_and_not_beyond_its_end(int? sliding, int? end, int? relative, int? kept)
    {
        var options = new DistributedCacheEntryOptions { SlidingExpiration = Seconds(sliding) };
        options.AbsoluteExpiration = Now + Seconds(end);
        options.AbsoluteExpirationRelativeToNow = Seconds(relative);
        var life = CacheLife.Of(options, Now);
        Assert.Equal(Seconds(kept), life.TimeToLive(Now));
        Assert.Equal(sliding is null && (relative ?? end) == relative, life.Metadata is null);
        if (life.Metadata is { } metadata)
            Assert.Equal(life, CacheLife.Read(metadata));
    }

    [Fact]
    public void A_life_of_any_length_is_one_that_a_store_takes()
    {
        var endless = new DistributedCacheEntryOptions
        {
            AbsoluteExpiration = DateTimeOffset.MaxValue,
            AbsoluteExpirationRelativeToNow = TimeSpan.MaxValue,
            SlidingExpiration = TimeSpan.MaxValue,
        };
        Assert.Equal(TimeSpan.FromDays(3650), CacheLife.Of(endless, Now).TimeToLive(Now));
        endless.AbsoluteExpirationRelativeToNow = null;
        Assert.Equal(TimeSpan.FromDays(3650), CacheLife.Of(endless, Now).TimeToLive(Now));
        var brief = new DistributedCacheEntryOptions { SlidingExpiration = TimeSpan.FromTicks(1) };
        Assert.Equal(TimeSpan.FromMilliseconds(1), CacheLife.Of(brief, Now).TimeToLive(Now));
    }

    [Fact]
    public void What_is_no_life_in_the_metadata_is_none()
    {
        foreach (var text in (string[])["", "-1", "1s", "99999999999999999999", "9223372036854775807"])
        {
            var metadata = new Dictionary<string, string> { ["cache-sliding-ms"] = text, ["cache-end-ms"] = text };
            Assert.Equal(default, CacheLife.Read(metadata));
        }

        var far = new Dictionary<string, string> { ["cache-end-ms"] = "300000000000000" };
        Assert.False(CacheLife.Read(far).IsOver(Now));
    }

    [Fact]
    public void What_has_an_end_is_over_then_and_what_does_not_slide_is_never_renewed()
    {
        var life = new CacheLife(null, Now + TimeSpan.FromSeconds(1));
        Assert.False(life.IsOver(Now));
        Assert.True(life.IsOver(Now + TimeSpan.FromSeconds(1)));
        Assert.False(default(CacheLife).IsOver(DateTimeOffset.MaxValue));
        Assert.Null(life.Renewal(Now, null));
    }

    /// <summary>
    /// Of 800 s an eighth is 100, and the clocks may be apart by 2; who has more than 800 has clocks that are further
    /// apart.
    /// </summary>
    [Theory]
    [InlineData(802, null, false)]
    [InlineData(803, null, true)]
    [InlineData(310, 300, true)]
    [InlineData(800, null, false)]
    [InlineData(703, null, false)]
    [InlineData(702, null, true)]
    [InlineData(1, null, true)]
    [InlineData(703, 5000, false)]
    [InlineData(702, 5000, true)]
    [InlineData(300, 300, false)]
    [InlineData(300, 390, false)]
    [InlineData(300, 400, true)]
    public void A_read_renews_when_that_gains_an_eighth_of_the_span(int left, int? end, bool isRenewed)
    {
        var life = new CacheLife(TimeSpan.FromSeconds(800), Now + Seconds(end));
        var expected = isRenewed ? life.TimeToLive(Now) : null;
        Assert.Equal(expected, life.Renewal(Now, TimeSpan.FromSeconds(left)));
        Assert.Equal(life.TimeToLive(Now), life.Renewal(Now, null));
        Assert.Null(life with { End = Now } is var over ? over.Renewal(Now, null) : null);
    }

    private static TimeSpan? Seconds(int? seconds) => seconds is { } some ? TimeSpan.FromSeconds(some) : null;
}
