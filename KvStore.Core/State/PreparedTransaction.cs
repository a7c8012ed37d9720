using System.Collections.Immutable;
using KvStore.Core.Primitives;

namespace KvStore.Core.State;

/// <summary>
/// A partition's part of a transaction that is not settled yet: what would change is worked out, and no key of it may
/// be touched until one of both happens, or nothing.
/// </summary>
internal sealed record PreparedTransaction
{
    /// <summary>The version that it gives its keys: that of the command which prepared it.</summary>
    public required KeyVersion Version { get; init; }

    public required RequestId Client { get; init; }

    public required ulong Fingerprint { get; init; }

    public required ImmutableArray<PartitionId> Participants { get; init; }

    public required BucketId Bucket { get; init; }

    /// <summary>Every key that is compared, read or written, once, ascending.</summary>
    public required ImmutableArray<ReadOnlyMemory<byte>> Keys { get; init; }

    public required ImmutableArray<KeyChange> Then { get; init; }

    public required ImmutableArray<KeyChange> Else { get; init; }

    /// <summary>What comparisons and operations came to (<see cref="ItemResultsFormat"/>).</summary>
    public required ReadOnlyMemory<byte> Items { get; init; }
}

/// <summary>What was decided of a transaction whose participants have not all finished yet.</summary>
internal sealed record DecidedTransaction(TransactionOutcome Outcome, ImmutableArray<PartitionId> Participants);

/// <summary>
/// The transactions over several partitions that one partition takes part in: prepared here, or decided here and not
/// yet finished elsewhere. Immutable.
/// </summary>
internal sealed class OpenTransactions
{
    private readonly CowMap<RequestId, RequestId, PreparedTransaction, RequestIdOrder> _prepared;
    private readonly CowMap<RequestId, RequestId, DecidedTransaction, RequestIdOrder> _decided;
    private readonly CowMap<LockedKey, LockedKey, RequestId, LockOrder> _locks;

    private OpenTransactions(
        CowMap<RequestId, RequestId, PreparedTransaction, RequestIdOrder> prepared,
        CowMap<RequestId, RequestId, DecidedTransaction, RequestIdOrder> decided,
        CowMap<LockedKey, LockedKey, RequestId, LockOrder> locks)
    {
        _prepared = prepared;
        _decided = decided;
        _locks = locks;
    }

    public static OpenTransactions None { get; } = new(
        CowMap<RequestId, RequestId, PreparedTransaction, RequestIdOrder>.Empty,
        CowMap<RequestId, RequestId, DecidedTransaction, RequestIdOrder>.Empty,
        CowMap<LockedKey, LockedKey, RequestId, LockOrder>.Empty);

    public CowMap<RequestId, RequestId, PreparedTransaction, RequestIdOrder> Prepared => _prepared;

    public CowMap<RequestId, RequestId, DecidedTransaction, RequestIdOrder> Decided => _decided;

    public bool IsLocked(BucketId bucket, ReadOnlyMemory<byte> key) =>
        _locks.Count > 0 && _locks.TryFind(new LockedKey(bucket, key), out _);

    /// <summary>What is prepared for a client's request, by whatever attempt; null when nothing is.</summary>
    public PreparedTransaction? FindOf(RequestId client)
    {
        foreach (var (_, transaction) in _prepared)
        {
            if (transaction.Client == client)
                return transaction;
        }

        return null;
    }

    public OpenTransactions WithPrepared(RequestId id, PreparedTransaction transaction)
    {
        var locks = _locks;
        foreach (var key in transaction.Keys)
            locks = locks.With(new LockedKey(transaction.Bucket, key), id);
        return new(_prepared.With(id, transaction), _decided, locks);
    }

    public OpenTransactions WithoutPrepared(RequestId id, PreparedTransaction transaction)
    {
        var locks = _locks;
        foreach (var key in transaction.Keys)
            locks = locks.Without(new LockedKey(transaction.Bucket, key));
        return new(_prepared.Without(id), _decided, locks);
    }

    public OpenTransactions WithDecided(RequestId id, DecidedTransaction transaction) =>
        new(_prepared, _decided.With(id, transaction), _locks);

    public OpenTransactions WithoutDecided(RequestId id) => new(_prepared, _decided.Without(id), _locks);

    private readonly record struct LockedKey(BucketId Bucket, ReadOnlyMemory<byte> Key);

    private readonly struct LockOrder : IKeyOrder<LockedKey, LockedKey>
    {
        public static int Compare(LockedKey probe, LockedKey key)
        {
            var bucket = probe.Bucket.CompareTo(key.Bucket);
            return bucket != 0 ? bucket : probe.Key.Span.SequenceCompareTo(key.Key.Span);
        }

        public static LockedKey ProbeOf(LockedKey key) => key;

        public static LockedKey Detach(LockedKey key) => key with { Key = key.Key.ToArray() };
    }
}

/// <summary>Request ids in the order of their numbers.</summary>
internal readonly struct RequestIdOrder : IKeyOrder<RequestId, RequestId>
{
    public static int Compare(RequestId probe, RequestId key) => RememberedRequests.Compare(probe, key);

    public static RequestId ProbeOf(RequestId key) => key;

    public static RequestId Detach(RequestId key) => key;
}
