using KvStore.Core.State;

namespace KvStore.Node.Replication;

/// <summary>
/// Linearizable reads of a whole state: what is due to expire by the primary's clock, and not by log time yet, is made
/// to expire first, so that no read gives it out.
/// </summary>
internal static class DueReads
{
    /// <summary>Confirms leadership and gives the state.</summary>
    public static async ValueTask<ReadOutcome> ReadAsync(
        IPartitions here, Core.Primitives.PartitionId partition, CancellationToken deadline)
    {
        var read = await here.ReadAsync(partition, deadline).ConfigureAwait(false);
        var now = here.NowMs(partition);
        if (read is not ReadOutcome.Ready { Image: var image } || !image.IsAnyOverBy(now))
            return read;
        var outcome = await here.WriteAsync(partition, new Command.Expire(), Ack.Quorum, deadline)
            .ConfigureAwait(false);
        return outcome switch
        {
            WriteOutcome.Committed => await here.ReadAsync(partition, deadline).ConfigureAwait(false),
            WriteOutcome.NotPrimary elsewhere => new ReadOutcome.NotPrimary(elsewhere.Hint),
            WriteOutcome.Overloaded => new ReadOutcome.Overloaded(),
            _ => new ReadOutcome.TimedOut(),
        };
    }

    /// <summary>
    /// The same once all transactions are settled that are open in the state: one of them may be acknowledged already
    /// and not finished here. Those that come later cannot have been when the read began.
    /// </summary>
    public static async ValueTask<ReadOutcome> ReadSettledAsync(
        IPartitions here, Core.Primitives.PartitionId partition, CancellationToken deadline)
    {
        var read = await ReadAsync(here, partition, deadline).ConfigureAwait(false);
        if (read is not ReadOutcome.Ready ready)
            return read;
        var open = ready.Image.PreparedTransactions.Select(transaction => transaction.Attempt).ToHashSet();
        while (open.Count > 0)
        {
            await here.AppliedAsync(partition, ready.Image.Index.Next(), deadline)
                .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (deadline.IsCancellationRequested || here.ReadLocal(partition) is not { } later)
                return new ReadOutcome.TimedOut();
            ready = ready with { Image = later.Image };
            open.IntersectWith(ready.Image.PreparedTransactions.Select(transaction => transaction.Attempt));
        }

        return ready;
    }
}
