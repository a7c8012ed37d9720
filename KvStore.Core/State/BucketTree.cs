using KvStore.Core.Primitives;

namespace KvStore.Core.State;

/// <summary>
/// One bucket's keys in one partition: the entries in key order, and those that expire in the order in which they do.
/// Immutable.
/// </summary>
internal sealed class BucketTree
{
    private readonly CowMap<ReadOnlyMemory<byte>, ReadOnlySpan<byte>, StoredEntry, KeyOrder> _entries;
    private readonly CowMap<Expiry, Expiry, StoredEntry, ExpiryOrder> _expiries;

    private BucketTree(
        CowMap<ReadOnlyMemory<byte>, ReadOnlySpan<byte>, StoredEntry, KeyOrder> entries,
        CowMap<Expiry, Expiry, StoredEntry, ExpiryOrder> expiries,
        long bytes)
    {
        _entries = entries;
        _expiries = expiries;
        Bytes = bytes;
    }

    public static BucketTree Empty { get; } = new(
        CowMap<ReadOnlyMemory<byte>, ReadOnlySpan<byte>, StoredEntry, KeyOrder>.Empty,
        CowMap<Expiry, Expiry, StoredEntry, ExpiryOrder>.Empty,
        0);

    /// <summary>Number of keys, those that are expired and not yet removed among them.</summary>
    public long Count => _entries.Count;

    /// <summary>Bytes of keys, values and metadata.</summary>
    public long Bytes { get; }

    /// <summary>When the first of its keys expires; <see cref="long.MaxValue"/>: none does.</summary>
    public long NextExpiryMs => _expiries.TryFirst(out var first, out _) ? first.AtMs : long.MaxValue;

    /// <summary>
    /// When the first of those expires that are not expired at a time; <see cref="long.MaxValue"/>: none does.
    /// </summary>
    public long NextExpiryAfter(long timeMs)
    {
        using var walk = _expiries.From(new Expiry(timeMs + 1, default));
        return walk.MoveNext() ? walk.Current.Key.AtMs : long.MaxValue;
    }

    public bool TryFind(ReadOnlySpan<byte> key, out StoredEntry entry) => _entries.TryFind(key, out entry);

    /// <summary>The keys that expire, and when, those that do first before the others.</summary>
    public IEnumerable<(long AtMs, ReadOnlyMemory<byte> Key)> Expiries =>
        _expiries.Select(pair => (pair.Key.AtMs, pair.Key.Key));

    /// <summary>The keys that are expired at a time, those that expired first before the others.</summary>
    public IEnumerable<(ReadOnlyMemory<byte> Key, StoredEntry Entry)> Expired(long timeMs)
    {
        foreach (var (expiry, entry) in _expiries)
        {
            if (expiry.AtMs > timeMs)
                yield break;
            yield return (expiry.Key, entry);
        }
    }

    public IEnumerator<KeyValuePair<ReadOnlyMemory<byte>, StoredEntry>> From(ReadOnlySpan<byte> start) =>
        _entries.From(start);

    /// <summary>The entries before <paramref name="end"/>, or all of them, in descending order.</summary>
    public IEnumerator<KeyValuePair<ReadOnlyMemory<byte>, StoredEntry>> Before(ReadOnlyMemory<byte>? end) =>
        end is { } key ? _entries.Before(key.Span) : _entries.Down();

    /// <summary>With <paramref name="entry"/> in place of <paramref name="replaced"/>, if there was one.</summary>
    public BucketTree With(ReadOnlyMemory<byte> key, StoredEntry entry, StoredEntry? replaced)
    {
        var expiries = replaced is { ExpiresMs: > 0 and var before }
            ? _expiries.Without(new Expiry(before, key))
            : _expiries;
        if (entry.ExpiresMs > 0)
            expiries = expiries.With(new Expiry(entry.ExpiresMs, key), entry);
        var grown = SizeOf(key, entry) - (replaced is null ? 0 : SizeOf(key, replaced));
        return new(_entries.With(key, entry), expiries, Bytes + grown);
    }

    public BucketTree Without(ReadOnlyMemory<byte> key, StoredEntry removed) => new(
        _entries.Without(key),
        removed.ExpiresMs > 0 ? _expiries.Without(new Expiry(removed.ExpiresMs, key)) : _expiries,
        Bytes - SizeOf(key, removed));

    /// <summary>Without the keys that expired first.</summary>
    /// <param name="expired">What <see cref="Expired"/> gave, or some of that, in the same order.</param>
    public BucketTree Without(ReadOnlySpan<(ReadOnlyMemory<byte> Key, StoredEntry Entry)> expired)
    {
        var (keys, expiries) = (new ReadOnlyMemory<byte>[expired.Length], new Expiry[expired.Length]);
        var bytes = Bytes;
        for (var at = 0; at < expired.Length; at++)
        {
            var (key, entry) = expired[at];
            (keys[at], expiries[at]) = (key, new Expiry(entry.ExpiresMs, key));
            bytes -= SizeOf(key, entry);
        }

        Array.Sort(keys, static (left, right) => KeyOrder.Compare(left.Span, right));
        return new(_entries.Without(keys), _expiries.Without(expiries), bytes);
    }

    public static BucketTree FromOrdered(List<ReadOnlyMemory<byte>> keys, List<StoredEntry> entries)
    {
        long bytes = 0;
        var expiring = new List<(Expiry Expiry, StoredEntry Entry)>();
        for (var i = 0; i < keys.Count; i++)
        {
            bytes += SizeOf(keys[i], entries[i]);
            if (entries[i].ExpiresMs > 0)
                expiring.Add((new Expiry(entries[i].ExpiresMs, keys[i]), entries[i]));
        }

        expiring.Sort((left, right) => ExpiryOrder.Compare(left.Expiry, right.Expiry));
        return new(
            CowMap<ReadOnlyMemory<byte>, ReadOnlySpan<byte>, StoredEntry, KeyOrder>.FromOrdered(keys, entries),
            CowMap<Expiry, Expiry, StoredEntry, ExpiryOrder>.FromOrdered(
                [.. expiring.Select(pair => pair.Expiry)], [.. expiring.Select(pair => pair.Entry)]),
            bytes);
    }

    private static long SizeOf(ReadOnlyMemory<byte> key, StoredEntry entry) =>
        key.Length + entry.Value.Length + entry.Metadata.Length;

    private readonly record struct Expiry(long AtMs, ReadOnlyMemory<byte> Key);

    private readonly struct KeyOrder : IKeyOrder<ReadOnlyMemory<byte>, ReadOnlySpan<byte>>
    {
        public static int Compare(ReadOnlySpan<byte> probe, ReadOnlyMemory<byte> key) =>
            probe.SequenceCompareTo(key.Span);

        public static ReadOnlySpan<byte> ProbeOf(ReadOnlyMemory<byte> key) => key.Span;

        public static ReadOnlyMemory<byte> Detach(ReadOnlyMemory<byte> key) => key.ToArray();
    }

    private readonly struct ExpiryOrder : IKeyOrder<Expiry, Expiry>
    {
        public static int Compare(Expiry probe, Expiry key)
        {
            var time = probe.AtMs.CompareTo(key.AtMs);
            return time != 0 ? time : probe.Key.Span.SequenceCompareTo(key.Key.Span);
        }

        public static Expiry ProbeOf(Expiry key) => key;

        public static Expiry Detach(Expiry key) => key with { Key = key.Key.ToArray() };
    }
}

/// <summary>Buckets in the order of their ids.</summary>
internal readonly struct BucketOrder : IKeyOrder<BucketId, BucketId>
{
    public static int Compare(BucketId probe, BucketId key) => probe.CompareTo(key);

    public static BucketId ProbeOf(BucketId key) => key;

    public static BucketId Detach(BucketId key) => key;
}
