using KvStore.Core.State;
using KvStore.Node.Replication;

namespace KvStore.Tests.Node.Replication;

/// <summary>What is due is removed at once, then after rests; with many changes without a rest.</summary>
public sealed class ExpiryPaceTests
{
    private const int Rest = 10;

    [Fact]
    public void What_is_due_now_and_then_does_not_wait()
    {
        ExpiryPace pace = new(partition: 3, Rest);
        for (var time = 0; time < 50; time++)
        {
            for (var tick = 0; tick < Rest; tick++)
                Assert.False(pace.IsItsTurn(isAnyDue: false));
            Assert.True(pace.IsItsTurn(isAnyDue: true));
        }
    }

    [Fact]
    public void Where_much_is_due_everywhere_a_tenth_of_the_partitions_goes_on_at_each_tick()
    {
        var paces = Enumerable.Range(0, 64).Select(partition => new ExpiryPace(partition, Rest)).ToList();
        Assert.All(paces, pace => Assert.True(pace.IsItsTurn(isAnyDue: true)));
        for (var tick = 0; tick < 20 * Rest; tick++)
            Assert.InRange(paces.Count(pace => pace.IsItsTurn(isAnyDue: true)), 64 / Rest, (64 / Rest) + 1);
    }

    /// <summary>Keys that are stored with a short time to live, however unsteadily, do not pile up.</summary>
    [Theory]
    [InlineData(10, 1)]
    [InlineData(KeyValueState.MaxExpiredAtOnce / 3, 1)]
    [InlineData(KeyValueState.MaxExpiredAtOnce, 1)]
    [InlineData(1000, 5)]
    public void What_comes_in_is_removed_as_fast(int stored, int every)
    {
        ExpiryPace pace = new(partition: 3, Rest);
        var (due, most) = (0, 0);
        for (var tick = 0; tick < 100 * Rest; tick++)
        {
            if (tick % every == 0)
            {
                due += stored;
                pace.Applied(stored);
            }

            if (pace.IsItsTurn(isAnyDue: true))
                due -= Math.Min(due, KeyValueState.MaxExpiredAtOnce);
            most = Math.Max(most, due);
        }

        Assert.InRange(most, 0, 2 * Math.Max(stored, KeyValueState.MaxExpiredAtOnce));
    }

    [Fact]
    public void What_was_stored_long_before_takes_one_rest_away_at_most()
    {
        ExpiryPace pace = new(partition: 3, Rest);
        pace.Applied(1_000_000);
        Assert.False(pace.IsItsTurn(isAnyDue: false));
        Assert.InRange(Enumerable.Range(0, Rest).Count(_ => pace.IsItsTurn(isAnyDue: true)), 1, 2);
    }

    [Fact]
    public void With_a_rest_of_one_tick_there_is_none()
    {
        ExpiryPace pace = new(partition: 3, restTicks: 1);
        for (var tick = 0; tick < 20; tick++)
            Assert.True(pace.IsItsTurn(isAnyDue: true));
    }
}
