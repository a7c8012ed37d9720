using KvStore.Core.Primitives;

namespace KvStore.Core.State;

/// <summary>
/// One partition's state: applies commands in log order on one thread. Readers on any thread take
/// <see cref="Image"/>, which never changes.
/// </summary>
public sealed class KeyValueState
{
    /// <summary>Starts from an image: empty, recovered, or received.</summary>
    public KeyValueState(StateImage image) => throw new NotImplementedException();

    /// <summary>The state as of the last applied command; one volatile read.</summary>
    public StateImage Image => throw new NotImplementedException();

    /// <summary>Applies a command's encoded form as the entry at (<paramref name="index"/>, <paramref name="term"/>).</summary>
    public WriteResult Apply(LogIndex index, Term term, ReadOnlyMemory<byte> payload) => throw new NotImplementedException();

    /// <summary>Whether the request was applied within the window that is remembered.</summary>
    public bool Remembers(RequestId id) => throw new NotImplementedException();
}

/// <summary>An immutable image of a partition's state: entries in key order, remembered requests, log time.</summary>
public sealed class StateImage
{
    /// <summary>No keys, no remembered requests.</summary>
    public static StateImage Empty => throw new NotImplementedException();

    /// <summary>Number of keys.</summary>
    public long Count => throw new NotImplementedException();

    /// <summary>Bytes of all keys and values.</summary>
    public long Bytes => throw new NotImplementedException();

    /// <summary>Finds a key without allocating.</summary>
    public StoredEntry? Find(ReadOnlySpan<byte> key) => throw new NotImplementedException();

    /// <summary>All entries from <paramref name="start"/> (inclusive) on, in byte order of their keys.</summary>
    public IEnumerable<KeyValuePair<ReadOnlyMemory<byte>, StoredEntry>> From(ReadOnlyMemory<byte> start) =>
        throw new NotImplementedException();

    /// <summary>Writes the image in blocks of bounded size; see docs/formats.md.</summary>
    public IEnumerable<ReadOnlyMemory<byte>> Encode() => throw new NotImplementedException();

    /// <summary>Reads what <see cref="Encode"/> wrote, block by block.</summary>
    /// <exception cref="InvalidDataException">The bytes are not an image; says where and why.</exception>
    public static StateImage Decode(IEnumerable<ReadOnlyMemory<byte>> blocks) => throw new NotImplementedException();

    /// <summary>A hash over everything that <see cref="Encode"/> writes: equal on replicas at equal positions.</summary>
    public ulong Hash() => throw new NotImplementedException();
}
