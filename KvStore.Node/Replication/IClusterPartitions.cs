using System.Collections.Immutable;
using KvStore.Core.Primitives;
using KvStore.Core.State;

namespace KvStore.Node.Replication;

/// <summary>
/// All partitions of the cluster, wherever their replicas are: each call goes to the partition's primary, and looks
/// for it until the deadline.
/// </summary>
internal interface IClusterPartitions
{
    /// <summary>Has a command appended, replicated to a majority and applied.</summary>
    /// <param name="partition">A partition or the system group.</param>
    /// <param name="command">
    /// What to do. Where it carries a request id, or does the same when it is done twice, it is proposed again after an
    /// attempt of unknown outcome.
    /// </param>
    /// <param name="deadline">Cancelled when the caller's deadline passes; the write itself is not undone.</param>
    /// <returns>
    /// What it came to; <see cref="WriteOutcome.NotPrimary"/> when no primary was found in time: nothing was applied.
    /// <see cref="WriteStatus.Locked"/> when a transaction held a key until the deadline.
    /// </returns>
    ValueTask<WriteOutcome> WriteAsync(PartitionId partition, Command command, CancellationToken deadline);

    /// <summary>A linearizable read of all entries whose keys begin with a prefix.</summary>
    ValueTask<EntriesOutcome> ReadAsync(PartitionId partition, EntriesQuery query, CancellationToken deadline);

    /// <summary>A linearizable read of some keys, which waits while a transaction holds one of them.</summary>
    ValueTask<KeysOutcome> ReadKeysAsync(PartitionId partition, KeysQuery query, CancellationToken deadline);
}

/// <summary>Which entries are asked for.</summary>
/// <param name="Prefix">What their keys begin with.</param>
/// <param name="Known">What the caller read before; null: nothing.</param>
internal sealed record EntriesQuery(ReadOnlyMemory<byte> Prefix, EntriesMark? Known);

/// <summary>
/// Tells one reading of the same entries from another: as every write gets a larger index than all before, they are the
/// same where both numbers are.
/// </summary>
/// <param name="Count">How many there are.</param>
/// <param name="Newest">The largest index of their versions.</param>
internal readonly record struct EntriesMark(long Count, LogIndex Newest);

/// <summary>One entry that was read.</summary>
internal sealed record EntryItem(ReadOnlyMemory<byte> Key, ReadOnlyMemory<byte> Value, KeyVersion Version);

/// <summary>What became of a read of entries.</summary>
internal abstract record EntriesOutcome
{
    /// <summary>The entries, by key.</summary>
    public sealed record Read(ImmutableArray<EntryItem> Items) : EntriesOutcome;

    /// <summary>They are what the caller knows already.</summary>
    public sealed record Unchanged : EntriesOutcome;

    /// <summary>Who was asked is not the primary; <paramref name="Hint"/> may be, or is nobody.</summary>
    public sealed record NotPrimary(NodeId Hint) : EntriesOutcome;

    /// <summary>Too much is waiting.</summary>
    public sealed record Overloaded : EntriesOutcome;

    /// <summary>The deadline passed before a majority answered.</summary>
    public sealed record TimedOut : EntriesOutcome;
}
