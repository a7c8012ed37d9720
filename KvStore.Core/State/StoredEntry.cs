using KvStore.Core.Primitives;

namespace KvStore.Core.State;

/// <summary>
/// A key's value as stored. Immutable; its memory may be part of a larger buffer that it keeps alive.
/// </summary>
public sealed record StoredEntry(ReadOnlyMemory<byte> Value, string ContentType, KeyVersion Version, long ModifiedMs);
