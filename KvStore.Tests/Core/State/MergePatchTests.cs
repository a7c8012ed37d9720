using System.Text;
using KvStore.Core.State;

namespace KvStore.Tests.Core.State;

/// <summary>What is stored was never read as JSON: whatever it is, a replica comes to an answer and goes on.</summary>
public sealed class MergePatchTests
{
    [Theory]
    [InlineData("{\"\\ud800\":1}")]
    [InlineData("{\"a\":{\"\\udc00x\":1}}")]
    [InlineData("{\"a\":\"\\ud800\"}")]
    [InlineData("[\"\\ud83d\"]")]
    [InlineData("{\"a\":1e99999999999}")]
    [InlineData("[1E-99999999999]")]
    [InlineData("[0e+99999999999]")]
    public void What_cannot_be_compared_is_not_JSON_here(string text)
    {
        var stored = Encoding.UTF8.GetBytes(text);

        Assert.Null(MergePatch.Apply(stored, "{\"a\":null}"u8.ToArray()));
        Assert.False(MergePatch.IsPatch(stored));
        Assert.False(MergePatch.MeanTheSame(stored, Encoding.UTF8.GetBytes(" " + text)));
        Assert.False(MergePatch.MeanTheSame("{}"u8.ToArray(), stored));
    }

    [Theory]
    [InlineData("{\"a\":\"\\ud83d\\ude00\"}")]
    [InlineData("{\"\\u00e9\":-1.5e-300}")]
    [InlineData("[1e999999999]")]
    public void What_is_only_unusual_is(string text)
    {
        var stored = Encoding.UTF8.GetBytes(text);

        Assert.True(MergePatch.IsPatch(stored));
        Assert.True(MergePatch.MeanTheSame(stored, Encoding.UTF8.GetBytes(" " + text)));
    }

    [Theory]
    [InlineData(0xC3, 0x28)]
    [InlineData(0xED, 0xA0)]
    [InlineData(0xFF, 0xFE)]
    public void Bytes_that_are_no_UTF8_are_not_JSON(int first, int second)
    {
        byte[] name = [.. "{\""u8, (byte)first, (byte)second, .. "\":1}"u8];
        byte[] value = [.. "{\"a\":\""u8, (byte)first, (byte)second, .. "\"}"u8];

        foreach (var stored in new[] { name, value })
        {
            byte[] spaced = [.. " "u8, .. stored];
            Assert.Null(MergePatch.Apply(stored, "{\"a\":null}"u8.ToArray()));
            Assert.False(MergePatch.MeanTheSame(stored, spaced));
        }
    }

    [Fact]
    public void A_patch_of_very_many_members_is_no_more_work_than_it_has_members()
    {
        var target = Encoding.UTF8.GetBytes($"{{{Members(0)}}}");
        var patch = Encoding.UTF8.GetBytes($"{{{Members(50_000)}}}");

        var patched = MergePatch.Apply(target, patch)!.Value;
        Assert.Equal($"{{{Members(0, 50_000)},{Members(50_000)}}}", Encoding.UTF8.GetString(patched.Span));

        static string Members(int from, int count = 100_000) => string.Join(
            ',', Enumerable.Range(from, count).Select(number => $"\"{number}\":{number}"));
    }
}
