using System.Collections.Immutable;
using KvStore.Core.Primitives;

namespace KvStore.Core.State;

/// <summary>
/// One partition's state: applies commands in log order on one thread. Readers on any thread take
/// <see cref="Image"/>, which never changes.
/// </summary>
/// <param name="image">Where to start from: empty, recovered, or received.</param>
/// <param name="memory">How long requests are remembered; nothing: <see cref="RequestMemory.Default"/>.</param>
public sealed partial class KeyValueState(StateImage image, RequestMemory? memory = null)
{
    /// <summary>
    /// How far the time in a timed id may be ahead of log time. Else one client whose clock is far ahead would, once
    /// its ids are forgotten, have everybody else's refused.
    /// </summary>
    public const long LongestLeadMs = 60 * 1000;

    /// <summary>Expired keys that one command takes away at most, so that none keeps the others waiting.</summary>
    public const int MaxExpiredAtOnce = 256;

    private readonly RequestMemory _memory = memory ?? RequestMemory.Default;
    private readonly List<KeyChange> _changes = [];
    private StateImage _image = image;

    /// <summary>The state as of the last applied command; one volatile read.</summary>
    public StateImage Image => Volatile.Read(ref _image);

    /// <summary>
    /// What the last command changed, in this order; to be read by who applies, before it applies another one.
    /// </summary>
    public IReadOnlyList<KeyChange> Changes => _changes;

    /// <summary>The bucket that the last command closed, with all that was in it; null: none.</summary>
    public BucketId? ClosedBucket { get; private set; }

    /// <summary>
    /// Applies a command's encoded form as the entry at (<paramref name="index"/>, <paramref name="term"/>).
    /// </summary>
    /// <exception cref="InvalidDataException">
    /// The payload is no command: the log holds what no replica proposed.
    /// </exception>
    public WriteResult Apply(LogIndex index, Term term, ReadOnlyMemory<byte> payload)
    {
        var command = CommandFormat.Decode(payload);
        _changes.Clear();
        ClosedBucket = null;
        var now = _image.At(command.TimeMs, index, _memory);
        var version = new KeyVersion(term, index);
        if (command is Command.Prepare or Command.Decide or Command.Finish or Command.Forget)
        {
            var settled = Settle(ref now, command, version);
            Volatile.Write(ref _image, now);
            return settled;
        }

        if (command.RequestId is not { } id)
        {
            var unnamed = Perform(ref now, command, version);
            Volatile.Write(ref _image, now);
            return unnamed;
        }

        var fingerprint = CommandFormat.Fingerprint(payload.Span);
        if (now.Requests.TryFind(id, out var known))
        {
            Volatile.Write(ref _image, now);
            return known.Fingerprint == fingerprint
                ? known.Replay()
                : new WriteResult(WriteStatus.RequestIdReused, KeyVersion.None, IsReplay: false);
        }

        if (Refuse(now, id, command) is { } refused)
        {
            Volatile.Write(ref _image, now);
            return new WriteResult(refused, KeyVersion.None, IsReplay: false);
        }

        var result = Perform(ref now, command, version);
        if (WriteResult.IsRemembered(result.Status))
            now = now.Remembering(id, RememberedRequest.Of(result, fingerprint, now.Time.PassedMs, index));
        Volatile.Write(ref _image, now);
        return result;
    }

    /// <summary>Whether the request was applied within the window that is remembered.</summary>
    public bool Remembers(RequestId id) => _image.Requests.TryFind(id, out _);

    /// <summary>A timed id is remembered, or certainly new, or refused.</summary>
    private WriteStatus? Refuse(StateImage now, RequestId id, Command command) =>
        now.Requests.MayHaveForgotten(id) ? WriteStatus.RequestIdExpired
        : id.Kind == RequestIdKind.Timed && id.TimeMs - now.TimeMs > LongestLeadMs ? WriteStatus.RequestIdAhead
        : command is Command.Batch or Command.Transaction && now.Requests.ItemBytes >= _memory.MaxItemBytes
            ? WriteStatus.MemoryFull
        : null;

    private WriteResult Perform(ref StateImage image, Command command, KeyVersion version)
    {
        switch (command)
        {
            case Command.Change change:
                if (Obstacle(image, change.Bucket, [change.Operation]) is { } changes)
                    return Said(changes);
                var item = Perform(ref image, change.Bucket, change.Operation, version);
                return Said(item.Status, item.Version) with { Number = item.Number, Entry = item.Entry };
            case Command.Batch batch:
                return Obstacle(image, batch.Bucket, batch.Operations.AsSpan()) is { } batches
                    ? Said(batches)
                    : Said(WriteStatus.Done, version) with
                    {
                        Items = PerformAll(ref image, batch.Bucket, batch.Operations, version),
                    };
            case Command.Transaction transaction:
                return TransactionObstacle(image, transaction) is { } transactions
                    ? Said(transactions)
                    : Decide(ref image, transaction, version);
            case Command.CloseBucket close:
                if (!image.IsClosed(close.Bucket))
                {
                    image = image.WithClosed(close.Bucket);
                    ClosedBucket = close.Bucket;
                }

                return Said(WriteStatus.Done, version);
            default:
                image = image.WithoutExpired(MaxExpiredAtOnce, _changes);
                return Said(WriteStatus.Done, version);
        }
    }

    /// <summary>Why nothing can be done with these keys now; null: nothing is in the way.</summary>
    private static WriteStatus? Obstacle(StateImage image, BucketId bucket, ReadOnlySpan<Operation> operations)
    {
        if (image.IsClosed(bucket))
            return WriteStatus.BucketGone;
        foreach (var operation in operations)
        {
            if (image.IsLocked(bucket, operation.Key))
                return WriteStatus.Locked;
        }

        return null;
    }

    private static WriteStatus? TransactionObstacle(StateImage image, Command.Transaction transaction)
    {
        if (transaction.If.Any(compare => image.IsLocked(transaction.Bucket, compare.Key)))
            return image.IsClosed(transaction.Bucket) ? WriteStatus.BucketGone : WriteStatus.Locked;
        return Obstacle(image, transaction.Bucket, transaction.Then.AsSpan())
            ?? Obstacle(image, transaction.Bucket, transaction.Else.AsSpan());
    }

    private static ImmutableArray<ItemResult> MakeComparisons(StateImage image, Command.Transaction transaction)
    {
        var compared = ImmutableArray.CreateBuilder<ItemResult>(transaction.If.Length);
        foreach (var compare in transaction.If)
        {
            var current = image.Find(transaction.Bucket, compare.Key.Span);
            compared.Add(new ItemResult(
                IsMet(compare.Condition, current) ? WriteStatus.Found : WriteStatus.VersionMismatch,
                current?.Version ?? KeyVersion.None,
                0,
                null));
        }

        return compared.MoveToImmutable();
    }

    private WriteResult Decide(ref StateImage image, Command.Transaction transaction, KeyVersion version)
    {
        var before = image;
        var compared = MakeComparisons(image, transaction);
        var isMet = compared.All(compare => compare.Status == WriteStatus.Found);
        var operations = isMet ? transaction.Then : transaction.Else;
        if (!isMet && operations.IsEmpty)
            return Said(WriteStatus.ComparesFailed) with { Items = compared };
        var items = PerformAll(ref image, transaction.Bucket, operations, version);
        if (items.Any(item => item.IsFailure))
        {
            _changes.Clear();
            image = before;
            return Said(WriteStatus.OperationFailed) with { Items = items };
        }

        return Said(isMet ? WriteStatus.Succeeded : WriteStatus.ComparesFailed, version) with { Items = items };
    }

    private ImmutableArray<ItemResult> PerformAll(
        ref StateImage image, BucketId bucket, ImmutableArray<Operation> operations, KeyVersion version)
    {
        var items = ImmutableArray.CreateBuilder<ItemResult>(operations.Length);
        foreach (var operation in operations)
            items.Add(Perform(ref image, bucket, operation, version));
        return items.MoveToImmutable();
    }

    private static WriteResult Said(WriteStatus status, KeyVersion version = default) =>
        new(status, version, IsReplay: false);
}
