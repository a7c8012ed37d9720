using System.Collections.Immutable;
using KvStore.Core.Primitives;
using KvStore.Core.State;

namespace KvStore.Node.Replication;

/// <summary>Which keys are to be read, all of one partition.</summary>
/// <param name="Bucket">Where they are.</param>
/// <param name="Keys">1 to <see cref="CommandFormat.MaxOperations"/>.</param>
internal sealed record KeysQuery(BucketId Bucket, ImmutableArray<ReadOnlyMemory<byte>> Keys);

/// <summary>What became of a read of keys.</summary>
internal abstract record KeysOutcome
{
    /// <summary>One item for each key, all of one moment; up to <paramref name="Index"/> everything is in it.</summary>
    public sealed record Read(ImmutableArray<ItemResult> Items, LogIndex Index) : KeysOutcome;

    /// <summary>The bucket was dropped.</summary>
    public sealed record BucketGone : KeysOutcome;

    /// <summary>A transaction that is not settled holds one of the keys.</summary>
    public sealed record Locked : KeysOutcome;

    /// <summary>Who was asked is not the primary; <paramref name="Hint"/> may be, or is nobody.</summary>
    public sealed record NotPrimary(NodeId Hint) : KeysOutcome;

    /// <summary>Too much is waiting.</summary>
    public sealed record Overloaded : KeysOutcome;

    /// <summary>The deadline passed before a majority answered.</summary>
    public sealed record TimedOut : KeysOutcome;
}

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
