namespace KvStore.Client;

/// <summary>A key with its value, as it was read.</summary>
/// <typeparam name="T">What the value is read as.</typeparam>
/// <param name="Key">The key.</param>
/// <param name="Value">The value.</param>
/// <param name="Version">The version that was read.</param>
public sealed record KvEntry<T>(string Key, T Value, KvVersion Version)
{
    /// <summary>The value's media type.</summary>
    public required string ContentType { get; init; }

    /// <summary>When the key ends; null: never.</summary>
    public DateTimeOffset? ExpiresAt { get; init; }

    /// <summary>What its writer told of it, by name; names differ by more than the case of letters.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; init; } = Empty;

    internal static IReadOnlyDictionary<string, string> Empty { get; } =
        System.Collections.Immutable.ImmutableDictionary<string, string>.Empty;
}

/// <summary>A key without its value.</summary>
/// <param name="Key">The key.</param>
/// <param name="Version">Its version.</param>
/// <param name="Size">Bytes of its value.</param>
/// <param name="ContentType">The value's media type.</param>
/// <param name="Modified">When it was last written.</param>
/// <param name="ExpiresAt">When it ends; null: never.</param>
public sealed record KvKey(
    string Key, KvVersion Version, int Size, string ContentType, DateTimeOffset Modified, DateTimeOffset? ExpiresAt)
{
    /// <summary>
    /// What its value's writer told of it, by name, from <see cref="KvBucket.DescribeAsync"/>; a list of keys does not
    /// tell it.
    /// </summary>
    public IReadOnlyDictionary<string, string> Metadata { get; init; } = KvEntry<object>.Empty;
}
