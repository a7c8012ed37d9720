using KvStore.Contracts;

namespace KvStore.Tests.Contracts;

public sealed class KvTtlTests
{
    [Theory]
    [InlineData("60", 60_000)]
    [InlineData("60s", 60_000)]
    [InlineData("500ms", 500)]
    [InlineData("15m", 900_000)]
    [InlineData("2h", 7_200_000)]
    [InlineData("1ms", 1)]
    [InlineData("87600h", 315_360_000_000)]
    public void A_whole_number_with_a_unit_is_read(string text, long milliseconds)
    {
        Assert.True(KvTtl.TryParse(text, out var read, out _));
        Assert.Equal(milliseconds, read);
    }

    [Theory]
    [InlineData("")]
    [InlineData("0")]
    [InlineData("0ms")]
    [InlineData("-1s")]
    [InlineData("+1s")]
    [InlineData(" 1s")]
    [InlineData("1 s")]
    [InlineData("1.5s")]
    [InlineData("1d")]
    [InlineData("1sm")]
    [InlineData("1mms")]
    [InlineData("ms")]
    [InlineData("87600h1")]
    [InlineData("315360000001ms")]
    [InlineData("9223372036854775807h")]
    [InlineData("99999999999999999999")]
    public void Anything_else_is_refused_with_a_sentence(string text)
    {
        Assert.False(KvTtl.TryParse(text, out _, out var refusal));
        Assert.EndsWith(".", refusal, StringComparison.Ordinal);
    }
}
