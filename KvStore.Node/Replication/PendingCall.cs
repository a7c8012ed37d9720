using System.Diagnostics;
using KvStore.Core.Primitives;
using KvStore.Core.State;

namespace KvStore.Node.Replication;

/// <summary>
/// A caller's write on its way through the log. Completed once, by whoever comes first: the loop that owns the replica,
/// or the caller's deadline.
/// </summary>
internal sealed class PendingWrite(ReadOnlyMemory<byte> payload, Command command, Ack ack)
{
    private readonly TaskCompletionSource<WriteOutcome> _done = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private WriteOutcome.TooFewCopies? _applied;

    public ReadOnlyMemory<byte> Payload { get; } = payload;

    public Command Command { get; } = command;

    public Ack Ack { get; } = ack;

    public LogIndex Index { get; private set; }

    public Term Term { get; private set; }

    /// <summary>
    /// The term in which the primary's clock gave the command its time; null: as it is posted. It counts in no other.
    /// </summary>
    public Term? StampedIn { get; init; }

    /// <summary>The span that it is a part of; null: its request is not traced.</summary>
    public ActivityContext? Trace { get; init; }

    /// <summary>When it had its place in the log, as a timestamp of the node's clock.</summary>
    public long AppendedAt { get; private set; }

    /// <summary>When it was on this node's stable storage; 0: it is not.</summary>
    public long FlushedAt { get; set; }

    public Task<WriteOutcome> Done => _done.Task;

    public bool IsDone => _done.Task.IsCompleted;

    /// <summary>Whether the outcome is known before the command is applied: it stores whatever is there.</summary>
    public bool IsBlindPut => Command is Command.Change { Operation: Operation.Put { Condition: null } };

    /// <summary>Lets the deadline answer from now on, until what is returned is disposed.</summary>
    public CancellationTokenRegistration Arm(CancellationToken deadline) =>
        deadline.UnsafeRegister(static state => ((PendingWrite)state!).OnDeadline(), this);

    public void Appended(LogIndex index, Term term, long at)
    {
        Index = index;
        Term = term;
        AppendedAt = at;
    }

    /// <summary>With <see cref="Ack.All"/>: applied, waiting for the last copies.</summary>
    public void Applied(WriteOutcome.TooFewCopies soFar) => Volatile.Write(ref _applied, soFar);

    public WriteOutcome.TooFewCopies? SoFar => Volatile.Read(ref _applied);

    public void Complete(WriteOutcome outcome) => _done.TrySetResult(outcome);

    /// <summary>
    /// A write that is still in the inbox may be taken a moment later, so it too is not known to be left out.
    /// </summary>
    private void OnDeadline() =>
        _done.TrySetResult(Volatile.Read(ref _applied) as WriteOutcome ?? new WriteOutcome.Indeterminate());
}

/// <summary>A caller's linearizable read, waiting for its confirmation.</summary>
internal sealed class PendingRead
{
    private readonly TaskCompletionSource<ReadOutcome> _done = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public Task<ReadOutcome> Done => _done.Task;

    public bool IsDone => _done.Task.IsCompleted;

    /// <summary>Lets the deadline answer from now on, until what is returned is disposed.</summary>
    public CancellationTokenRegistration Arm(CancellationToken deadline) => deadline.UnsafeRegister(
        static state => ((PendingRead)state!)._done.TrySetResult(new ReadOutcome.TimedOut()), this);

    public void Complete(ReadOutcome outcome) => _done.TrySetResult(outcome);
}
