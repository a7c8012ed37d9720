using CsCheck;
using KvStore.Contracts;

namespace KvStore.Tests.Contracts;

public sealed class EtagTests
{
    private static readonly Gen<Etag> Etags =
        Gen.Select(Gen.ULong, Gen.Long[1, long.MaxValue], Gen.Long[1, long.MaxValue], (c, t, i) => new Etag(c, t, i));

    [Fact]
    public void A_tag_is_cluster_and_term_in_hexadecimal_and_index_in_decimal()
    {
        Assert.Equal("\"00000000c0ffee00-9f3c-42\"", EtagFormat.Format(new Etag(0xC0FFEE00, 0x9F3C, 42)));
        Assert.Equal(
            EtagFormat.MaxLength, EtagFormat.Format(new Etag(ulong.MaxValue, long.MaxValue, long.MaxValue)).Length);
    }

    [Fact]
    public void Every_tag_comes_back() =>
        Etags.Sample(etag => EtagFormat.TryParse(EtagFormat.Format(etag), out var read) && read == etag);

    [Fact]
    public void A_text_that_is_read_is_the_one_that_is_written() =>
        Gen.Select(Etags, Gen.Int[0, 40], Gen.Char["0123456789abcdefABCDEF-+\" "]).Sample((etag, at, changed) =>
        {
            var text = EtagFormat.Format(etag).ToCharArray();
            text[at % text.Length] = changed;
            return !EtagFormat.TryParse(text, out var read) || EtagFormat.Format(read) == new string(text);
        });

    [Theory]
    [InlineData("")]
    [InlineData("\"")]
    [InlineData("\"\"")]
    [InlineData("\"--\"")]
    [InlineData("*")]
    [InlineData("W/\"00000000c0ffee00-9f3c-42\"")]
    [InlineData("00000000c0ffee00-9f3c-42")]
    [InlineData("\"00000000c0ffee00-9f3c-42")]
    [InlineData("\"00000000C0FFEE00-9f3c-42\"")]
    [InlineData("\"c0ffee00-9f3c-42\"")]
    [InlineData("\"000000000c0ffee00-9f3c-42\"")]
    [InlineData("\"00000000c0ffee00-09f3c-42\"")]
    [InlineData("\"00000000c0ffee00-9f3c-042\"")]
    [InlineData("\"00000000c0ffee00-9f3c-+42\"")]
    [InlineData("\"00000000c0ffee00-9f3c- 42\"")]
    [InlineData("\"00000000c0ffee00-9f3c-42 \"")]
    [InlineData("\"00000000c0ffee00-9f3c-0\"")]
    [InlineData("\"00000000c0ffee00-0-42\"")]
    [InlineData("\"00000000c0ffee00-9f3c--42\"")]
    [InlineData("\"00000000c0ffee00-9f3c-42-1\"")]
    [InlineData("\"00000000c0ffee00-8000000000000000-42\"")]
    [InlineData("\"00000000c0ffee00-9f3c-9223372036854775808\"")]
    [InlineData("\"00000000c0ffee00-9f3c-42\0\"")]
    [InlineData("\"00000000c0ffee00-9f3c-٤٢\"")]
    public void Any_other_text_is_no_tag(string text)
    {
        Assert.False(EtagFormat.TryParse(text, out var etag));
        Assert.Equal(default, etag);
    }

    [Fact]
    public void A_version_that_no_write_has_is_not_written()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => EtagFormat.Format(new Etag(1, 0, 1)));
        Assert.Throws<ArgumentOutOfRangeException>(() => EtagFormat.Format(new Etag(1, 1, 0)));
        Assert.Throws<ArgumentOutOfRangeException>(() => EtagFormat.Format(new Etag(1, -1, 1)));
    }
}
