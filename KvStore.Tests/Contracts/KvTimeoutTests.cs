using KvStore.Contracts;

namespace KvStore.Tests.Contracts;

public sealed class KvTimeoutTests
{
    [Theory]
    [InlineData("2s", 2000)]
    [InlineData("2", 2000)]
    [InlineData("500ms", 500)]
    [InlineData("1ms", 1)]
    [InlineData("60", 60_000)]
    [InlineData("60s", 60_000)]
    [InlineData("60000ms", 60_000)]
    public void Seconds_and_milliseconds_are_read(string text, int milliseconds)
    {
        Assert.True(KvTimeout.TryParse(text, out var timeout, out var refusal), refusal);
        Assert.Equal(milliseconds, timeout.TotalMilliseconds);
    }

    [Theory]
    [InlineData("")]
    [InlineData("s")]
    [InlineData("ms")]
    [InlineData("0")]
    [InlineData("0ms")]
    [InlineData("-1s")]
    [InlineData("+1s")]
    [InlineData("1.5s")]
    [InlineData("1,000ms")]
    [InlineData(" 1s")]
    [InlineData("1s ")]
    [InlineData("1 s")]
    [InlineData("1S")]
    [InlineData("1m")]
    [InlineData("1h")]
    [InlineData("1ss")]
    [InlineData("1sms")]
    [InlineData("61")]
    [InlineData("60001ms")]
    [InlineData("2147483648")]
    [InlineData("99999999999999999999ms")]
    [InlineData("٢s")]
    [InlineData("1s,2s")]
    [InlineData("NaN")]
    public void Anything_else_is_refused_with_a_sentence(string text)
    {
        Assert.False(KvTimeout.TryParse(text, out var timeout, out var refusal));
        Assert.Equal(TimeSpan.Zero, timeout);
        Assert.Contains("60 s", refusal, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1500.9, "1500ms")]
    [InlineData(0.2, "1ms")]
    [InlineData(-5, "1ms")]
    public void What_is_left_is_written_so_that_the_next_hop_reads_it(double milliseconds, string text)
    {
        Assert.Equal(text, KvTimeout.Format(TimeSpan.FromMilliseconds(milliseconds)));
        Assert.True(KvTimeout.TryParse(text, out _, out _));
    }

    [Theory]
    [InlineData(10_000, 10_000, 9750)]
    [InlineData(5000, 10_000, 4750)]
    [InlineData(300, 10_000, 150)]    // half at least: it is a try, too
    [InlineData(1000, 1000, 900)]
    [InlineData(10, 10, 9)]
    [InlineData(-5, 1000, -2.5)]    // written as 1 ms
    public void The_next_hop_is_told_less_than_is_left(double left, double whole, double told) => Assert.Equal(
        told,
        KvTimeout.ForNextHop(TimeSpan.FromMilliseconds(left), TimeSpan.FromMilliseconds(whole)).TotalMilliseconds);
}
