using System.Collections.Immutable;
using KvStore.Core.Primitives;

namespace KvStore.Core.State;

/// <summary>
/// What must be true of a key for a write to happen; evaluated when the entry is applied, never before.
/// </summary>
public abstract record Condition
{
    /// <summary>The key must be there.</summary>
    public sealed record Exists : Condition;

    /// <summary>The key must not be there.</summary>
    public sealed record Absent : Condition;

    /// <summary>The key must be there with one of these versions (1 to 16).</summary>
    public sealed record VersionIn(ImmutableArray<KeyVersion> Versions) : Condition;
}

/// <summary>A change to one partition's state.</summary>
public abstract record Command
{
    /// <summary>The key: 1 to 1024 bytes.</summary>
    public required ReadOnlyMemory<byte> Key { get; init; }

    /// <summary>
    /// The primary's clock when it proposed, in milliseconds since 1970; the state keeps the largest it has seen.
    /// </summary>
    public required long TimeMs { get; init; }

    /// <summary>What must hold for the change to happen; nothing: always.</summary>
    public Condition? Condition { get; init; }

    /// <summary>Makes retries safe; nothing: this command is not retried.</summary>
    public RequestId? RequestId { get; init; }

    /// <summary>Stores a value.</summary>
    public sealed record Put : Command
    {
        /// <summary>The value's bytes.</summary>
        public required ReadOnlyMemory<byte> Value { get; init; }

        /// <summary>The value's MIME type, at most 255 bytes of ASCII.</summary>
        public required string ContentType { get; init; }
    }

    /// <summary>Removes a key.</summary>
    public sealed record Delete : Command;
}
