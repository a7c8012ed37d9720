using KvStore.Cli.Chaos.Load;

namespace KvStore.Tests.Cli.Chaos.Load;

public sealed class KeyPoolTests
{
    private readonly KeyPool _keys = new("k/", keys: 1);
    private readonly Random _random = new(1);

    [Fact]
    public void A_key_gives_way_after_a_thousand_operations()
    {
        var taken = Enumerable.Range(0, 1001).Select(_ => _keys.Take(_random, isWrite: false).Key).ToList();

        Assert.Equal(1000, taken.Count(key => key == "k/0"));
        Assert.Equal("k/1", taken[^1]);
        Assert.Equal(["k/0", "k/1"], _keys.Names);
    }

    [Fact]
    public void A_key_gives_way_when_twenty_writes_may_be_unknown()
    {
        var taken = Enumerable.Range(0, 21).Select(_ => _keys.Take(_random, isWrite: true).Key).ToList();

        Assert.Equal(20, taken.Count(key => key == "k/0"));
        Assert.Equal("k/1", taken[^1]);
    }

    [Fact]
    public void Several_writes_at_once_count_each()
    {
        var taken = Enumerable.Range(0, 6).Select(_ => _keys.Take(_random, isWrite: true, operations: 4).Key).ToList();

        Assert.Equal(5, taken.Count(key => key == "k/0"));
    }

    [Fact]
    public void A_write_that_was_answered_makes_room()
    {
        for (var write = 0; write < 100; write++)
            _keys.Know(_keys.Take(_random, isWrite: true));

        Assert.Equal(["k/0"], _keys.Names);
    }
}
