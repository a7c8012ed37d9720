using KvStore.Core.Primitives;
using KvStore.Core.State;
using KvStore.Node.Replication;

namespace KvStore.Node.Transactions;

/// <summary>What became of one operation of a batch.</summary>
internal abstract record BatchItem
{
    /// <summary>It was looked at, and came to this; a state that contains <paramref name="Index"/> has it.</summary>
    public sealed record Answered(ItemResult Result, bool IsReplay, LogIndex Index) : BatchItem;

    /// <summary>The command that it was in came to this, and not to results.</summary>
    public sealed record NotWritten(WriteOutcome Outcome) : BatchItem;

    /// <summary>The read that it was in came to this, and not to entries.</summary>
    public sealed record NotRead(KeysOutcome Outcome) : BatchItem;

    /// <summary>An operation before it failed, and the batch was to end there.</summary>
    public sealed record NotAttempted : BatchItem;
}
