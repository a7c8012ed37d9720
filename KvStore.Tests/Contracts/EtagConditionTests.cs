using CsCheck;
using KvStore.Contracts;

namespace KvStore.Tests.Contracts;

public sealed class EtagConditionTests
{
    private const string One = "\"00000000c0ffee00-1-1\"";
    private const string Two = "\"00000000c0ffee00-1-2\"";

    [Theory]
    [InlineData("*")]
    [InlineData(" * ")]
    public void An_asterisk_asks_for_any_version(string text)
    {
        var condition = Read(text);

        Assert.True(condition.IsAny);
        Assert.Empty(condition.Tags);
    }

    [Theory]
    [InlineData(One)]
    [InlineData("  " + One + "\t")]
    [InlineData(One + "," + Two)]
    [InlineData(One + " ,\t " + Two)]
    public void Tags_are_read_in_order(string text)
    {
        var condition = Read(text);

        Assert.False(condition.IsAny);
        Assert.Equal(new Etag(0xC0FFEE00, 1, 1), condition.Tags[0]);
        Assert.Equal(text.Contains(',', StringComparison.Ordinal) ? 2 : 1, condition.Tags.Length);
    }

    [Theory]
    [InlineData("\"a\"")]
    [InlineData("\"\"")]
    [InlineData("\"a,b\", \"*\"")]
    [InlineData("\"ä!#~\"")]
    [InlineData("\"00000000C0FFEE00-1-1\"")]
    public void A_tag_of_another_store_is_taken_and_matches_nothing(string text)
    {
        var condition = Read(text);

        Assert.False(condition.IsAny);
        Assert.Empty(condition.Tags);
    }

    [Fact]
    public void A_tag_of_another_cluster_keeps_that_cluster() =>
        Assert.Equal([new Etag(7, 1, 1)], Read("\"0000000000000007-1-1\"").Tags);

    [Fact]
    public void Sixteen_tags_are_taken_and_not_one_more()
    {
        Assert.Equal(16, Read(string.Join(", ", Enumerable.Repeat(One, 16))).Tags.Length);
        Assert.Contains("16", Refused(string.Join(", ", Enumerable.Repeat(One, 17))), StringComparison.Ordinal);
        Assert.Contains("16", Refused(string.Join(", ", Enumerable.Repeat("\"a\"", 17))), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", "expected")]
    [InlineData("  ", "expected")]
    [InlineData(",", "expected")]
    [InlineData(One + ",", "expected")]
    [InlineData("," + One, "expected")]
    [InlineData(One + ",," + Two, "expected")]
    [InlineData(One + "," + "*", "expected")]
    [InlineData("**", "expected")]
    [InlineData("*," + One, "expected")]
    [InlineData("00000000c0ffee00-1-1", "expected")]
    [InlineData("\"", "expected")]
    [InlineData("\"a", "expected")]
    [InlineData("\"a b\"", "expected")]
    [InlineData("\"a\tb\"", "expected")]
    [InlineData("\"a\x7F\"", "expected")]
    [InlineData("'a'", "expected")]
    [InlineData("W/" + One, "Weak")]
    [InlineData(One + ", W/" + Two, "Weak")]
    [InlineData("w/" + One, "expected")]
    [InlineData(One + Two, "comma")]
    [InlineData(One + " " + Two, "comma")]
    [InlineData(One + ";" + Two, "comma")]
    public void Anything_else_is_refused_with_a_sentence(string text, string sentence) =>
        Assert.Contains(sentence, Refused(text), StringComparison.Ordinal);

    [Fact]
    public void No_string_is_answered_by_an_exception() =>
        Gen.Char["\"*W/,- \t0123456789abcdef\0ä"].Array[0, 60].Sample(text =>
            EtagCondition.TryParse(new string(text), out var condition, out var refusal)
                ? condition is not null && refusal is null
                : condition is null && refusal is not null);

    private static EtagCondition Read(string text)
    {
        Assert.True(EtagCondition.TryParse(text, out var condition, out var refusal), refusal);
        return condition;
    }

    private static string Refused(string text)
    {
        Assert.False(EtagCondition.TryParse(text, out _, out var refusal));
        return refusal;
    }
}
