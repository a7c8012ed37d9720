namespace KvStore.Cli.Dev;

/// <summary>Requests per second over the last few seconds, from a counter that is read now and then.</summary>
internal sealed class RequestRate(TimeProvider time)
{
    private static readonly TimeSpan Window = TimeSpan.FromSeconds(2);
    private readonly Queue<(long At, long Count)> _readings = [];

    /// <summary>Takes a reading; 0 for the first, and after the counter began anew.</summary>
    public double Add(long count)
    {
        var now = time.GetTimestamp();
        if (_readings.Count > 0 && count < _readings.Last().Count)
            _readings.Clear();
        _readings.Enqueue((now, count));
        while (_readings.Count > 2 && time.GetElapsedTime(_readings.ElementAt(1).At, now) >= Window)
            _readings.Dequeue();
        var (at, first) = _readings.Peek();
        var seconds = time.GetElapsedTime(at, now).TotalSeconds;
        return seconds > 0 ? (count - first) / seconds : 0;
    }
}
