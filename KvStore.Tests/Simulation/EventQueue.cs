using System.Runtime.ExceptionServices;

namespace KvStore.Tests.Simulation;

/// <summary>
/// Virtual time in microseconds, and what shall happen at which moment; equal moments keep their order.
/// </summary>
internal sealed class EventQueue
{
    private readonly PriorityQueue<Action, (long Time, long Number)> _events = new();
    private long _number;
    private Exception? _failure;

    public long Now { get; private set; }

    public long Processed { get; private set; }

    public void Schedule(long delay, Action act)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(delay);
        _events.Enqueue(act, (Now + delay, ++_number));
    }

    /// <summary>Something failed whose caller looks at no exceptions: the world ends when this event is over.</summary>
    public void Fail(Exception failure) => _failure ??= failure;

    /// <summary>
    /// Lets everything happen that is due before <paramref name="end"/>, then stands at <paramref name="end"/>.
    /// </summary>
    public void RunUntil(long end)
    {
        while (_events.TryPeek(out var act, out var due) && due.Time < end)
        {
            _events.Dequeue();
            Now = due.Time;
            Processed++;
            act();
            if (_failure is { } failure)
                ExceptionDispatchInfo.Throw(failure);
        }

        Now = end;
    }
}
