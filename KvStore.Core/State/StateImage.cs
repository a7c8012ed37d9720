namespace KvStore.Core.State;

/// <summary>An immutable image of a partition's state: entries in key order, remembered requests, log time.</summary>
public sealed class StateImage
{
    private readonly CowMap<ReadOnlyMemory<byte>, ReadOnlySpan<byte>, StoredEntry, KeyOrder> _entries;

    private StateImage(
        CowMap<ReadOnlyMemory<byte>, ReadOnlySpan<byte>, StoredEntry, KeyOrder> entries,
        RememberedRequests requests,
        LogTime time,
        long bytes)
    {
        _entries = entries;
        Requests = requests;
        Time = time;
        Bytes = bytes;
    }

    /// <summary>Hashes of different formats say nothing of each other.</summary>
    public static uint HashFormat => StateImageFormat.Version;

    /// <summary>No keys, no remembered requests.</summary>
    public static StateImage Empty { get; } = new(
        CowMap<ReadOnlyMemory<byte>, ReadOnlySpan<byte>, StoredEntry, KeyOrder>.Empty,
        RememberedRequests.None,
        default,
        0);

    /// <summary>Number of keys.</summary>
    public long Count => _entries.Count;

    /// <summary>Bytes of all keys and values.</summary>
    public long Bytes { get; }

    /// <summary>The latest time that a command brought, in milliseconds since 1970; never falls.</summary>
    public long TimeMs => Time.LatestMs;

    internal LogTime Time { get; }

    internal RememberedRequests Requests { get; }

    /// <summary>Finds a key without allocating; null when it is not there.</summary>
    public StoredEntry? Find(ReadOnlySpan<byte> key) => _entries.TryFind(key, out var entry) ? entry : null;

    /// <summary>All entries from <paramref name="start"/> (inclusive) on, in byte order of their keys.</summary>
    public IEnumerable<KeyValuePair<ReadOnlyMemory<byte>, StoredEntry>> From(ReadOnlyMemory<byte> start)
    {
        var walk = _entries.From(start.Span);
        while (walk.MoveNext())
            yield return walk.Current;
    }

    /// <summary>Writes the image in blocks of bounded size; see docs/formats.md.</summary>
    public IEnumerable<ReadOnlyMemory<byte>> Encode() => StateImageFormat.Encode(this);

    /// <summary>Reads what <see cref="Encode"/> wrote, block by block.</summary>
    /// <exception cref="InvalidDataException">The bytes are not an image; says where and why.</exception>
    public static StateImage Decode(IEnumerable<ReadOnlyMemory<byte>> blocks) => StateImageFormat.Decode(blocks);

    /// <summary>
    /// A hash over everything that <see cref="Encode"/> writes: equal on replicas at equal positions, as far as they
    /// write the same <see cref="HashFormat"/>.
    /// </summary>
    /// <param name="afterBlock">Called again and again on the way, so that a long one can make pauses.</param>
    public ulong Hash(Action? afterBlock = null)
    {
        var hash = new System.IO.Hashing.XxHash3();
        foreach (var block in StateImageFormat.EncodeInPlace(this))
        {
            hash.Append(block.Span);
            afterBlock?.Invoke();
        }

        return hash.GetCurrentHashAsUInt64();
    }

    internal static StateImage FromOrdered(
        List<ReadOnlyMemory<byte>> keys, List<StoredEntry> entries, RememberedRequests requests, LogTime time)
    {
        long bytes = 0;
        for (var i = 0; i < keys.Count; i++)
            bytes += keys[i].Length + entries[i].Value.Length;
        var map = CowMap<ReadOnlyMemory<byte>, ReadOnlySpan<byte>, StoredEntry, KeyOrder>.FromOrdered(keys, entries);
        return new(map, requests, time, bytes);
    }

    /// <summary>
    /// The image when a command of <paramref name="timeMs"/> comes: time moves forward, old requests go.
    /// </summary>
    internal StateImage At(long timeMs, RequestMemory memory)
    {
        var now = Time.At(timeMs);
        var requests = Requests.Forget(now.PassedMs, memory);
        return now == Time && ReferenceEquals(requests, Requests) ? this : new(_entries, requests, now, Bytes);
    }

    internal StateImage With(ReadOnlyMemory<byte> key, StoredEntry entry, StoredEntry? replaced)
    {
        var grown = replaced is null ? key.Length + entry.Value.Length : entry.Value.Length - replaced.Value.Length;
        return new(_entries.With(key, entry), Requests, Time, Bytes + grown);
    }

    internal StateImage Without(ReadOnlyMemory<byte> key, StoredEntry removed) =>
        new(_entries.Without(key.Span), Requests, Time, Bytes - key.Length - removed.Value.Length);

    internal StateImage Remembering(RequestId id, RememberedRequest request) =>
        new(_entries, Requests.With(id, request), Time, Bytes);

    private readonly struct KeyOrder : IKeyOrder<ReadOnlyMemory<byte>, ReadOnlySpan<byte>>
    {
        public static int Compare(ReadOnlySpan<byte> probe, ReadOnlyMemory<byte> key) =>
            probe.SequenceCompareTo(key.Span);

        public static ReadOnlySpan<byte> ProbeOf(ReadOnlyMemory<byte> key) => key.Span;

        public static ReadOnlyMemory<byte> Detach(ReadOnlyMemory<byte> key) => key.ToArray();
    }
}
