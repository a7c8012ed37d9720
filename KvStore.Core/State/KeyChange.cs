using KvStore.Core.Primitives;

namespace KvStore.Core.State;

/// <summary>What happened to a key.</summary>
public enum KeyChangeKind : byte
{
    /// <summary>It was written.</summary>
    Put = 1,

    /// <summary>It was removed.</summary>
    Delete = 2,

    /// <summary>Its time was over.</summary>
    Expire = 3,
}

/// <summary>One change that a command made to a key.</summary>
/// <param name="Bucket">Where the key is.</param>
/// <param name="Key">The key.</param>
/// <param name="Kind">What happened to it.</param>
/// <param name="Entry">With <see cref="KeyChangeKind.Put"/>, what is stored now; else what was stored.</param>
public readonly record struct KeyChange(
    BucketId Bucket, ReadOnlyMemory<byte> Key, KeyChangeKind Kind, StoredEntry Entry);
