namespace KvStore.Balancer.Routing;

/// <summary>
/// How long to wait between attempts: growing from 10 to 200 ms, jittered so that requests do not march in step.
/// </summary>
internal sealed class Backoff(Random random)
{
    private const double FirstMilliseconds = 10;
    private const double MaxMilliseconds = 200;
    private const int DoublingsToMax = 5;

    private readonly Lock _gate = new();

    /// <summary>The pause after an attempt, counted from 0: half to all of its step.</summary>
    public TimeSpan After(int attempt)
    {
        double jitter;
        lock (_gate)
            jitter = random.NextDouble();
        var step = Math.Min(FirstMilliseconds * (1 << Math.Min(attempt, DoublingsToMax)), MaxMilliseconds);
        return TimeSpan.FromMilliseconds(step * (1 + jitter) / 2);
    }
}
