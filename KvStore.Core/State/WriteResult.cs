using KvStore.Core.Primitives;

namespace KvStore.Core.State;

/// <summary>What applying a command came to. Deterministic: every replica comes to the same.</summary>
public enum WriteStatus : byte
{
    /// <summary>Stored; the key was not there before.</summary>
    Created = 1,

    /// <summary>Stored; the key was there before.</summary>
    Replaced = 2,

    /// <summary>Removed.</summary>
    Deleted = 3,

    /// <summary>Nothing to remove: the key was not there. Nothing changed.</summary>
    NotFound = 4,

    /// <summary>The condition did not hold. Nothing changed.</summary>
    VersionMismatch = 5,

    /// <summary>The request id was used before with another request. Nothing changed.</summary>
    RequestIdReused = 6,

    /// <summary>
    /// The request id is no later than one that was forgotten: it may have been applied before. Nothing changed now.
    /// </summary>
    RequestIdExpired = 7,

    /// <summary>The request id is from too far in the future. Nothing changed.</summary>
    RequestIdAhead = 8,
}

/// <summary>
/// The outcome of a command. <paramref name="Version"/> is the version written (<see cref="WriteStatus.Created"/>,
/// <see cref="WriteStatus.Replaced"/>, <see cref="WriteStatus.Deleted"/>) or the version found
/// (<see cref="WriteStatus.VersionMismatch"/>; none when the key is absent). <paramref name="IsReplay"/>: the request
/// had been applied before, and this is what it came to then.
/// </summary>
public readonly record struct WriteResult(WriteStatus Status, KeyVersion Version, bool IsReplay);
