using System.Text.Json;
using KvStore.Client.Transport;
using KvStore.Contracts;

namespace KvStore.Client;

/// <summary>Operations that are sent together. Not for use by many at once.</summary>
public sealed class KvOperations
{
    private readonly List<OperationRequest> _operations = [];
    private readonly KvValues _values;

    internal KvOperations(KvValues values) => _values = values;

    internal IReadOnlyList<OperationRequest> All => _operations;

    /// <summary>Reads a key: <see cref="KvItem.Read"/> gives its value.</summary>
    /// <param name="key">The key.</param>
    public KvOperations Get(string key) => Add(new OperationRequest { Op = "get", Key = key });

    /// <summary>Stores a value, whatever was there.</summary>
    /// <typeparam name="T">As of <see cref="KvBucket.GetAsync"/>.</typeparam>
    /// <param name="key">The key.</param>
    /// <param name="value">The value.</param>
    /// <param name="timeToLive">
    /// How long it is kept; <see cref="Timeout.InfiniteTimeSpan"/>: for ever; null: as the bucket has it.
    /// </param>
    /// <param name="metadata">What is told of the value, as of <see cref="KvWriteOptions.Metadata"/>.</param>
    public KvOperations Put<T>(
        string key,
        T value,
        TimeSpan? timeToLive = null,
        IReadOnlyDictionary<string, string>? metadata = null) =>
        Add(PutOf(key, value, timeToLive, metadata));

    /// <summary>Stores a value where there is none.</summary>
    /// <typeparam name="T">As of <see cref="KvBucket.GetAsync"/>.</typeparam>
    /// <param name="key">The key.</param>
    /// <param name="value">The value.</param>
    /// <param name="timeToLive">
    /// How long it is kept; <see cref="Timeout.InfiniteTimeSpan"/>: for ever; null: as the bucket has it.
    /// </param>
    /// <param name="metadata">What is told of the value, as of <see cref="KvWriteOptions.Metadata"/>.</param>
    public KvOperations Create<T>(
        string key,
        T value,
        TimeSpan? timeToLive = null,
        IReadOnlyDictionary<string, string>? metadata = null) =>
        Add(PutOf(key, value, timeToLive, metadata) with { IfNoneMatch = "*" });

    /// <summary>Stores a value in the place of a version that was read.</summary>
    /// <typeparam name="T">As of <see cref="KvBucket.GetAsync"/>.</typeparam>
    /// <param name="key">The key.</param>
    /// <param name="value">The value.</param>
    /// <param name="expected">The version.</param>
    /// <param name="timeToLive">
    /// How long it is kept; <see cref="Timeout.InfiniteTimeSpan"/>: for ever; null: as the bucket has it.
    /// </param>
    /// <param name="metadata">What is told of the value, as of <see cref="KvWriteOptions.Metadata"/>.</param>
    public KvOperations Replace<T>(
        string key,
        T value,
        KvVersion expected,
        TimeSpan? timeToLive = null,
        IReadOnlyDictionary<string, string>? metadata = null) =>
        Add(PutOf(key, value, timeToLive, metadata) with { IfMatch = expected.ToString() });

    /// <summary>Changes members of a value that is JSON, as a merge of <see cref="KvBucket"/> does.</summary>
    /// <typeparam name="TPatch">As there.</typeparam>
    /// <param name="key">The key.</param>
    /// <param name="patch">The changes.</param>
    /// <param name="expected">Only if it has this version; null: whatever is there.</param>
    /// <exception cref="JsonException">The patch is text or bytes, and no JSON.</exception>
    public KvOperations Merge<TPatch>(string key, TPatch patch, KvVersion? expected = null) => Add(
        new OperationRequest
        {
            Op = "merge",
            Key = key,
            Patch = _values.WriteJson(patch),
            IfMatch = expected?.ToString(),
        });

    /// <summary>Removes a key.</summary>
    /// <param name="key">The key.</param>
    /// <param name="expected">Only if it has this version; null: whatever is there.</param>
    public KvOperations Delete(string key, KvVersion? expected = null) =>
        Add(new OperationRequest { Op = "delete", Key = key, IfMatch = expected?.ToString() });

    /// <summary>Adds to a number: <see cref="KvItem.Read"/> gives the sum.</summary>
    /// <param name="key">The key.</param>
    /// <param name="by">What is added.</param>
    /// <param name="initial">What it is added to when the key is not there.</param>
    public KvOperations Increment(string key, long by = 1, long initial = 0) =>
        Add(new OperationRequest { Op = "increment", Key = key, By = by, Initial = initial });

    /// <summary>Changes when a key ends, and nothing else of it.</summary>
    /// <param name="key">The key.</param>
    /// <param name="timeToLive">How long it is kept; <see cref="Timeout.InfiniteTimeSpan"/>: for ever.</param>
    public KvOperations Touch(string key, TimeSpan timeToLive) =>
        Add(new OperationRequest { Op = "touch", Key = key, Ttl = KvBucket.TtlOf(timeToLive) });

    private KvOperations Add(OperationRequest operation)
    {
        _ = KvBucket.BytesOf(operation.Key!);    // proved here: in JSON, what is no text would become another key
        _operations.Add(operation);
        return this;
    }

    private OperationRequest PutOf<T>(
        string key, T value, TimeSpan? timeToLive, IReadOnlyDictionary<string, string>? metadata)
    {
        HeaderText.CheckMetadata(metadata);    // no header here, and yet by the same rules
        var put = new OperationRequest
        {
            Op = "put",
            Key = key,
            Ttl = timeToLive is { } life ? KvBucket.TtlOf(life) : null,
            Meta = metadata,
        };
        var (inline, bytes, type) = _values.WriteInline(value);
        return inline is { } json ? put with { Value = json } : put with { Base64 = bytes, ContentType = type };
    }
}

/// <summary>What one of many operations came to.</summary>
public sealed class KvItem
{
    private readonly ItemResponse _item;
    private readonly KvValues _values;

    internal KvItem(ItemResponse item, KvValues values) => (_item, _values) = (item, values);

    /// <summary>Its key.</summary>
    public string Key => _item.Key;

    /// <summary>Whether it was done; of a read, whether the key is there.</summary>
    public bool IsDone => _item.Problem is null;

    /// <summary>Why it was not done; null: it was.</summary>
    public Problem? Problem => _item.Problem;

    /// <summary>The version that is stored, as far as it is told; null after a removal.</summary>
    public KvVersion? Version =>
        KvVersion.TryParse(_item.Etag ?? _item.Problem?.CurrentEtag, out var version) ? version : null;

    /// <summary>Of a read: what the value's writer told of it, by name.</summary>
    public IReadOnlyDictionary<string, string> Metadata => field ??= KvMetadata.Of(_item.Meta);

    /// <summary>
    /// Whether there is something to read: of a read that found the key, or an increment. A read beside writes, whose
    /// answer was lost and whose value somebody replaced before it was sent again, was done and has none: the store
    /// remembers its version alone. Read it anew.
    /// </summary>
    public bool HasValue => _item.Base64 is not null || _item.Value.ValueKind != JsonValueKind.Undefined;

    /// <summary>The value that was read, or the sum.</summary>
    /// <typeparam name="T">As of <see cref="KvBucket.GetAsync"/>.</typeparam>
    /// <exception cref="InvalidOperationException">There is none: <see cref="HasValue"/>.</exception>
    /// <exception cref="JsonException">It is not of this type.</exception>
    public T Read<T>() => HasValue
        ? _values.ReadInline<T>(_item.Value, _item.Base64, _item.ContentType)
        : throw new InvalidOperationException($"The answer has no value of {Key}.");
}
