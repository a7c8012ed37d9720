using System.Collections.Immutable;
using KvStore.Core.Primitives;
using KvStore.Core.State;
using KvStore.Node.Replication;

namespace KvStore.Node.Transactions;

/// <summary>What became of a transaction.</summary>
internal abstract record TransactionResult
{
    /// <summary>It was applied before, and this is what it came to then.</summary>
    public bool IsReplay { get; init; }

    /// <summary>Up to where the log of each partition must be in a state that contains it.</summary>
    public ImmutableArray<(PartitionId Partition, LogIndex Index)> Seen { get; init; } = [];

    /// <summary>All of one branch is done.</summary>
    /// <param name="IsMet">Whether it was that of comparisons which hold.</param>
    /// <param name="Items">One for each operation of the branch.</param>
    /// <param name="Version">The version that the coordinator gave its keys.</param>
    public sealed record Done(bool IsMet, ImmutableArray<ItemResult> Items, KeyVersion Version) : TransactionResult;

    /// <summary>A comparison did not hold, and there was nothing to do else. Nothing was applied.</summary>
    /// <param name="Items">One for each comparison.</param>
    public sealed record ComparesFailed(ImmutableArray<ItemResult> Items) : TransactionResult;

    /// <summary>An operation of the branch that was to be done cannot be. Nothing was applied.</summary>
    /// <param name="Items">One for each operation of that branch.</param>
    public sealed record OperationFailed(ImmutableArray<ItemResult> Items) : TransactionResult;

    /// <summary>A partition did not take it. Nothing was applied, and nothing will be.</summary>
    public sealed record Refused(WriteOutcome Outcome) : TransactionResult;

    /// <summary>It may be applied, as a whole, now or within seconds, or never.</summary>
    public sealed record Unknown : TransactionResult;
}
