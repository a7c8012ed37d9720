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
