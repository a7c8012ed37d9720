using KvStore.Core.Primitives;

namespace KvStore.Core.State;

/// <summary>
/// A key's value as stored. Immutable; its memory may be part of a larger buffer that it keeps alive. Times are log
/// time (<see cref="StateImage.TimeMs"/>).
/// </summary>
public sealed record StoredEntry
{
    /// <summary>The value's bytes.</summary>
    public required ReadOnlyMemory<byte> Value { get; init; }

    /// <summary>The value's MIME type, at most 255 bytes of ASCII.</summary>
    public required string ContentType { get; init; }

    /// <summary>What the writer told of the value, in a form that the state does not look into; may be empty.</summary>
    public ReadOnlyMemory<byte> Metadata { get; init; }

    /// <summary>The write that made it so.</summary>
    public required KeyVersion Version { get; init; }

    /// <summary>When the key was stored that was not there before, in milliseconds since 1970.</summary>
    public required long CreatedMs { get; init; }

    /// <summary>When it was last written, in milliseconds since 1970.</summary>
    public required long ModifiedMs { get; init; }

    /// <summary>From when on it is gone, in milliseconds since 1970; 0: never.</summary>
    public long ExpiresMs { get; init; }

    /// <summary>Whether it is gone at a time.</summary>
    public bool IsExpiredAt(long timeMs) => ExpiresMs != 0 && ExpiresMs <= timeMs;
}
