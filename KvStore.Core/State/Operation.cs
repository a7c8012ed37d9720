namespace KvStore.Core.State;

/// <summary>How long a key is kept, as an operation asks for it.</summary>
/// <param name="Kind">What is asked for.</param>
/// <param name="Ms">
/// Where the kind names a time: milliseconds from when it is applied, 1 or more; of <see cref="TtlKind.Until"/> since
/// 1970.
/// </param>
public readonly record struct Ttl(TtlKind Kind, long Ms)
{
    /// <summary>The longest: ten years of 365 days and a few more.</summary>
    public const long LongestMs = 3653L * 24 * 60 * 60 * 1000;

    /// <summary>For ever.</summary>
    public static Ttl None { get; } = new(TtlKind.None, 0);

    /// <summary>As long as it would have been kept; a key that was not there: for ever.</summary>
    public static Ttl Keep { get; } = new(TtlKind.Keep, 0);

    /// <summary>So many milliseconds: 1 to <see cref="LongestMs"/>.</summary>
    public static Ttl After(long milliseconds) => new(TtlKind.After, milliseconds);

    /// <summary>
    /// Until that moment of log time, in milliseconds since 1970, 1 or more. When it has passed before this is applied,
    /// the key is stored and has ended.
    /// </summary>
    public static Ttl Until(long milliseconds) => new(TtlKind.Until, milliseconds);

    /// <summary>As long as it would have been kept; a key that was not there: so many milliseconds, if any.</summary>
    public static Ttl KeepOr(long? milliseconds) =>
        milliseconds is { } after ? new(TtlKind.KeepOrAfter, after) : Keep;
}

/// <summary>What a <see cref="Ttl"/> asks for; the numbers are in the formats.</summary>
public enum TtlKind : byte
{
    /// <summary>For ever.</summary>
    None = 0,

    /// <summary>No change.</summary>
    Keep = 1,

    /// <summary>A time from now.</summary>
    After = 2,

    /// <summary>No change; for a key that was not there a time from now.</summary>
    KeepOrAfter = 3,

    /// <summary>A moment.</summary>
    Until = 4,
}

/// <summary>What is done with one key.</summary>
public abstract record Operation
{
    /// <summary>The key: 1 to 1024 bytes.</summary>
    public required ReadOnlyMemory<byte> Key { get; init; }

    /// <summary>What must hold for the operation to happen; nothing: always.</summary>
    public Condition? Condition { get; init; }

    /// <summary>Whether it may make the state larger: these are what a full disk refuses.</summary>
    public virtual bool Stores => true;

    /// <summary>Gives the entry, as part of a batch or a transaction.</summary>
    public sealed record Get : Operation
    {
        /// <inheritdoc/>
        public override bool Stores => false;
    }

    /// <summary>Stores a value.</summary>
    public sealed record Put : Operation
    {
        /// <summary>The value's bytes.</summary>
        public required ReadOnlyMemory<byte> Value { get; init; }

        /// <summary>The value's MIME type, at most 255 bytes of ASCII.</summary>
        public required string ContentType { get; init; }

        /// <summary>What the writer tells of the value: at most <see cref="CommandFormat.MaxMetadataBytes"/>.</summary>
        public ReadOnlyMemory<byte> Metadata { get; init; }

        /// <summary>How long it is kept.</summary>
        public Ttl Ttl { get; init; }
    }

    /// <summary>Removes a key.</summary>
    public sealed record Delete : Operation
    {
        /// <inheritdoc/>
        public override bool Stores => false;
    }

    /// <summary>Changes how long a key is kept, and nothing else; it gets a new version all the same.</summary>
    public sealed record Touch : Operation
    {
        /// <summary>How long it is kept.</summary>
        public Ttl Ttl { get; init; }

        /// <inheritdoc/>
        public override bool Stores => false;
    }

    /// <summary>
    /// Adds to a value that is a decimal integer of 64 bits; a key that is not there is stored as JSON first.
    /// </summary>
    public sealed record Increment : Operation
    {
        /// <summary>What is added; may be negative.</summary>
        public required long By { get; init; }

        /// <summary>What a key that is not there counts as.</summary>
        public long Initial { get; init; }

        /// <summary>How long it is kept.</summary>
        public Ttl Ttl { get; init; } = Ttl.Keep;
    }

    /// <summary>Applies a JSON merge patch (RFC 7396) to a value that is JSON.</summary>
    public sealed record Merge : Operation
    {
        /// <summary>The patch: valid JSON in UTF-8, no deeper than <see cref="MergePatch.MaxDepth"/>.</summary>
        public required ReadOnlyMemory<byte> Patch { get; init; }

        /// <summary>The most bytes that the patched value may have.</summary>
        public required int MaxValueBytes { get; init; }

        /// <summary>How long it is kept.</summary>
        public Ttl Ttl { get; init; } = Ttl.Keep;
    }
}
