using System.Collections.Immutable;
using System.Text;
using KvStore.Core.Primitives;

namespace KvStore.Core.State;

/// <summary>
/// What would be refused when it is applied must not get into the log: no replica could ever pass it.
/// </summary>
internal static class CommandProof
{
    /// <exception cref="ArgumentException">A part of the command is out of its bounds.</exception>
    public static void Prove(Command command, long timeMs)
    {
        Claim(timeMs >= 0, "A command's time is not before 1970.");
        Claim(command.RequestId is not { Kind: > RequestIdKind.Timed }, "A request id is of a known kind.");
        switch (command)
        {
            case Command.Change change:
                ProveBucket(change.Bucket);
                Claim(change.Operation is not Operation.Get, "A read alone is no change.");
                ProveOperation(change.Operation);
                break;
            case Command.Batch batch:
                ProveBucket(batch.Bucket);
                Claim(!batch.Operations.IsDefaultOrEmpty, "A batch has an operation.");
                ProveOperations(batch.Operations);
                break;
            case Command.Transaction transaction:
                ProveTransaction(transaction);
                break;
            case Command.Prepare prepare:
                ProveSettling(prepare, prepare.Participants);
                ProveTransaction(prepare.Part);
                break;
            case Command.Decide decide:
                ProveSettling(decide, decide.Participants);
                ProveOutcome(decide.Outcome);
                break;
            case Command.Finish finish:
                Claim(finish.RequestId is not null, "A transaction has a request id.");
                ProveOutcome(finish.Outcome);
                break;
            case Command.Forget forget:
                Claim(forget.RequestId is not null, "A transaction has a request id.");
                break;
            case Command.CloseBucket close:
                ProveBucket(close.Bucket);
                Claim(close.Bucket != BucketId.Default, "The default bucket is always there.");
                break;
        }
    }

    /// <summary>Whether they can be those who take part in a transaction: two or more, ascending.</summary>
    public static bool AreParticipants(ImmutableArray<PartitionId> participants)
    {
        if (participants.IsDefault || participants.Length < 2 || participants[0].Value < 0)
            return false;
        for (var at = 1; at < participants.Length; at++)
        {
            if (participants[at].Value <= participants[at - 1].Value)
                return false;
        }

        return participants[^1].Value <= ushort.MaxValue;
    }

    private static void ProveTransaction(Command.Transaction transaction)
    {
        ProveBucket(transaction.Bucket);
        Claim(
            !transaction.If.IsDefault && transaction.If.Length <= CommandFormat.MaxOperations,
            "A transaction has at most 1000 comparisons.");
        foreach (var compare in transaction.If)
        {
            ProveKey(compare.Key);
            ProveCondition(compare.Condition);
        }

        ProveOperations(transaction.Then);
        ProveOperations(transaction.Else);
    }

    private static void ProveSettling(Command command, ImmutableArray<PartitionId> participants)
    {
        Claim(command.RequestId is not null, "A transaction has a request id.");
        Claim(AreParticipants(participants), "Participants are two or more, ascending.");
    }

    private static void ProveOutcome(TransactionOutcome outcome) => Claim(
        outcome is >= TransactionOutcome.Nothing and <= TransactionOutcome.Else, "An outcome is of a known kind.");

    private static void ProveOperations(ImmutableArray<Operation> operations)
    {
        Claim(
            !operations.IsDefault && operations.Length <= CommandFormat.MaxOperations,
            "There are at most 1000 operations.");
        var written = new HashSet<string>(StringComparer.Ordinal);
        foreach (var operation in operations)
        {
            ProveOperation(operation);
            Claim(
                operation is Operation.Get || written.Add(Convert.ToHexString(operation.Key.Span)),
                "No key is written twice: the first value would have the version of the second.");
        }
    }

    private static void ProveOperation(Operation operation)
    {
        ProveKey(operation.Key);
        ProveCondition(operation.Condition);
        switch (operation)
        {
            case Operation.Put put:
                ProveTtl(put.Ttl);
                Claim(
                    put.ContentType.Length <= ContentTypes.MaxBytes && Ascii.IsValid(put.ContentType),
                    "A content type is at most 255 bytes of ASCII.");
                Claim(
                    put.Metadata.Length <= CommandFormat.MaxMetadataBytes,
                    "Metadata is at most 4096 bytes.");
                break;
            case Operation.Touch touch:
                ProveTtl(touch.Ttl);
                break;
            case Operation.Increment increment:
                ProveTtl(increment.Ttl);
                break;
            case Operation.Merge merge:
                ProveTtl(merge.Ttl);
                Claim(MergePatch.IsPatch(merge.Patch), "A merge patch is JSON without names given twice.");
                Claim(merge.MaxValueBytes > 0, "A patched value may have some bytes.");
                break;
        }
    }

    private static void ProveBucket(BucketId bucket) => Claim(bucket.Value > 0, "A bucket's id is 1 or more.");

    private static void ProveKey(ReadOnlyMemory<byte> key) => Claim(
        key.Length is > 0 and <= CommandFormat.MaxKeyBytes,
        "A key has 1 to 1024 bytes.");

    private static void ProveTtl(Ttl ttl) => Claim(
        ttl.Kind is TtlKind.None or TtlKind.Keep
            || (ttl.Kind is TtlKind.After or TtlKind.KeepOrAfter && ttl.Ms is > 0 and <= Ttl.LongestMs)
            || (ttl.Kind is TtlKind.Until && ttl.Ms > 0),
        "A time to live is 1 ms to 3653 days, or ends after 1970.");

    private static void ProveCondition(Condition? condition)
    {
        if (condition is Condition.VersionIs { Comparison: < Comparison.Equal or > Comparison.Less })
            Claim(false, "A comparison is of a known kind.");
        if (condition is Condition.VersionIs { Index: var index })
            Claim(index >= LogIndex.Zero, "A version is never negative.");
        if (condition is not Condition.VersionIn { Versions: var versions })
            return;
        Claim(
            !versions.IsDefault && versions.Length is > 0 and <= CommandFormat.MaxVersions,
            "A condition lists 1 to 16 versions.");
        foreach (var version in versions)
            Claim(version.Term >= Term.Zero && version.Index >= LogIndex.Zero, "A version is never negative.");
    }

    private static void Claim(bool claim, string text)
    {
        if (!claim)
            throw new ArgumentException(text);
    }
}
