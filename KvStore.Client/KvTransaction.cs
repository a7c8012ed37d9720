using System.Collections.Immutable;
using KvStore.Contracts;

namespace KvStore.Client;

/// <summary>
/// A transaction in the making: if all comparisons hold, the operations of one side are done, else those of the other;
/// all of one side or nothing, over any keys of the bucket. At most 128 comparisons and operations; of one side, no two
/// may write the same key.
/// </summary>
public sealed class KvTransaction
{
    private readonly KvBucket _bucket;
    private readonly KvValues _values;
    private readonly List<CompareRequest> _compares = [];
    private KvOperations? _then;
    private KvOperations? _else;

    internal KvTransaction(KvBucket bucket, KvValues values) => (_bucket, _values) = (bucket, values);

    /// <summary>The key is not there.</summary>
    public KvTransaction IfAbsent(string key) => If(new CompareRequest { Key = key, Exists = false });

    /// <summary>The key is there.</summary>
    public KvTransaction IfPresent(string key) => If(new CompareRequest { Key = key, Exists = true });

    /// <summary>The key has this version.</summary>
    public KvTransaction IfVersion(string key, KvVersion version) =>
        If(new CompareRequest { Key = key, Etag = version.ToString() });

    /// <summary>What is done if the comparisons hold.</summary>
    public KvTransaction Then(Action<KvOperations> operations) => Side(ref _then, operations);

    /// <summary>What is done if one does not hold; without this nothing is.</summary>
    public KvTransaction Else(Action<KvOperations> operations) => Side(ref _else, operations);

    /// <summary>Carries it out.</summary>
    /// <param name="options">How; what concerns a value is not looked at.</param>
    /// <param name="cancellationToken">Ends the call; it may be carried out all the same.</param>
    /// <exception cref="KvStoreException">
    /// An operation cannot be done, so nothing was; or it is not known, or cannot be carried out now: <c>Applied</c>
    /// tells.
    /// </exception>
    public Task<KvTransactionResult> CommitAsync(
        KvWriteOptions? options = null, CancellationToken cancellationToken = default) =>
        _bucket.TransactAsync(
            new TransactionRequest { If = _compares, Then = _then?.All, Else = _else?.All },
            options,
            cancellationToken);

    private KvTransaction If(CompareRequest compare)
    {
        ArgumentException.ThrowIfNullOrEmpty(compare.Key);
        _compares.Add(compare);
        return this;
    }

    private KvTransaction Side(ref KvOperations? side, Action<KvOperations> operations)
    {
        ArgumentNullException.ThrowIfNull(operations);
        operations(side ??= new KvOperations(_values));
        return this;
    }
}

/// <summary>What a transaction came to.</summary>
/// <param name="HasSucceeded">Whether all comparisons held.</param>
/// <param name="Items">What the operations of the side that was done came to, in their order.</param>
/// <param name="Failed">Where nothing was done: the comparisons that did not hold.</param>
public sealed record KvTransactionResult(
    bool HasSucceeded, ImmutableArray<KvItem> Items, ImmutableArray<FailedItem> Failed);
