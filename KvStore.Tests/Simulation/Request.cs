using KvStore.Core.Primitives;
using KvStore.Core.State;

namespace KvStore.Tests.Simulation;

/// <summary>A client's call to a node: a command, or, without one, a linearizable read.</summary>
internal sealed record Request(PartitionId Group, ReadOnlyMemory<byte> Key, Command? Command);

/// <summary>A node's answer.</summary>
internal abstract record Reply
{
    /// <summary>Committed and applied.</summary>
    public sealed record Written(WriteResult Result) : Reply;

    /// <summary>Read; nothing: the key is not there.</summary>
    public sealed record Found(StoredEntry? Entry) : Reply;

    /// <summary>Certainly not applied.</summary>
    public sealed record Rejected(NodeId Hint) : Reply;

    /// <summary>Appended and lost sight of.</summary>
    public sealed record Unknown : Reply;
}
