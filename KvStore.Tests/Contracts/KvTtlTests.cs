using KvStore.Contracts;

namespace KvStore.Tests.Contracts;

public sealed class KvTtlTests
{
    [Theory]
    [InlineData("60", 60_000)]
    [InlineData("60s", 60_000)]
    [InlineData("1ms", 1)]
    [InlineData("500ms", 500)]
    [InlineData("15m", 900_000)]
    [InlineData("2h", 7_200_000)]
    [InlineData("7d", 604_800_000)]
    [InlineData("007s", 7_000)]
    [InlineData("3650d", 315_360_000_000)]
    public void A_whole_number_with_a_unit_is_a_time_to_live(string text, long expected)
    {
        Assert.True(KvTtl.TryParse(text, out var milliseconds, out var refusal));
        Assert.Equal((expected, null), (milliseconds, refusal));
    }

    [Theory]
    [InlineData("")]
    [InlineData("0")]
    [InlineData("0ms")]
    [InlineData("-1s")]
    [InlineData("+1s")]
    [InlineData("1.5s")]
    [InlineData("1e3")]
    [InlineData(" 1s")]
    [InlineData("1 s")]
    [InlineData("1S")]
    [InlineData("1w")]
    [InlineData("1sm")]
    [InlineData("s")]
    [InlineData("3651d")]
    [InlineData("315360001")]
    [InlineData("9223372036854775807h")]
    [InlineData("99999999999999999999")]
    public void Anything_else_is_refused_with_what_is_expected(string text)
    {
        Assert.False(KvTtl.TryParse(text, out _, out var refusal));
        Assert.EndsWith(".", refusal, StringComparison.Ordinal);
    }
}
