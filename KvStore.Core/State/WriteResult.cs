using System.Collections.Immutable;
using KvStore.Core.Primitives;

namespace KvStore.Core.State;

/// <summary>What applying a command, or one operation of it, came to: on every replica the same.</summary>
public enum WriteStatus : byte
{
    /// <summary>Stored; the key was not there before.</summary>
    Created = 1,

    /// <summary>Stored; the key was there before.</summary>
    Replaced = 2,

    /// <summary>Removed.</summary>
    Deleted = 3,

    /// <summary>Nothing to remove, to give or to change: the key was not there. Nothing changed.</summary>
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

    /// <summary>The bucket was dropped. Nothing changed.</summary>
    BucketGone = 9,

    /// <summary>What batches came to fills what may be remembered of it. Nothing changed.</summary>
    MemoryFull = 10,

    /// <summary>A <see cref="Operation.Get"/> found the key, or a comparison of a transaction held.</summary>
    Found = 11,

    /// <summary>The value is no decimal integer of 64 bits. Nothing changed.</summary>
    NotANumber = 12,

    /// <summary>The sum has more than 64 bits. Nothing changed.</summary>
    NumberOverflow = 13,

    /// <summary>The value is not JSON. Nothing changed.</summary>
    NotJson = 14,

    /// <summary>The patched value would be larger than a value may be, or nested too deep. Nothing changed.</summary>
    TooLarge = 15,

    /// <summary>Each operation of the batch was looked at; or the command has no more to say than that.</summary>
    Done = 16,

    /// <summary>The comparisons held and all that was to be done then is done.</summary>
    Succeeded = 17,

    /// <summary>A comparison did not hold; all that was to be done else is done.</summary>
    ComparesFailed = 18,

    /// <summary>An operation of the transaction could not be done. Nothing changed.</summary>
    OperationFailed = 19,
}

/// <summary>What one operation of a batch or a transaction, or one comparison, came to.</summary>
/// <param name="Status">What became of it.</param>
/// <param name="Version">
/// The version written, or found (<see cref="WriteStatus.Found"/>, <see cref="WriteStatus.VersionMismatch"/>).
/// </param>
/// <param name="Number">The sum, of an <see cref="Operation.Increment"/>.</param>
/// <param name="Entry">The entry stored or found; null when there is none, or in what is remembered.</param>
public readonly record struct ItemResult(WriteStatus Status, KeyVersion Version, long Number, StoredEntry? Entry)
{
    /// <summary>Whether it was refused as it was asked for.</summary>
    public bool IsFailure => Status is WriteStatus.VersionMismatch
        or (>= WriteStatus.NotANumber and <= WriteStatus.TooLarge);
}

/// <summary>The outcome of a command.</summary>
/// <param name="Status">What became of it.</param>
/// <param name="Version">
/// The version written, or the version found (<see cref="WriteStatus.VersionMismatch"/>; none when the key is absent).
/// </param>
/// <param name="IsReplay">The request had been applied before, and this is what it came to then.</param>
public readonly record struct WriteResult(WriteStatus Status, KeyVersion Version, bool IsReplay)
{
    /// <summary>The sum, of an <see cref="Operation.Increment"/>.</summary>
    public long Number { get; init; }

    /// <summary>The entry as it is stored now; null when the key is not there, and in a replay.</summary>
    public StoredEntry? Entry { get; init; }

    /// <summary>
    /// Of a batch and a transaction: one for each operation that was looked at, in their order. Of a transaction whose
    /// comparisons failed and that has nothing to do else: one for each comparison.
    /// </summary>
    public ImmutableArray<ItemResult> Items { get; init; } = [];

    /// <summary>Whether a retry gets this answer again, and not a new try.</summary>
    internal static bool IsRemembered(WriteStatus status) =>
        status is (>= WriteStatus.Created and <= WriteStatus.VersionMismatch)
            or (>= WriteStatus.Found and <= WriteStatus.OperationFailed);
}
