using System.Collections.Immutable;
using KvStore.Core.Primitives;

namespace KvStore.Core.State;

/// <summary>
/// An immutable image of a partition's state: buckets with their entries in key order, remembered requests, log time.
/// </summary>
public sealed class StateImage
{
    private StateImage()
    {
    }

    private StateImage(StateImage from)
    {
        Trees = from.Trees;
        Closed = from.Closed;
        Requests = from.Requests;
        Time = from.Time;
        Index = from.Index;
        Count = from.Count;
        Bytes = from.Bytes;
        NextExpiryMs = from.NextExpiryMs;
        Transactions = from.Transactions;
    }

    /// <summary>Hashes of different formats say nothing of each other.</summary>
    public static uint HashFormat => StateImageFormat.Version;

    /// <summary>No keys, no remembered requests.</summary>
    public static StateImage Empty { get; } = new();

    /// <summary>The last command that it contains.</summary>
    public LogIndex Index { get; private init; }

    /// <summary>Number of keys, those that are expired and not yet removed among them.</summary>
    public long Count { get; private init; }

    /// <summary>Bytes of all keys, values and metadata.</summary>
    public long Bytes { get; private init; }

    /// <summary>
    /// Log time: the latest that a command brought, in milliseconds since 1970; never falls. What expires at or before
    /// it is gone.
    /// </summary>
    public long TimeMs => Time.LatestMs;

    /// <summary>No entry is to be taken away before this; <see cref="long.MaxValue"/>: none is.</summary>
    public long NextExpiryMs { get; private init; } = long.MaxValue;

    internal LogTime Time { get; private init; }

    internal RememberedRequests Requests { get; private init; } = RememberedRequests.None;

    internal OpenTransactions Transactions { get; private init; } = OpenTransactions.None;

    /// <summary>The buckets that have keys.</summary>
    internal CowMap<BucketId, BucketId, BucketTree, BucketOrder> Trees { get; private init; } =
        CowMap<BucketId, BucketId, BucketTree, BucketOrder>.Empty;

    /// <summary>The buckets that were dropped, with the command that did.</summary>
    internal CowMap<BucketId, BucketId, LogIndex, BucketOrder> Closed { get; private init; } =
        CowMap<BucketId, BucketId, LogIndex, BucketOrder>.Empty;

    /// <summary>Finds a key without allocating; null when it is not there, or expired.</summary>
    public StoredEntry? Find(BucketId bucket, ReadOnlySpan<byte> key) =>
        Trees.TryFind(bucket, out var tree) && tree.TryFind(key, out var entry) && !IsGone(bucket, key, entry)
            ? entry
            : null;

    /// <summary>
    /// Whether the key belongs to a transaction that is not settled yet: what is stored may not be what is, and nobody
    /// knows yet.
    /// </summary>
    public bool IsLocked(BucketId bucket, ReadOnlyMemory<byte> key) => Transactions.IsLocked(bucket, key);

    /// <summary>Whether one of the keys <see cref="IsLocked"/>.</summary>
    public bool IsAnyLocked(BucketId bucket, ImmutableArray<ReadOnlyMemory<byte>> keys)
    {
        if (PreparedCount == 0)
            return false;
        foreach (var key in keys)
        {
            if (IsLocked(bucket, key))
                return true;
        }

        return false;
    }

    /// <summary>The attempts at transactions that are prepared here and not settled, with who takes part.</summary>
    public IEnumerable<(RequestId Attempt, ImmutableArray<PartitionId> Participants)> PreparedTransactions =>
        Transactions.Prepared.Select(pair => (pair.Key, pair.Value.Participants));

    /// <summary>
    /// The attempts at transactions that were decided here and that others may not have finished, with who takes part.
    /// </summary>
    public IEnumerable<(RequestId Attempt, TransactionOutcome Outcome, ImmutableArray<PartitionId> Participants)>
        DecidedTransactions =>
        Transactions.Decided.Select(pair => (pair.Key, pair.Value.Outcome, pair.Value.Participants));

    /// <summary>How many attempts hold keys here.</summary>
    public long PreparedCount => Transactions.Prepared.Count;

    /// <summary>Whether any transaction over several partitions is open here.</summary>
    public bool HasOpenTransactions => Transactions.Prepared.Count > 0 || Transactions.Decided.Count > 0;

    /// <summary>
    /// Whether a key is over by a time and not by log time yet: what is over by that is hidden, removed or not.
    /// </summary>
    public bool IsAnyOverBy(long nowMs)
    {
        if (NextExpiryMs > nowMs || TimeMs >= nowMs)
            return false;
        foreach (var (_, tree) in Trees)
        {
            if (tree.NextExpiryMs <= nowMs && tree.NextExpiryAfter(TimeMs) <= nowMs)
                return true;
        }

        return false;
    }

    /// <summary>Whether the bucket was dropped: then it takes nothing and has nothing, ever again.</summary>
    public bool IsClosed(BucketId bucket) => Closed.TryFind(bucket, out _);

    /// <summary>
    /// A bucket's entries from <paramref name="start"/> (inclusive) on, in byte order of their keys, without those that
    /// are expired.
    /// </summary>
    public IEnumerable<KeyValuePair<ReadOnlyMemory<byte>, StoredEntry>> From(
        BucketId bucket, ReadOnlyMemory<byte> start)
    {
        if (!Trees.TryFind(bucket, out var tree))
            yield break;
        var walk = tree.From(start.Span);
        while (walk.MoveNext())
        {
            if (!IsGone(bucket, walk.Current.Key.Span, walk.Current.Value))
                yield return walk.Current;
        }
    }

    /// <summary>
    /// A bucket's entries before <paramref name="end"/> (exclusive; null: all), in descending order of their keys,
    /// without those that are expired.
    /// </summary>
    public IEnumerable<KeyValuePair<ReadOnlyMemory<byte>, StoredEntry>> Before(
        BucketId bucket, ReadOnlyMemory<byte>? end)
    {
        if (!Trees.TryFind(bucket, out var tree))
            yield break;
        var walk = tree.Before(end);
        while (walk.MoveNext())
        {
            if (!IsGone(bucket, walk.Current.Key.Span, walk.Current.Value))
                yield return walk.Current;
        }
    }

    /// <summary>
    /// What it has of one bucket, without all else: what is kept for a while keeps nothing alive that is not read.
    /// </summary>
    public StateImage Only(BucketId bucket)
    {
        var tree = Trees.TryFind(bucket, out var known) ? known : BucketTree.Empty;
        var none = Empty.At(TimeMs, Index, RequestMemory.Default);
        return none.With(bucket, BucketTree.Empty, tree);
    }

    /// <summary>Whether a bucket has keys, those that are expired and not yet removed among them.</summary>
    public bool HasKeys(BucketId bucket) => Trees.TryFind(bucket, out _);

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
        List<BucketId> ids,
        List<BucketTree> trees,
        List<(BucketId Id, LogIndex At)> closed,
        RememberedRequests requests,
        OpenTransactions transactions,
        LogTime time,
        LogIndex index) => new()
        {
            Transactions = transactions,
            Trees = CowMap<BucketId, BucketId, BucketTree, BucketOrder>.FromOrdered(ids, trees),
            Closed = CowMap<BucketId, BucketId, LogIndex, BucketOrder>.FromOrdered(
                [.. closed.Select(bucket => bucket.Id)], [.. closed.Select(bucket => bucket.At)]),
            Requests = requests,
            Time = time,
            Index = index,
            Count = trees.Sum(tree => tree.Count),
            Bytes = trees.Sum(tree => tree.Bytes),
            NextExpiryMs = trees.Select(tree => tree.NextExpiryMs).DefaultIfEmpty(long.MaxValue).Min(),
        };

    /// <summary>
    /// The image when the command at <paramref name="index"/> comes: time moves forward, old requests go.
    /// </summary>
    internal StateImage At(long timeMs, LogIndex index, RequestMemory memory)
    {
        var now = Time.At(timeMs);
        return new(this) { Time = now, Index = index, Requests = Requests.Forget(now.PassedMs, memory) };
    }

    /// <summary>Finds a key even if it is expired.</summary>
    internal StoredEntry? FindStored(BucketId bucket, ReadOnlySpan<byte> key) =>
        Trees.TryFind(bucket, out var tree) && tree.TryFind(key, out var entry) ? entry : null;

    /// <summary>With <paramref name="entry"/> in place of <paramref name="replaced"/>, if there was one.</summary>
    internal StateImage With(BucketId bucket, ReadOnlyMemory<byte> key, StoredEntry entry, StoredEntry? replaced)
    {
        var tree = Trees.TryFind(bucket, out var known) ? known : BucketTree.Empty;
        return With(bucket, tree, tree.With(key, entry, replaced));
    }

    internal StateImage Without(BucketId bucket, ReadOnlyMemory<byte> key, StoredEntry removed)
    {
        Invariant.Holds(Trees.TryFind(bucket, out var tree));
        return With(bucket, tree, tree.Without(key, removed));
    }

    /// <summary>Without the bucket's keys, however many, and closed to all that comes.</summary>
    internal StateImage WithClosed(BucketId bucket)
    {
        var emptied = Trees.TryFind(bucket, out var tree) ? With(bucket, tree, BucketTree.Empty) : this;
        return new(emptied) { Closed = Closed.With(bucket, Index) };
    }

    internal StateImage With(OpenTransactions transactions) => new(this) { Transactions = transactions };

    internal StateImage Remembering(RequestId id, RememberedRequest request) =>
        new(this) { Requests = Requests.With(id, request) };

    /// <summary>
    /// Without expired keys, at most so many; but with those that a transaction holds, since they were there when that
    /// was prepared.
    /// </summary>
    /// <param name="limit">Positive.</param>
    /// <param name="changes">Grows by what became of them.</param>
    internal StateImage WithoutExpired(int limit, List<KeyChange> changes)
    {
        var image = this;
        foreach (var (bucket, tree) in Trees)
        {
            if (limit == 0)
                break;
            if (tree.NextExpiryMs > TimeMs)
                continue;
            var expired = tree.Expired(TimeMs).Where(pair => !IsLocked(bucket, pair.Key)).Take(limit).ToArray();
            if (expired.Length == 0)
                continue;
            image = image.With(bucket, tree, tree.Without(expired));
            changes.AddRange(expired.Select(
                pair => new KeyChange(bucket, pair.Key, KeyChangeKind.Expire, pair.Entry)));
            limit -= expired.Length;
        }

        return image.WithNextExpiry();
    }

    /// <summary>With a bucket's keys to be looked at again, since some of them are no longer held.</summary>
    internal StateImage WithFreed(BucketId bucket) => Trees.TryFind(bucket, out var tree)
        ? new(this) { NextExpiryMs = Math.Min(NextExpiryMs, tree.NextExpiryMs) }
        : this;

    /// <summary>
    /// With <see cref="NextExpiryMs"/> looked up and not guessed. What is expired and held by a transaction is not to
    /// be taken away before that is settled.
    /// </summary>
    private StateImage WithNextExpiry() => new(this)
    {
        NextExpiryMs = Trees.Select(tree => NextExpiryOf(tree.Key, tree.Value)).DefaultIfEmpty(long.MaxValue).Min(),
    };

    private long NextExpiryOf(BucketId bucket, BucketTree tree)
    {
        if (tree.NextExpiryMs is var first && first > TimeMs)
            return first;
        foreach (var (expiresMs, key) in tree.Expiries)
        {
            if (expiresMs > TimeMs || !IsLocked(bucket, key))
                return expiresMs;
        }

        return long.MaxValue;
    }

    /// <summary>
    /// What is due while a transaction holds it goes when that is settled: it may write the key, and then nobody was to
    /// have seen it gone.
    /// </summary>
    private bool IsGone(BucketId bucket, ReadOnlySpan<byte> key, StoredEntry entry) =>
        entry.IsExpiredAt(TimeMs) && !(HasOpenTransactions && IsLocked(bucket, key.ToArray()));

    private StateImage With(BucketId bucket, BucketTree before, BucketTree after) => new(this)
    {
        Trees = after.Count > 0 ? Trees.With(bucket, after) : Trees.Without(bucket),
        Count = Count + after.Count - before.Count,
        Bytes = Bytes + after.Bytes - before.Bytes,
        NextExpiryMs = Math.Min(NextExpiryMs, after.NextExpiryMs),
    };
}
