using System.IO.Hashing;

namespace KvStore.Core.State;

/// <summary>
/// The bytes of commands as version 1 wrote them: puts and deletes, all of the default bucket. They are read, and
/// written no more; described in docs/formats.md.
/// </summary>
internal static class FirstCommandFormat
{
    private const byte PutKind = 0x11;
    private const byte DeleteKind = 0x12;
    private const byte ConditionMask = 0x03;
    private const byte ExistsFlag = 1;
    private const byte AbsentFlag = 2;
    private const byte HasRequestIdFlag = 0x04;
    private const int IdKindShift = 3;
    private const int HeaderSize = 10;
    private const int RequestIdSize = 16;

    public static bool Knows(ReadOnlySpan<byte> payload) =>
        !payload.IsEmpty && payload[0] is PutKind or DeleteKind;

    public static Command.Change Decode(ReadOnlyMemory<byte> payload)
    {
        var reader = new ByteReader(payload, "Command");
        var kind = reader.Byte();
        var flags = reader.Byte();
        var idKind = (RequestIdKind)(flags >> IdKindShift);
        if (idKind > RequestIdKind.Timed || (idKind != default && (flags & HasRequestIdFlag) == 0))
            throw reader.Wrong($"flags {flags:x2}", "flags that this version knows");
        var timeMs = reader.Position();
        var id = (flags & HasRequestIdFlag) == 0
            ? (RequestId?)null
            : new RequestId(reader.UInt64(), reader.UInt64(), idKind);
        Condition? condition = (flags & ConditionMask) switch
        {
            0 => null,
            ExistsFlag => new Condition.Exists(),
            AbsentFlag => new Condition.Absent(),
            _ => new Condition.VersionIn(OperationFormat.ReadVersions(ref reader, reader.Byte())),
        };
        var key = OperationFormat.ReadKey(ref reader);
        Operation operation = kind == DeleteKind
            ? new Operation.Delete { Key = key, Condition = condition }
            : new Operation.Put
            {
                Key = key,
                Condition = condition,
                ContentType = ContentTypes.Get(reader.Take(reader.Byte()).Span),
                Value = reader.Take(reader.Remaining),
            };
        if (!reader.IsAtEnd)
            throw reader.Wrong($"{reader.Remaining} more bytes", "the end");
        return new()
        {
            TimeMs = timeMs,
            RequestId = id,
            Bucket = Primitives.BucketId.Default,
            Operation = operation,
        };
    }

    public static ulong Fingerprint(ReadOnlySpan<byte> payload)
    {
        var what = payload[0] | ((payload[1] & ConditionMask) << 8);
        var start = HeaderSize + ((payload[1] & HasRequestIdFlag) != 0 ? RequestIdSize : 0);
        return XxHash3.HashToUInt64(payload[start..], what);
    }
}
