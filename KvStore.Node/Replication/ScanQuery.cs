using System.Collections.Immutable;
using KvStore.Core.Primitives;

namespace KvStore.Node.Replication;

/// <summary>How much is told of each key.</summary>
internal enum ScanValues
{
    /// <summary>Version and size.</summary>
    None = 0,

    /// <summary>All but the value.</summary>
    Meta = 1,

    /// <summary>All.</summary>
    Full = 2,
}

/// <summary>Which keys are asked for, and how much of them at once.</summary>
internal sealed record ScanQuery
{
    /// <summary>The first key that may be given; empty: from the first one on.</summary>
    public ReadOnlyMemory<byte> Start { get; init; }

    /// <summary>The key before which it ends; null: after the last one.</summary>
    public ReadOnlyMemory<byte>? End { get; init; }

    /// <summary>Behind which the rest of a key does not count; empty: all of it does.</summary>
    public ReadOnlyMemory<byte> Delimiter { get; init; }

    /// <summary>From which byte of a key on the delimiter is looked for.</summary>
    public int PrefixLength { get; init; }

    /// <summary>Whether the last key comes first.</summary>
    public bool IsDescending { get; init; }

    /// <summary>The most keys and common prefixes; 0: none, where only the count is wanted.</summary>
    public required int Limit { get; init; }

    /// <summary>Bytes after which no other item follows; one that is larger comes alone.</summary>
    public required int MaxBytes { get; init; }

    /// <summary>How much is told of each key.</summary>
    public ScanValues Values { get; init; }

    /// <summary>The same from behind an item on; null when nothing can be there.</summary>
    public ScanQuery? After(ScanItem last) => IsDescending
        ? this with { End = last.Key }
        : (last.IsPrefix ? KeyBounds.AfterPrefix(last.Key) : KeyBounds.AfterKey(last.Key)) is { } next
            ? this with { Start = next }
            : null;

    /// <summary>Where it begins: what a cursor remembers of it.</summary>
    public ReadOnlyMemory<byte> Position => IsDescending ? End ?? default : Start;

    /// <summary>The same from where a cursor says.</summary>
    public ScanQuery At(ReadOnlyMemory<byte> position) =>
        IsDescending ? this with { End = position } : this with { Start = position };
}

/// <summary>Arithmetic of keys as byte strings.</summary>
internal static class KeyBounds
{
    /// <summary>The smallest key that is larger.</summary>
    public static ReadOnlyMemory<byte> AfterKey(ReadOnlyMemory<byte> key)
    {
        var next = new byte[key.Length + 1];
        key.CopyTo(next);
        return next;
    }

    /// <summary>The smallest key that is larger than all that begin with the prefix; null: there is none.</summary>
    public static ReadOnlyMemory<byte>? AfterPrefix(ReadOnlyMemory<byte> prefix)
    {
        var kept = prefix.Span.LastIndexOfAnyExcept((byte)0xFF) + 1;
        if (kept == 0)
            return null;
        var next = prefix[..kept].ToArray();
        next[^1]++;
        return next;
    }
}

/// <summary>A key of a scan, or what several keys begin with.</summary>
internal sealed record ScanItem
{
    /// <summary>The key, or the common prefix.</summary>
    public required ReadOnlyMemory<byte> Key { get; init; }

    /// <summary>Whether it stands for all keys that begin so; nothing else is told of them.</summary>
    public bool IsPrefix { get; init; }

    /// <summary>Whether it stands for all that was not read behind the key.</summary>
    public bool IsCut { get; init; }

    /// <summary>The version that is stored.</summary>
    public KeyVersion Version { get; init; }

    /// <summary>Bytes of the value.</summary>
    public int Size { get; init; }

    /// <summary>The value's type; null where it was not asked for.</summary>
    public string? ContentType { get; init; }

    /// <summary>When it was last written, in milliseconds since 1970; 0 where it was not asked for.</summary>
    public long ModifiedMs { get; init; }

    /// <summary>From when on it is gone, in milliseconds since 1970; 0: never, or not asked for.</summary>
    public long ExpiresMs { get; init; }

    /// <summary>The value; empty where it was not asked for.</summary>
    public ReadOnlyMemory<byte> Value { get; init; }

    /// <summary>What the writer told of the value; empty where the value was not asked for.</summary>
    public ReadOnlyMemory<byte> Metadata { get; init; }

    /// <summary>What it counts towards <see cref="ScanQuery.MaxBytes"/>.</summary>
    public int Bytes => Overhead + Key.Length + Value.Length + Metadata.Length;

    private const int Overhead = 128;
}

/// <summary>Some items in the order asked for.</summary>
/// <param name="Items">At most as many as asked for.</param>
/// <param name="IsComplete">Whether nothing follows them.</param>
internal sealed record ScanPart(ImmutableArray<ScanItem> Items, bool IsComplete)
{
    /// <summary>Nothing, of nothing.</summary>
    public static ScanPart Empty { get; } = new([], IsComplete: true);

    /// <summary>The items, and one that stands for those that are missing.</summary>
    public IEnumerable<ScanItem> ToMerge() =>
        IsComplete || Items.IsEmpty ? Items : Items.Append(new ScanItem { Key = Items[^1].Key, IsCut = true });
}
