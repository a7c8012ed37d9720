using System.Collections.Immutable;
using KvStore.Core.Primitives;
using KvStore.Core.State;

namespace KvStore.Node.Replication;

/// <summary>
/// Calls of this node's own replica that wait while a transaction over several partitions holds their keys. A write
/// that comes to <see cref="WriteStatus.Locked"/> has changed nothing and is not remembered, so it is proposed again.
/// </summary>
internal static class UnlockedCalls
{
    /// <summary>
    /// How long is waited at most before the replica is asked again: one that is primary no more may never hear that
    /// the keys are free.
    /// </summary>
    public static readonly TimeSpan LongestWait = TimeSpan.FromMilliseconds(250);

    private const int MaxPauseDoublings = 5;
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(1);

    /// <summary>Whether a transaction that is not settled kept the write from happening.</summary>
    public static bool IsLocked(WriteOutcome outcome) => outcome is
        WriteOutcome.Committed { Result.Status: WriteStatus.Locked }
        or WriteOutcome.TooFewCopies { Result.Status: WriteStatus.Locked };

    /// <summary>As <see cref="IPartitions.WriteAsync"/>, again and again while a key is locked.</summary>
    /// <param name="here">This node's replicas.</param>
    /// <param name="partition">The partition.</param>
    /// <param name="command">What to do.</param>
    /// <param name="ack">When to answer.</param>
    /// <param name="time">Runs the pauses.</param>
    /// <param name="patience">How long locks are waited for; null: until the deadline.</param>
    /// <param name="deadline">Cancelled when the caller's deadline passes.</param>
    public static async ValueTask<WriteOutcome> WriteAsync(
        IPartitions here,
        PartitionId partition,
        Command command,
        Ack ack,
        TimeProvider time,
        TimeSpan? patience,
        CancellationToken deadline)
    {
        var began = time.GetTimestamp();
        for (var round = 0; ; round++)
        {
            var outcome = await here.WriteAsync(partition, command, ack, deadline).ConfigureAwait(false);
            if (!IsLocked(outcome))
                return outcome;
            var (bucket, keys) = KeysOf(command);
            await WaitAsync(here, partition, bucket, keys, time, round, deadline).ConfigureAwait(false);
            if (deadline.IsCancellationRequested || time.GetElapsedTime(began) >= patience)
                return outcome;
        }
    }

    /// <summary>
    /// The state as it is when none of the keys is locked any more: what was confirmed is in it, and what came after.
    /// </summary>
    /// <param name="here">This node's replicas.</param>
    /// <param name="partition">The partition.</param>
    /// <param name="bucket">Where the keys are.</param>
    /// <param name="keys">What is to be read.</param>
    /// <param name="confirmed">The state of a confirmed primary.</param>
    /// <param name="time">Runs the wait.</param>
    /// <param name="deadline">Cancelled when the caller's deadline passes.</param>
    /// <returns>Null when they are still locked after the <see cref="LongestWait"/>, or at the deadline.</returns>
    public static async ValueTask<ReadOutcome.Ready?> FreeAsync(
        IPartitions here,
        PartitionId partition,
        BucketId bucket,
        ImmutableArray<ReadOnlyMemory<byte>> keys,
        ReadOutcome.Ready confirmed,
        TimeProvider time,
        CancellationToken deadline)
    {
        if (!confirmed.Image.IsAnyLocked(bucket, keys))
            return confirmed;
        await WaitAsync(here, partition, bucket, keys, time, round: 0, deadline).ConfigureAwait(false);
        var later = confirmed with { Image = here.ReadLocal(partition)?.Image ?? confirmed.Image };
        return later.Image.IsAnyLocked(bucket, keys) ? null : later;
    }

    /// <summary>The keys that a command needs, and where they are.</summary>
    internal static (BucketId Bucket, ImmutableArray<ReadOnlyMemory<byte>> Keys) KeysOf(Command command) =>
        command switch
        {
            Command.Change change => (change.Bucket, [change.Operation.Key]),
            Command.Batch batch => (batch.Bucket, [.. batch.Operations.Select(operation => operation.Key)]),
            Command.Transaction transaction => (transaction.Bucket, KeysOf(transaction)),
            Command.Prepare prepare => (prepare.Part.Bucket, KeysOf(prepare.Part)),
            _ => (BucketId.Default, []),
        };

    private static ImmutableArray<ReadOnlyMemory<byte>> KeysOf(Command.Transaction part) =>
    [
        .. part.If.Select(compare => compare.Key),
        .. part.Then.Select(operation => operation.Key),
        .. part.Else.Select(operation => operation.Key),
    ];

    /// <summary>Until the keys are free; those who find them taken again and again come more rarely.</summary>
    private static async ValueTask WaitAsync(
        IPartitions here,
        PartitionId partition,
        BucketId bucket,
        ImmutableArray<ReadOnlyMemory<byte>> keys,
        TimeProvider time,
        int round,
        CancellationToken deadline)
    {
        using var timer = new CancellationTokenSource(LongestWait, time);
        using var wait = CancellationTokenSource.CreateLinkedTokenSource(timer.Token, deadline);
        await here.UnlockedAsync(partition, bucket, keys, wait.Token)
            .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (round > 0)
        {
            await Task.Delay(FirstPause * (1 << Math.Min(round, MaxPauseDoublings)), time, deadline)
                .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }
}
