using System.Collections.Immutable;
using KvStore.Core.Primitives;

namespace KvStore.Core.State;

/// <summary>The open transactions of an image, as they are read.</summary>
internal static partial class StateImageFormat
{
    private sealed partial class StateImageReading
    {
        private OpenTransactions _transactions = OpenTransactions.None;
        private RequestId _lastAttempt;

        private void TakePrepared(ref ByteReader reader)
        {
            var attempt = TakeAttempt(ref reader, _transactions.Prepared);
            var prepared = new PreparedTransaction
            {
                Version = reader.Version(),
                Client = CommandFormat.ReadRequestId(ref reader),
                Fingerprint = reader.UInt64(),
                Participants = CommandFormat.ReadParticipants(ref reader),
                Bucket = new BucketId(reader.UInt32()),
                Keys = TakeKeys(ref reader),
                Then = TakeChanges(ref reader),
                Else = TakeChanges(ref reader),
                Items = TakeItems(ref reader),
            };
            _ = ItemResultsFormat.Decode(prepared.Items, prepared.Version);    // what is remembered must be readable
            foreach (var key in prepared.Keys)
            {
                if (_transactions.IsLocked(prepared.Bucket, key))
                    throw reader.Wrong("a key that two transactions have locked", "one that is not");
            }

            _transactions = _transactions.WithPrepared(attempt, prepared);
        }

        private void TakeDecided(ref ByteReader reader)
        {
            var attempt = TakeAttempt(ref reader, _transactions.Decided);
            var outcome = (TransactionOutcome)reader.Byte();
            if (outcome is < TransactionOutcome.Nothing or > TransactionOutcome.Else)
                throw reader.Wrong($"outcome {(byte)outcome}", "one that this version knows");
            _transactions = _transactions.WithDecided(
                attempt, new DecidedTransaction(outcome, CommandFormat.ReadParticipants(ref reader)));
        }

        private RequestId TakeAttempt<T>(ref ByteReader reader, CowMap<RequestId, RequestId, T, RequestIdOrder> known)
        {
            var attempt = CommandFormat.ReadRequestId(ref reader);
            if (known.Count > 0 && RememberedRequests.Compare(_lastAttempt, attempt) >= 0)
                throw reader.Wrong("an attempt that does not follow the one before", "ascending attempts");
            return _lastAttempt = attempt;
        }

        private static ImmutableArray<ReadOnlyMemory<byte>> TakeKeys(ref ByteReader reader)
        {
            var count = reader.UInt16();
            var keys = ImmutableArray.CreateBuilder<ReadOnlyMemory<byte>>();
            for (var i = 0; i < count; i++)
            {
                var key = OperationFormat.ReadKey(ref reader).ToArray();
                if (i > 0 && keys[^1].Span.SequenceCompareTo(key) >= 0)
                    throw reader.Wrong("a key that does not follow the one before", "ascending keys");
                keys.Add(key);
            }

            return keys.ToImmutable();
        }

        private static ImmutableArray<KeyChange> TakeChanges(ref ByteReader reader)
        {
            var count = reader.UInt16();
            var changes = ImmutableArray.CreateBuilder<KeyChange>();
            for (var i = 0; i < count; i++)
            {
                var kind = (KeyChangeKind)reader.Byte();
                if (kind is < KeyChangeKind.Put or > KeyChangeKind.Expire)
                    throw reader.Wrong($"change {(byte)kind}", "one that this version knows");
                var (key, entry) = ReadEntry(ref reader, hasBuckets: true);
                changes.Add(new KeyChange(default, key, kind, entry));
            }

            return changes.ToImmutable();
        }
    }
}
