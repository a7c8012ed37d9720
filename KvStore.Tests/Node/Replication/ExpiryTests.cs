using KvStore.Core.State;

namespace KvStore.Tests.Node.Replication;

/// <summary>Keys whose time is over go by a committed command of the primary, soon and unasked.</summary>
public sealed class ExpiryTests
{
    /// <summary>The longest rest, in ticks.</summary>
    private const int Rest = 10;

    private readonly ReplicaHarness _primary = ReplicaHarness.Primary();

    [Fact]
    public void What_is_due_goes_by_a_command_that_a_majority_has()
    {
        Put("k", Ttl.After(1000));
        _primary.Time.Advance(TimeSpan.FromMilliseconds(999));
        _primary.Tick();
        var before = _primary.LastIndex;
        _primary.Time.Advance(TimeSpan.FromMilliseconds(1));
        _primary.Tick();

        Assert.Equal(before.Next(), _primary.LastIndex);
        Assert.Equal("v", _primary.Find("k"));    // until it is committed
        Commit();
        Assert.Null(_primary.Find("k"));
        Assert.Equal(0, _primary.Replica.Image.Count);
    }

    [Fact]
    public void One_command_and_then_a_rest_and_none_when_nothing_is_due()
    {
        PutMany((2 * KeyValueState.MaxExpiredAtOnce) + 1);
        Put("forever", Ttl.None);
        _primary.Tick();
        _primary.Time.Advance(TimeSpan.FromSeconds(2));
        LetPass(1);
        Assert.Equal(KeyValueState.MaxExpiredAtOnce + 2, _primary.Replica.Image.Count);
        foreach (var left in (long[])[2, 1, 1])
        {
            var before = _primary.LastIndex;
            LetPass(Rest);
            Assert.Equal(left, _primary.Replica.Image.Count);
            Assert.InRange(_primary.LastIndex.Value - before.Value, 0, 1);
        }
    }

    [Fact]
    public void Many_changes_take_the_rest_away()
    {
        PutMany((2 * KeyValueState.MaxExpiredAtOnce) + 1);
        _primary.Tick();
        _primary.Time.Advance(TimeSpan.FromSeconds(2));
        LetPass(1);
        for (var number = 0; number < KeyValueState.MaxExpiredAtOnce; number++)
            Put("forever", Ttl.None);
        LetPass(1);
        Assert.Equal(2, _primary.Replica.Image.Count);
    }

    [Fact]
    public void One_command_at_a_time()
    {
        var primary = ReplicaHarness.Primary(restTicks: 1);
        var put = Core.State.Commands.Put("k", "v", ttl: Ttl.After(1000)) with { TimeMs = primary.Replica.NowMs };
        primary.Write(put);
        primary.Flush();
        primary.Acknowledge(2);
        primary.Time.Advance(TimeSpan.FromSeconds(2));
        var before = primary.LastIndex;
        primary.Tick(3);
        Assert.Equal(before.Next(), primary.LastIndex);
    }

    [Fact]
    public void A_backup_takes_nothing_away_by_its_own_clock()
    {
        Put("k", Ttl.After(1000));
        _primary.Follow(2, _primary.LastIndex.Value, _primary.LastIndex.Value);
        _primary.Time.Advance(TimeSpan.FromHours(1));
        _primary.Tick();
        Assert.Equal("v", _primary.Find("k"));
    }

    private void LetPass(int ticks)
    {
        for (var tick = 0; tick < ticks; tick++)
        {
            _primary.Tick();
            Commit();
        }
    }

    private void PutMany(int count)
    {
        for (var number = 0; number < count; number++)
            Put($"k{number}", Ttl.After(1000));
    }

    private void Put(string key, Ttl ttl)
    {
        var command = Core.State.Commands.Put(key, "v", ttl: ttl) with { TimeMs = _primary.Replica.NowMs };
        _primary.Write(command);
        Commit();
    }

    private void Commit()
    {
        _primary.Flush();
        _primary.Acknowledge(2);
    }
}
