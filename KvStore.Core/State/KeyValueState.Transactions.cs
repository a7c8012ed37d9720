using System.Collections.Immutable;
using KvStore.Core.Primitives;

namespace KvStore.Core.State;

/// <summary>
/// Two-phase commit over the logs of the partitions that take part. All of a transaction's keys are locked in each
/// partition before it is decided, the decision is an entry of the coordinator's log before anything is done anywhere,
/// and the first decision counts. So whoever finds a transaction stuck may settle it by deciding for nothing.
/// </summary>
public sealed partial class KeyValueState
{
    /// <summary>Transactions over several partitions that one partition may take part in at a time.</summary>
    public const int MaxOpenTransactions = 10_000;

    private WriteResult Settle(ref StateImage image, Command command, KeyVersion version)
    {
        var attempt = command.RequestId!.Value;
        switch (command)
        {
            case Command.Prepare prepare:
                return Prepare(ref image, attempt, prepare, version);
            case Command.Decide decide:
                return Decide(ref image, attempt, decide);
            case Command.Finish finish:
                return Finish(ref image, attempt, finish.Outcome);
            default:
                image = image.With(image.Transactions.WithoutDecided(attempt));
                return Said(WriteStatus.Done);
        }
    }

    private WriteResult Prepare(ref StateImage image, RequestId attempt, Command.Prepare prepare, KeyVersion version)
    {
        if (image.Requests.TryFind(prepare.Client, out var known))
        {
            return known.Fingerprint == prepare.Fingerprint
                ? known.Replay()
                : Said(WriteStatus.RequestIdReused);
        }

        if (image.Requests.TryFind(attempt, out var settled))
            return settled.Replay();
        if (image.Transactions.Prepared.TryFind(attempt, out var earlier))
            return Told(image, earlier) with { IsReplay = true };
        if (Refuse(image, prepare.Client, prepare) is { } refused)
            return Said(refused);
        if (image.Transactions.FindOf(prepare.Client) is { } other)    // another attempt may be about to be decided
            return Said(other.Fingerprint == prepare.Fingerprint ? WriteStatus.Locked : WriteStatus.RequestIdReused);
        if (TransactionObstacle(image, prepare.Part) is { } obstacle)
            return Said(obstacle);
        if (image.Transactions.Prepared.Count + image.Transactions.Decided.Count >= MaxOpenTransactions)
            return Said(WriteStatus.MemoryFull);
        var keys = KeysOf(prepare.Part);
        foreach (var key in keys)
            RemoveIfExpired(ref image, prepare.Part.Bucket, key);
        ImmutableArray<KeyChange> expired = [.. _changes];
        _changes.Clear();
        var compared = MakeComparisons(image, prepare.Part);
        var (then, thenItems) = WorkOut(image, prepare.Part.Bucket, prepare.Part.Then, version);
        var (otherwise, elseItems) = WorkOut(image, prepare.Part.Bucket, prepare.Part.Else, version);
        var prepared = new PreparedTransaction
        {
            Version = version,
            Client = prepare.Client,
            Fingerprint = prepare.Fingerprint,
            Participants = prepare.Participants,
            Bucket = prepare.Part.Bucket,
            Keys = keys,
            Then = then,
            Else = otherwise,
            Items = ItemResultsFormat.Encode([.. compared, .. thenItems, .. elseItems], version),
        };
        image = image.With(image.Transactions.WithPrepared(attempt, prepared));
        _changes.AddRange(expired);
        return Said(WriteStatus.Prepared, version) with { Items = [.. compared, .. thenItems, .. elseItems] };
    }

    /// <summary>What the first to prepare it was told; the entries found are not remembered.</summary>
    private static WriteResult Told(StateImage image, PreparedTransaction prepared) =>
        Said(WriteStatus.Prepared, prepared.Version) with
        {
            Items = ItemResultsFormat.Decode(prepared.Items, prepared.Version),
        };

    private static ImmutableArray<ReadOnlyMemory<byte>> KeysOf(Command.Transaction part)
    {
        var keys = part.If.Select(compare => compare.Key)
            .Concat(part.Then.Select(operation => operation.Key))
            .Concat(part.Else.Select(operation => operation.Key))
            .ToList();
        keys.Sort((left, right) => left.Span.SequenceCompareTo(right.Span));
        return [.. keys.Where((key, at) => at == 0 || !key.Span.SequenceEqual(keys[at - 1].Span))];
    }

    /// <summary>What the operations would change, on an image that is thrown away.</summary>
    private (ImmutableArray<KeyChange> Changes, ImmutableArray<ItemResult> Items) WorkOut(
        StateImage image, BucketId bucket, ImmutableArray<Operation> operations, KeyVersion version)
    {
        var items = PerformAll(ref image, bucket, operations, version);
        ImmutableArray<KeyChange> changes = [.. _changes];
        _changes.Clear();
        return (changes, items);
    }

    private WriteResult Decide(ref StateImage image, RequestId attempt, Command.Decide decide)
    {
        if (image.Requests.TryFind(attempt, out var aborted))
            return aborted.Replay();
        if (image.Transactions.Decided.TryFind(attempt, out var first))
            return Said(StatusOf(first.Outcome)) with { IsReplay = true };
        var isPrepared = image.Transactions.Prepared.TryFind(attempt, out var prepared);
        var isFree = isPrepared && !image.Requests.TryFind(prepared!.Client, out _);    // not taken by another request
        var outcome = isFree ? decide.Outcome : TransactionOutcome.Nothing;
        var result = Said(StatusOf(outcome), prepared?.Version ?? KeyVersion.None) with
        {
            Items = isFree ? decide.Items : [],
        };
        if (isPrepared)
            Carry(ref image, attempt, prepared!, outcome);
        if (isFree && (outcome != TransactionOutcome.Nothing || !decide.Items.IsEmpty))
        {
            if (outcome == TransactionOutcome.Nothing)
                result = result with { Status = WriteStatus.OperationFailed };
            Remember(ref image, prepared!.Client, result, prepared.Fingerprint);
        }
        else
        {
            Remember(ref image, attempt, result, fingerprint: 0);    // who comes late with another decision is refused
        }

        image = image.With(
            image.Transactions.WithDecided(attempt, new DecidedTransaction(outcome, decide.Participants)));
        return result;
    }

    private WriteResult Finish(ref StateImage image, RequestId attempt, TransactionOutcome outcome)
    {
        if (image.Requests.TryFind(attempt, out var known))
            return known.Replay();
        if (image.Transactions.Prepared.TryFind(attempt, out var prepared))
            Carry(ref image, attempt, prepared, outcome);
        var result = Said(StatusOf(outcome), prepared?.Version ?? KeyVersion.None);
        Remember(ref image, attempt, result, fingerprint: 0);    // who comes late to prepare it is refused
        return result;
    }

    /// <summary>Does what was worked out and gives the keys free.</summary>
    private void Carry(
        ref StateImage image, RequestId attempt, PreparedTransaction prepared, TransactionOutcome outcome)
    {
        image = image.With(image.Transactions.WithoutPrepared(attempt, prepared)).WithFreed(prepared.Bucket);
        if (image.IsClosed(prepared.Bucket))
            return;
        var changes = outcome switch
        {
            TransactionOutcome.Then => prepared.Then,
            TransactionOutcome.Else => prepared.Else,
            _ => [],
        };
        foreach (var change in changes)
        {
            var stored = image.FindStored(prepared.Bucket, change.Key.Span);
            if (change.Kind == KeyChangeKind.Put)
            {
                image = image.With(prepared.Bucket, change.Key, change.Entry, stored);
                _changes.Add(change with { Bucket = prepared.Bucket });
            }
            else if (stored is not null)
            {
                Remove(ref image, prepared.Bucket, change.Key, stored, change.Kind);
            }
        }
    }

    private static void Remember(ref StateImage image, RequestId id, WriteResult result, ulong fingerprint) =>
        image = image.Remembering(
            id, RememberedRequest.Of(result, fingerprint, image.Time.PassedMs, image.Index));

    private static WriteStatus StatusOf(TransactionOutcome outcome) => outcome switch
    {
        TransactionOutcome.Then => WriteStatus.Succeeded,
        TransactionOutcome.Else => WriteStatus.ComparesFailed,
        _ => WriteStatus.Aborted,
    };
}
