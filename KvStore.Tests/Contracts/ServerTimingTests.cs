using KvStore.Contracts;

namespace KvStore.Tests.Contracts;

public sealed class ServerTimingTests
{
    [Fact]
    public void It_is_in_milliseconds_and_each_hop_stands_before_the_next()
    {
        var primary = ServerTiming.Format(
            TimeSpan.FromMicroseconds(81), TimeSpan.FromMilliseconds(1.93), TimeSpan.FromTicks(8461));

        Assert.Equal("route;dur=0.081, quorum;dur=1.93, fsync;dur=0.846", primary);
        Assert.Equal(
            "route;dur=1500;desc=\"balancer\", route;dur=0.081, quorum;dur=1.93, fsync;dur=0.846",
            ServerTiming.Format("balancer", TimeSpan.FromSeconds(1.5), primary));
    }

    [Fact]
    public void A_primary_that_was_last_to_flush_says_nothing_of_it() => Assert.Equal(
        "route;dur=0, quorum;dur=2", ServerTiming.Format(TimeSpan.Zero, TimeSpan.FromMilliseconds(2), flush: null));
}
