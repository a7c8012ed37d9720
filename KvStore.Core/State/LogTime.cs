namespace KvStore.Core.State;

/// <summary>
/// The time that a partition's commands brought. <paramref name="LatestMs"/> is the largest, in milliseconds since
/// 1970. <paramref name="PassedMs"/> is how much of it has passed as far as clocks can be trusted: a step of more than
/// <see cref="LongestStepMs"/> between two commands may be silence, or, where all of a group was down, a wall clock
/// that is ahead, and counts as that much. Windows are measured by it, so that such a clock does not end them all at
/// once.
/// </summary>
internal readonly record struct LogTime(long LatestMs, long PassedMs)
{
    public const long LongestStepMs = 1000;

    /// <summary>When a command of <paramref name="timeMs"/> comes; neither number ever falls.</summary>
    public LogTime At(long timeMs) => timeMs <= LatestMs
        ? this
        : new(timeMs, PassedMs + Math.Min(timeMs - LatestMs, LongestStepMs));
}
