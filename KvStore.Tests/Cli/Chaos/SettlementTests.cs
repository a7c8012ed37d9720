using KvStore.Cli;
using KvStore.Cli.Chaos;

namespace KvStore.Tests.Cli.Chaos;

public sealed class SettlementTests
{
    private readonly Placement _placement = new(partitions: 4);

    [Fact]
    public async Task Partitions_that_take_no_write_in_time_are_named_with_what_they_answer()
    {
        await using var full = await FakeServer.StartAsync(507);
        using var settlement = new Settlement(full.Url, _placement, TimeSpan.FromSeconds(2));

        var failure = await Assert.ThrowsAsync<FailureException>(settlement.WaitAsync);

        Assert.Equal("Not writable 2 s after the fault ended: partitions 0, 1, 2, 3: 507.", failure.Message);
    }

    [Fact]
    public async Task Partitions_that_take_a_write_have_settled()
    {
        await using var sound = await FakeServer.StartAsync(201);
        using var settlement = new Settlement(sound.Url, _placement, Settlement.Patience);

        Assert.True(await settlement.WaitAsync() < Settlement.Patience);
        Assert.Equal("PUT", sound.Method);
    }
}
