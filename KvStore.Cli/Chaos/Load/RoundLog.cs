using System.Collections.Concurrent;
using System.Diagnostics;
using KvStore.Verification;

namespace KvStore.Cli.Chaos.Load;

/// <summary>What the clients of one round were told, and what they had to wait for.</summary>
/// <param name="mayLackRoom">Whether a value may be refused because a disk is full.</param>
internal sealed class RoundLog(bool mayLackRoom)
{
    private const int InsufficientStorage = 507;
    private const int MaxOddities = 20;

    private readonly ConcurrentQueue<HistoryOperation> _operations = [];
    private readonly ConcurrentQueue<DoorCall> _calls = [];
    private readonly ConcurrentQueue<string> _oddities = [];
    private int _races;

    public IReadOnlyCollection<HistoryOperation> Operations => _operations;

    /// <summary>All requests through the balancer, in the order in which they ended.</summary>
    public IReadOnlyCollection<DoorCall> Calls => _calls;

    /// <summary>Answers that break a promise by themselves: too late, or with an unexplained code.</summary>
    public IReadOnlyCollection<string> Oddities => _oddities;

    /// <summary>Races for a version that were run.</summary>
    public int Races => _races;

    /// <summary>Now, as histories write it.</summary>
    public static long NowNs => (long)(Stopwatch.GetTimestamp() * (1e9 / Stopwatch.Frequency));

    public void Record(HistoryOperation operation) => _operations.Enqueue(operation);

    /// <summary>A race for a version is over: so many were told that they have won.</summary>
    public void NoteRace(string key, int winners)
    {
        Interlocked.Increment(ref _races);
        if (winners > 1)
            NoteOddity($"a race for {key} was won {winners} times");
    }

    public void NoteOddity(string what)
    {
        if (_oddities.Count < MaxOddities)
            _oddities.Enqueue(what);
    }

    /// <summary>A request through a door is over.</summary>
    public void Note(Door door, HistoryOperation operation, Attempt attempt, TimeSpan took, bool isLate)
    {
        if (door.IsBalancer)
        {
            var isRefused = attempt.Result is OperationResult.Rejected or OperationResult.Unknown;
            _calls.Enqueue(new DoorCall(operation.Key, Stopwatch.GetTimestamp(), took, attempt.Status, isRefused));
        }

        if (!isLate && IsExplained(operation, attempt.Status))
            return;
        var what = isLate ? $"was not answered within {took.TotalSeconds:F1} s" : $"was answered {attempt.Status}";
        NoteOddity($"{operation.Op} of {operation.Key} through {door.Url} {what}");
    }

    /// <summary>A full disk explains that a value is refused, no more: reads and deletes need no room.</summary>
    private bool IsExplained(HistoryOperation operation, int status) => status switch
    {
        0 or (>= 200 and < 300) or 404 or 412 or 421 or 429 or 503 or 504 => true,
        InsufficientStorage => mayLackRoom && operation is { IsWrite: true, Op: not OperationKind.Delete },
        _ => false,
    };
}
