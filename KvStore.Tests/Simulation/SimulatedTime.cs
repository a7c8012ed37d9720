namespace KvStore.Tests.Simulation;

/// <summary>
/// The clocks of one machine: a monotonic one that goes at a rate of its own, and a wall clock, which is wrong by some
/// time and can be set. Both go on while a process is paused or down.
/// </summary>
/// <param name="queue">True time.</param>
/// <param name="rate">How much passes by the monotonic clock in one unit of true time.</param>
/// <param name="schedule">Has something happen later in this life of the process.</param>
internal sealed class SimulatedTime(EventQueue queue, double rate, Action<long, Action> schedule) : TimeProvider
{
    /// <summary>How far the wall clock is ahead.</summary>
    public required long WallOffsetMs { get; set; }

    public long WallMs => WallOffsetMs + (queue.Now / Swarm.Millisecond);

    public override long TimestampFrequency => Swarm.Second;

    public override long GetTimestamp() => (long)(queue.Now * rate);

    public override DateTimeOffset GetUtcNow() => DateTimeOffset.FromUnixTimeMilliseconds(WallMs);

    /// <summary>A timer that goes off once.</summary>
    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        Alarm alarm = new(this, () => callback(state));
        alarm.Change(dueTime, period);
        return alarm;
    }

    private void Schedule(TimeSpan time, Action act) => schedule((long)(time.TotalMicroseconds / rate), act);

    private sealed class Alarm(SimulatedTime time, Action act) : ITimer
    {
        private int _setting;

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            var setting = ++_setting;
            if (dueTime == Timeout.InfiniteTimeSpan)
                return true;
            time.Schedule(dueTime, () =>
            {
                if (setting == _setting)
                    act();
            });
            return true;
        }

        public void Dispose() => _setting++;

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
