using System.Collections.Concurrent;
using System.Diagnostics;
using KvStore.Verification;

namespace KvStore.Cli.Chaos.Load;

/// <summary>What the clients of one round were told, and what they had to wait for.</summary>
internal sealed class RoundLog
{
    private const int MaxOddities = 20;

    private readonly ConcurrentQueue<HistoryOperation> _operations = [];
    private readonly ConcurrentQueue<string> _oddities = [];
    private long _longestTicks;
    private int _refused;

    public IReadOnlyCollection<HistoryOperation> Operations => _operations;

    /// <summary>Answers that break a promise by themselves: too late, or with an unexplained code.</summary>
    public IReadOnlyCollection<string> Oddities => _oddities;

    /// <summary>The longest that a request through the balancer took.</summary>
    public TimeSpan Longest => TimeSpan.FromTicks(Volatile.Read(ref _longestTicks));

    /// <summary>Requests through the balancer that came to nothing.</summary>
    public int Refused => Volatile.Read(ref _refused);

    /// <summary>Now, as histories write it.</summary>
    public static long NowNs => (long)(Stopwatch.GetTimestamp() * (1e9 / Stopwatch.Frequency));

    public void Record(HistoryOperation operation) => _operations.Enqueue(operation);

    /// <summary>A request through a door is over.</summary>
    public void Note(Door door, HistoryOperation operation, Attempt attempt, TimeSpan took, bool isLate)
    {
        if (door.IsBalancer)
        {
            for (var seen = _longestTicks; took.Ticks > seen;)
                seen = Interlocked.CompareExchange(ref _longestTicks, took.Ticks, seen);
            if (attempt.Result is OperationResult.Rejected or OperationResult.Unknown)
                Interlocked.Increment(ref _refused);
        }

        var isExplained = attempt.Status is 0 or (>= 200 and < 300) or 404 or 412 or 421 or 429 or 503 or 504;
        if ((!isLate && isExplained) || _oddities.Count >= MaxOddities)
            return;
        var what = isLate ? $"was not answered within {took.TotalSeconds:F1} s" : $"was answered {attempt.Status}";
        _oddities.Enqueue($"{operation.Op} of {operation.Key} through {door.Url} {what}");
    }
}
