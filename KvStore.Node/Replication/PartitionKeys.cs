using System.Collections.Immutable;
using KvStore.Core.Primitives;
using KvStore.Core.State;

namespace KvStore.Node.Replication;

/// <summary>Linearizable reads of some keys of one partition.</summary>
internal static class PartitionKeys
{
    /// <summary>Reads them from this node's replica, if that is the primary.</summary>
    public static async ValueTask<KeysOutcome> ReadAsync(
        IPartitions here, PartitionId partition, KeysQuery query, TimeProvider time, CancellationToken deadline)
    {
        switch (await DueReads.ReadAsync(here, partition, deadline).ConfigureAwait(false))
        {
            case ReadOutcome.Ready ready:
                var free = await UnlockedCalls
                    .FreeAsync(here, partition, query.Bucket, query.Keys, ready, time, deadline)
                    .ConfigureAwait(false);
                return free is null ? new KeysOutcome.Locked() : Read(free.Image, query);
            case ReadOutcome.NotPrimary elsewhere:
                return new KeysOutcome.NotPrimary(elsewhere.Hint);
            case ReadOutcome.Overloaded:
                return new KeysOutcome.Overloaded();
            default:
                return new KeysOutcome.TimedOut();
        }
    }

    private static KeysOutcome Read(StateImage image, KeysQuery query)
    {
        if (image.IsClosed(query.Bucket))
            return new KeysOutcome.BucketGone();
        var items = ImmutableArray.CreateBuilder<ItemResult>(query.Keys.Length);
        foreach (var key in query.Keys)
        {
            items.Add(image.Find(query.Bucket, key.Span) is { } entry
                ? new ItemResult(WriteStatus.Found, entry.Version, 0, entry)
                : new ItemResult(WriteStatus.NotFound, KeyVersion.None, 0, null));
        }

        return new KeysOutcome.Read(items.MoveToImmutable(), image.Index);
    }
}
