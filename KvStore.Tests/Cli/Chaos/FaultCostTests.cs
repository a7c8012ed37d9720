using KvStore.Cli.Chaos;
using KvStore.Cli.Chaos.Load;

namespace KvStore.Tests.Cli.Chaos;

public sealed class FaultCostTests
{
    [Fact]
    public void Requests_are_told_apart_by_when_they_ended_and_who_led_their_key()
    {
        var cost = new FaultCost();
        DoorCall[] calls =
        [
            Call("a", endedAt: 9, took: 1, status: 200),
            Call("a", endedAt: 10, took: 20, status: 201),    // it was under way when the fault struck
            Call("b", endedAt: 11, took: 3, status: 507),
            Call("b", endedAt: 12, took: 5, status: 0),
        ];

        cost.Add(calls, struckAt: 10, key => key == "a", settled: TimeSpan.FromMilliseconds(40));
        cost.Add([], struckAt: 0, _ => false, settled: TimeSpan.FromMilliseconds(30));

        var figures = cost.Figures;
        Assert.Equal((2, 40), (figures.Rounds, figures.SettledMs));
        Assert.Equal(new LatencyFigures(1, 1, 1, 1), figures.Calm);
        Assert.Equal(new LatencyFigures(1, 20, 20, 20), figures.Struck);
        Assert.Equal(new LatencyFigures(2, 3, 5, 5), figures.Others);
        Assert.Equal(2, figures.RefusedAtBalancer);
        Assert.Equal("507 no answer", string.Join(' ', figures.RefusedByStatus!.Keys.Order(StringComparer.Ordinal)));
    }

    /// <summary>Against the definition: at least so large a part is not above it, and it is one of them.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(99)]
    [InlineData(100)]
    [InlineData(101)]
    [InlineData(1000)]
    public void Percentiles_are_what_they_say(int count)
    {
        int[] numbers = [.. Enumerable.Range(1, count)];
        new Random(count).Shuffle(numbers);

        var figures = LatencyFigures.Of(numbers.Select(number => TimeSpan.FromMilliseconds(number)))!;

        double Naive(int percent) => numbers.Order().First(number => number * 100 >= percent * count);
        Assert.Equal(new LatencyFigures(count, Naive(50), Naive(99), count), figures);
        Assert.Null(LatencyFigures.Of([]));
    }

    private static DoorCall Call(string key, long endedAt, int took, int status) =>
        new(key, endedAt, TimeSpan.FromMilliseconds(took), status, IsRefused: status is 0 or >= 500);
}
