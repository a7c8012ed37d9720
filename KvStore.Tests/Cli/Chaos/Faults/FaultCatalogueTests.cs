using KvStore.Cli.Chaos.Faults;

namespace KvStore.Tests.Cli.Chaos.Faults;

public sealed class FaultCatalogueTests
{
    [Theory]
    [InlineData("kill", "kill")]
    [InlineData("pause, kill,pause", "pause kill")]
    [InlineData(
        "partition",
        "partition-one partition-halves partition-bridge partition-ring partition-mute partition-deaf")]
    [InlineData("disk", "lost-disk slow-disk hanging-disk full-disk failing-flush")]
    [InlineData("none", "")]
    [InlineData("link,kill", "delay throttle trickle torn truncated half-open swizzle kill")]
    public void Families_stand_for_their_kinds(string text, string kinds) =>
        Assert.Equal(kinds, string.Join(' ', FaultCatalogue.Parse(text).Kinds!.Value));

    [Theory]
    [InlineData("")]
    [InlineData("kill,")]
    [InlineData("none,kill")]
    [InlineData("kil")]
    public void Other_words_are_refused(string text) => Assert.Null(FaultCatalogue.Parse(text).Kinds);

    [Fact]
    public void Every_kind_strikes_once_before_any_strikes_again_and_the_order_changes()
    {
        var kinds = FaultCatalogue.Parse("all").Kinds!.Value;
        List<string> FirstsOf(int turn) => [.. Enumerable.Range((turn * kinds.Length) + 1, kinds.Length)
            .Select(round => FaultCatalogue.Draw(kinds, 7, round)[0])];

        Assert.Equal(kinds.Order(), FirstsOf(0).Order());
        Assert.Equal(kinds.Order(), FirstsOf(1).Order());
        Assert.NotEqual(FirstsOf(0), FirstsOf(1));
    }

    [Fact]
    public void Two_that_strike_together_do_not_get_in_each_others_way()
    {
        var kinds = FaultCatalogue.Parse("all").Kinds!.Value;
        var pairs = Enumerable.Range(1, 1000).Select(round => FaultCatalogue.Draw(kinds, 7, round))
            .Where(drawn => drawn.Length > 1).ToList();

        Assert.InRange(pairs.Count, 150, 350);
        Assert.All(pairs, pair =>
            Assert.NotEqual(FaultCatalogue.Find(pair[0]).Group, FaultCatalogue.Find(pair[1]).Group));
        Assert.Equal(["kill"], FaultCatalogue.Draw(["kill"], 7, 3));
        Assert.Empty(FaultCatalogue.Draw([], 7, 3));
    }
}
