using System.Collections.Immutable;
using KvStore.Core.Primitives;

namespace KvStore.Core.State;

/// <summary>
/// What must be true of a key for an operation to happen; evaluated when the entry is applied, never before.
/// </summary>
public abstract record Condition
{
    /// <summary>The key must be there.</summary>
    public sealed record Exists : Condition;

    /// <summary>The key must not be there.</summary>
    public sealed record Absent : Condition;

    /// <summary>The key must be there with one of these versions (1 to 16).</summary>
    public sealed record VersionIn(ImmutableArray<KeyVersion> Versions) : Condition;

    /// <summary>
    /// The index of the key's version must compare so to <paramref name="Index"/>; a key that is not there counts as 0.
    /// </summary>
    public sealed record VersionIs(Comparison Comparison, LogIndex Index) : Condition;

    /// <summary>
    /// The key must be there with this value: byte for byte, or, where both are JSON, with the same meaning.
    /// </summary>
    public sealed record ValueIs(ReadOnlyMemory<byte> Value) : Condition;
}

/// <summary>How two numbers compare; the numbers here are in the formats.</summary>
public enum Comparison : byte
{
    /// <summary>The same.</summary>
    Equal = 1,

    /// <summary>Not the same.</summary>
    NotEqual = 2,

    /// <summary>The key's is greater.</summary>
    Greater = 3,

    /// <summary>The key's is smaller.</summary>
    Less = 4,
}

/// <summary>One comparison of a transaction.</summary>
/// <param name="Key">The key: 1 to 1024 bytes.</param>
/// <param name="Condition">What must be true of it.</param>
public sealed record Compare(ReadOnlyMemory<byte> Key, Condition Condition);

/// <summary>A change to one partition's state.</summary>
public abstract record Command
{
    /// <summary>
    /// The primary's log clock when it proposed, in milliseconds since 1970; the state keeps the largest it has seen.
    /// </summary>
    public required long TimeMs { get; init; }

    /// <summary>Makes retries safe; nothing: this command is not retried.</summary>
    public RequestId? RequestId { get; init; }

    /// <summary>Whether it may make the state larger: these are what a full disk refuses.</summary>
    public virtual bool Stores => false;

    /// <summary>One operation.</summary>
    public sealed record Change : Command
    {
        /// <summary>Where the key is.</summary>
        public required BucketId Bucket { get; init; }

        /// <summary>What is done; no <see cref="Operation.Get"/>.</summary>
        public required Operation Operation { get; init; }

        /// <inheritdoc/>
        public override bool Stores => Operation.Stores;
    }

    /// <summary>Some operations, each for itself: one that is refused does not keep the others from happening.</summary>
    public sealed record Batch : Command
    {
        /// <summary>Where the keys are.</summary>
        public required BucketId Bucket { get; init; }

        /// <summary>
        /// 1 to <see cref="CommandFormat.MaxOperations"/>, in this order; no key is written by two of them.
        /// </summary>
        public required ImmutableArray<Operation> Operations { get; init; }

        /// <inheritdoc/>
        public override bool Stores => Operations.Any(operation => operation.Stores);
    }

    /// <summary>
    /// Where all of <see cref="If"/> hold, all of <see cref="Then"/> happens; else all of <see cref="Else"/>. An
    /// operation that cannot be done keeps all of them from happening.
    /// </summary>
    public sealed record Transaction : Command
    {
        /// <summary>Where the keys are.</summary>
        public required BucketId Bucket { get; init; }

        /// <summary>What must hold; may be empty.</summary>
        public ImmutableArray<Compare> If { get; init; } = [];

        /// <summary>What is done if it holds; no key is written by two of them.</summary>
        public ImmutableArray<Operation> Then { get; init; } = [];

        /// <summary>What is done if it does not; no key is written by two of them.</summary>
        public ImmutableArray<Operation> Else { get; init; } = [];

        /// <inheritdoc/>
        public override bool Stores => Then.Concat(Else).Any(operation => operation.Stores);
    }

    /// <summary>
    /// Tells the time and takes some of the entries away that are expired by it; there may be more of them.
    /// </summary>
    public sealed record Expire : Command;

    /// <summary>Drops all of a bucket's keys at once and refuses its id from then on.</summary>
    public sealed record CloseBucket : Command
    {
        /// <summary>Which; not <see cref="BucketId.Default"/>.</summary>
        public required BucketId Bucket { get; init; }
    }
}
