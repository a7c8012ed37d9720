using KvStore.Core.Primitives;

namespace KvStore.Core.Replication;

/// <summary>What a replica must never forget: the term it has seen and whom it voted for in it.</summary>
public readonly record struct HardState(Term Term, NodeId Vote);
