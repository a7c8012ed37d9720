using System.Collections.Immutable;
using KvStore.Contracts;

namespace KvStore.Client;

/// <summary>
/// A transaction in the making: if all comparisons hold, the operations of one side are done, else those of the other;
/// all of one side or nothing, over any keys of the bucket. At most 128 comparisons and operations; of one side, no two
/// may write the same key. Not for use by many at once.
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
    /// <param name="key">The key.</param>
    public KvTransaction IfAbsent(string key) => If(new CompareRequest { Key = key, Exists = false });

    /// <summary>The key is there.</summary>
    /// <param name="key">The key.</param>
    public KvTransaction IfPresent(string key) => If(new CompareRequest { Key = key, Exists = true });

    /// <summary>The key has this version.</summary>
    /// <param name="key">The key.</param>
    /// <param name="version">The version.</param>
    public KvTransaction IfVersion(string key, KvVersion version) =>
        If(new CompareRequest { Key = key, Etag = version.ToString() });

    /// <summary>The key has another version than this, or is not there.</summary>
    /// <param name="key">The key.</param>
    /// <param name="version">The version.</param>
    public KvTransaction IfNotVersion(string key, KvVersion version) =>
        If(new CompareRequest { Key = key, Version = new VersionCompare { Ne = version.Number } });

    /// <summary>The key was written after that: the number of its version is greater.</summary>
    /// <param name="key">The key.</param>
    /// <param name="number">
    /// <see cref="KvVersion.Number"/> of a version of this key; a key that is not there counts as 0.
    /// </param>
    public KvTransaction IfNewer(string key, long number) =>
        If(new CompareRequest { Key = key, Version = new VersionCompare { Gt = number } });

    /// <summary>The key was written before that, or is not there: the number of its version is less.</summary>
    /// <param name="key">The key.</param>
    /// <param name="number">
    /// <see cref="KvVersion.Number"/> of a version of this key; a key that is not there counts as 0.
    /// </param>
    public KvTransaction IfOlder(string key, long number) =>
        If(new CompareRequest { Key = key, Version = new VersionCompare { Lt = number } });

    /// <summary>
    /// The key has this value: the same JSON, or JSON that means the same, such as the members in another order.
    /// </summary>
    /// <typeparam name="T">Any type that is stored as JSON: no text and no bytes.</typeparam>
    /// <param name="key">The key.</param>
    /// <param name="value">The value.</param>
    /// <exception cref="ArgumentException">It is of a type that is not stored as JSON.</exception>
    public KvTransaction IfEquals<T>(string key, T value) => KvValues.AreAsTheyAre<T>()
        ? throw new ArgumentException("Only values that are stored as JSON can be compared.", nameof(value))
        : If(new CompareRequest { Key = key, Value = _values.WriteJson(value) });

    /// <summary>What is done if the comparisons hold.</summary>
    /// <param name="operations">Adds it.</param>
    public KvTransaction Then(Action<KvOperations> operations) => Side(ref _then, operations);

    /// <summary>What is done if one does not hold; without this nothing is.</summary>
    /// <param name="operations">Adds it.</param>
    public KvTransaction Else(Action<KvOperations> operations) => Side(ref _else, operations);

    /// <summary>Carries it out.</summary>
    /// <param name="options">How; what concerns a value is not looked at.</param>
    /// <param name="cancellationToken">Ends the call; it may be carried out all the same.</param>
    /// <exception cref="ArgumentException">It cannot be sent, or asks for another Ack than a majority's.</exception>
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
        _ = KvBucket.BytesOf(compare.Key!);    // proved here: in JSON, what is no text would become another key
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
