namespace KvStore.Client;

/// <summary>What came of a write that has a condition.</summary>
/// <param name="IsApplied">Whether the condition held, so that the write was done.</param>
/// <param name="Version">
/// When it was applied, the version that it made, or of a delete null. When not, the version that is stored; null: the
/// key is not there.
/// </param>
public readonly record struct KvWriteResult(bool IsApplied, KvVersion? Version);
