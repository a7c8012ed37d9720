using KvStore.Contracts;

namespace KvStore.Tests.Contracts;

public sealed class LongPollTests
{
    [Theory]
    [InlineData("wait=30", 30)]
    [InlineData("return=minimal, wait=30", 30)]
    [InlineData("return=minimal,Wait = 5; foo=\"a\"", 0)]
    [InlineData("WAIT=5; foo=a, wait=7", 5)]
    [InlineData("wait=0", 0)]
    [InlineData("wait=61", 60)]
    [InlineData("wait=99999999999999999999", 60)]
    [InlineData("", 0)]
    [InlineData("wait", 0)]
    [InlineData("wait=", 0)]
    [InlineData("wait=-1", 0)]
    [InlineData("await=3", 0)]
    public void A_wait_is_read_or_ignored(string prefer, int seconds) =>
        Assert.Equal(TimeSpan.FromSeconds(seconds), LongPoll.WaitIn(prefer));

    [Theory]
    [InlineData("wait=30", 30.0, "wait=30")]
    [InlineData("wait=30", 29.001, "wait=30")]
    [InlineData("wait=30", 29.0, "wait=29")]
    [InlineData("return=minimal, wait=30; x=1, wait=2", 4.0, "return=minimal, wait=4; x=1, wait=2")]
    [InlineData("wait=30", -3.0, "wait=0")]
    [InlineData("wait=5", 30.0, "wait=5")]
    [InlineData("return=minimal", 3.0, "return=minimal")]
    public void A_wait_is_shortened_to_what_is_left_and_all_else_stays(string prefer, double left, string expected) =>
        Assert.Equal(expected, LongPoll.Shorten(prefer, TimeSpan.FromSeconds(left)));
}
