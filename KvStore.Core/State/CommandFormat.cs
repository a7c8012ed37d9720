using System.Buffers.Binary;
using System.Collections.Immutable;
using System.IO.Hashing;
using KvStore.Core.Primitives;

namespace KvStore.Core.State;

/// <summary>The one place that knows a command's bytes; described in docs/formats.md.</summary>
public static class CommandFormat
{
    private const byte ChangeKind = 0x21;    // version 2 in the high half, so that zero is never valid
    private const byte BatchKind = 0x22;
    private const byte TransactionKind = 0x23;
    private const byte ExpireKind = 0x24;
    private const byte CloseBucketKind = 0x25;
    private const byte PrepareKind = 0x26;
    private const byte DecideKind = 0x27;
    private const byte FinishKind = 0x28;
    private const byte ForgetKind = 0x29;
    private const byte HasRequestIdFlag = 0x01;
    private const int IdKindShift = 1;       // above the flag
    private const int TimeOffset = 2;        // behind kind and flags
    private const int HeaderSize = 10;       // with the time
    private const int RequestIdSize = 16;

    /// <summary>The longest key, in bytes.</summary>
    public const int MaxKeyBytes = 1024;

    /// <summary>The most versions that a condition may list.</summary>
    public const int MaxVersions = 16;

    /// <summary>The most operations of a batch, and of each part of a transaction.</summary>
    public const int MaxOperations = 1000;

    /// <summary>The most bytes of what a writer tells of its value.</summary>
    public const int MaxMetadataBytes = 4096;

    /// <summary>Encodes into one array of exactly the needed size.</summary>
    /// <exception cref="ArgumentException">A part is out of its bounds.</exception>
    public static byte[] Encode(Command command) => Encode(command, command.TimeMs);

    /// <summary>Encodes with another time than the command's own.</summary>
    /// <exception cref="ArgumentException">A part is out of its bounds.</exception>
    public static byte[] Encode(Command command, long timeMs)
    {
        CommandProof.Prove(command, timeMs);
        var count = new ByteWriter();
        Write(ref count, command, timeMs);
        var bytes = new byte[count.Length];
        var writer = new ByteWriter(bytes);
        Write(ref writer, command, timeMs);
        return bytes;
    }

    /// <summary>The time of an encoded command of either version, in milliseconds since 1970; 0: it has none.</summary>
    public static long TimeMsOf(ReadOnlySpan<byte> payload) => payload.Length < HeaderSize
        ? 0
        : BinaryPrimitives.ReadInt64LittleEndian(payload[TimeOffset..]);

    /// <summary>Decodes; keys and values are slices of <paramref name="payload"/>, not copies.</summary>
    /// <exception cref="InvalidDataException">The bytes are not a command; says why.</exception>
    public static Command Decode(ReadOnlyMemory<byte> payload)
    {
        if (FirstCommandFormat.Knows(payload.Span))
            return FirstCommandFormat.Decode(payload);
        var reader = new ByteReader(payload, "Command");
        var kind = reader.Byte();
        if (kind is < ChangeKind or > ForgetKind)
            throw reader.Wrong($"kind {kind:x2}", "a kind that this version knows");
        var flags = reader.Byte();
        var idKind = (RequestIdKind)(flags >> IdKindShift);
        if (idKind > RequestIdKind.Timed || (idKind != default && (flags & HasRequestIdFlag) == 0))
            throw reader.Wrong($"flags {flags:x2}", "flags that this version knows");
        var timeMs = reader.Position();
        var id = (flags & HasRequestIdFlag) == 0
            ? (RequestId?)null
            : new RequestId(reader.UInt64(), reader.UInt64(), idKind);
        Command command = kind switch
        {
            ChangeKind => ReadChange(ref reader, timeMs, id),
            BatchKind => ReadBatch(ref reader, timeMs, id),
            TransactionKind => ReadTransaction(ref reader, timeMs, id),
            ExpireKind => new Command.Expire { TimeMs = timeMs, RequestId = id },
            CloseBucketKind => new Command.CloseBucket
            {
                TimeMs = timeMs,
                RequestId = id,
                Bucket = ReadBucket(ref reader),
            },
            _ => ReadSettling(ref reader, kind, timeMs, id ?? throw reader.Wrong("no request id", "one")),
        };
        return reader.IsAtEnd ? command : throw reader.Wrong($"{reader.Remaining} more bytes", "the end");
    }

    /// <summary>What the command asks for, as a number: everything but the time and the request id.</summary>
    internal static ulong Fingerprint(ReadOnlySpan<byte> payload)
    {
        if (FirstCommandFormat.Knows(payload))
            return FirstCommandFormat.Fingerprint(payload);
        var start = HeaderSize + ((payload[1] & HasRequestIdFlag) != 0 ? RequestIdSize : 0);
        return XxHash3.HashToUInt64(payload[start..], payload[0]);
    }

    private static Command.Change ReadChange(ref ByteReader reader, long timeMs, RequestId? id)
    {
        var bucket = ReadBucket(ref reader);
        var operation = OperationFormat.Read(ref reader);
        if (operation is Operation.Get)
            throw reader.Wrong("a read", "a change");
        return new() { TimeMs = timeMs, RequestId = id, Bucket = bucket, Operation = operation };
    }

    private static Command.Batch ReadBatch(ref ByteReader reader, long timeMs, RequestId? id) => new()
    {
        TimeMs = timeMs,
        RequestId = id,
        Bucket = ReadBucket(ref reader),
        Operations = ReadOperations(ref reader),
    };

    private static Command.Transaction ReadTransaction(ref ByteReader reader, long timeMs, RequestId? id)
    {
        var bucket = ReadBucket(ref reader);
        var count = ReadCount(ref reader);
        var compares = ImmutableArray.CreateBuilder<Compare>(count);
        for (var i = 0; i < count; i++)
        {
            var key = OperationFormat.ReadKey(ref reader);
            compares.Add(new Compare(
                key,
                OperationFormat.ReadCondition(ref reader) ?? throw reader.Wrong("no condition", "a comparison's")));
        }

        return new()
        {
            TimeMs = timeMs,
            RequestId = id,
            Bucket = bucket,
            If = compares.MoveToImmutable(),
            Then = ReadOperations(ref reader),
            Else = ReadOperations(ref reader),
        };
    }

    private static Command ReadSettling(ref ByteReader reader, byte kind, long timeMs, RequestId id)
    {
        if (kind == ForgetKind)
            return new Command.Forget { TimeMs = timeMs, RequestId = id };
        if (kind == PrepareKind)
        {
            return new Command.Prepare
            {
                TimeMs = timeMs,
                RequestId = id,
                Client = ReadRequestId(ref reader),
                Fingerprint = reader.UInt64(),
                Participants = ReadParticipants(ref reader),
                Part = ReadTransaction(ref reader, 0, null),
            };
        }

        var outcome = (TransactionOutcome)reader.Byte();
        if (outcome is < TransactionOutcome.Nothing or > TransactionOutcome.Else)
            throw reader.Wrong($"outcome {(byte)outcome}", "one that this version knows");
        return kind == FinishKind
            ? new Command.Finish { TimeMs = timeMs, RequestId = id, Outcome = outcome }
            : new Command.Decide
            {
                TimeMs = timeMs,
                RequestId = id,
                Outcome = outcome,
                Participants = ReadParticipants(ref reader),
                Items = ItemResultsFormat.Decode(reader.Take(reader.Remaining), KeyVersion.None),
            };
    }

    internal static RequestId ReadRequestId(ref ByteReader reader)
    {
        var id = new RequestId(reader.UInt64(), reader.UInt64(), (RequestIdKind)reader.Byte());
        return id.Kind <= RequestIdKind.Timed
            ? id
            : throw reader.Wrong($"an id of kind {(byte)id.Kind}", "a kind that this version knows");
    }

    internal static void WriteRequestId(ref ByteWriter writer, RequestId id)
    {
        writer.UInt64(id.High);
        writer.UInt64(id.Low);
        writer.Byte((byte)id.Kind);
    }

    internal static ImmutableArray<PartitionId> ReadParticipants(ref ByteReader reader)
    {
        var count = reader.UInt16();
        var participants = ImmutableArray.CreateBuilder<PartitionId>(Math.Min((int)count, reader.Remaining));
        for (var i = 0; i < count; i++)
            participants.Add(new PartitionId(reader.UInt16()));
        var all = participants.ToImmutable();
        return CommandProof.AreParticipants(all) ? all : throw reader.Wrong("participants", "two or more, ascending");
    }

    internal static void WriteParticipants(ref ByteWriter writer, ImmutableArray<PartitionId> participants)
    {
        writer.UInt16((ushort)participants.Length);
        foreach (var participant in participants)
            writer.UInt16((ushort)participant.Value);
    }

    private static ImmutableArray<Operation> ReadOperations(ref ByteReader reader)
    {
        var count = ReadCount(ref reader);
        var operations = ImmutableArray.CreateBuilder<Operation>(count);
        for (var i = 0; i < count; i++)
            operations.Add(OperationFormat.Read(ref reader));
        return operations.MoveToImmutable();
    }

    private static int ReadCount(ref ByteReader reader)
    {
        var count = reader.UInt16();
        return count <= MaxOperations ? count : throw reader.Wrong($"{count} items", $"at most {MaxOperations}");
    }

    private static BucketId ReadBucket(ref ByteReader reader)
    {
        var bucket = new BucketId(reader.UInt32());
        return bucket.Value > 0 ? bucket : throw reader.Wrong("bucket 0", "a bucket from 1");
    }

    private static void Write(ref ByteWriter writer, Command command, long timeMs)
    {
        writer.Byte(command switch
        {
            Command.Change => ChangeKind,
            Command.Batch => BatchKind,
            Command.Transaction => TransactionKind,
            Command.Expire => ExpireKind,
            Command.Prepare => PrepareKind,
            Command.Decide => DecideKind,
            Command.Finish => FinishKind,
            Command.Forget => ForgetKind,
            _ => CloseBucketKind,
        });
        writer.Byte(command.RequestId is { } given
            ? (byte)(HasRequestIdFlag | ((int)given.Kind << IdKindShift))
            : (byte)0);
        writer.Int64(timeMs);
        if (command.RequestId is { } id)
        {
            writer.UInt64(id.High);
            writer.UInt64(id.Low);
        }

        WriteWhat(ref writer, command);
    }

    private static void WriteWhat(ref ByteWriter writer, Command command)
    {
        switch (command)
        {
            case Command.Change change:
                writer.UInt32(change.Bucket.Value);
                OperationFormat.Write(ref writer, change.Operation);
                break;
            case Command.Batch batch:
                writer.UInt32(batch.Bucket.Value);
                WriteOperations(ref writer, batch.Operations);
                break;
            case Command.Transaction transaction:
                WriteTransaction(ref writer, transaction);
                break;
            case Command.Prepare prepare:
                WriteRequestId(ref writer, prepare.Client);
                writer.UInt64(prepare.Fingerprint);
                WriteParticipants(ref writer, prepare.Participants);
                WriteTransaction(ref writer, prepare.Part);
                break;
            case Command.Decide decide:
                writer.Byte((byte)decide.Outcome);
                WriteParticipants(ref writer, decide.Participants);
                writer.Bytes(ItemResultsFormat.Encode(decide.Items, KeyVersion.None).Span);
                break;
            case Command.Finish finish:
                writer.Byte((byte)finish.Outcome);
                break;
            case Command.CloseBucket close:
                writer.UInt32(close.Bucket.Value);
                break;
        }
    }

    private static void WriteTransaction(ref ByteWriter writer, Command.Transaction transaction)
    {
        writer.UInt32(transaction.Bucket.Value);
        writer.UInt16((ushort)transaction.If.Length);
        foreach (var compare in transaction.If)
        {
            OperationFormat.WriteKey(ref writer, compare.Key.Span);
            OperationFormat.WriteCondition(ref writer, compare.Condition);
        }

        WriteOperations(ref writer, transaction.Then);
        WriteOperations(ref writer, transaction.Else);
    }

    private static void WriteOperations(ref ByteWriter writer, ImmutableArray<Operation> operations)
    {
        writer.UInt16((ushort)operations.Length);
        foreach (var operation in operations)
            OperationFormat.Write(ref writer, operation);
    }
}
