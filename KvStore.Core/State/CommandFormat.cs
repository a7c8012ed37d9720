using System.Buffers.Binary;
using System.Collections.Immutable;
using System.IO.Hashing;
using System.Text;
using KvStore.Core.Primitives;

namespace KvStore.Core.State;

/// <summary>The one place that knows a command's bytes; described in docs/formats.md.</summary>
public static class CommandFormat
{
    private const byte PutKind = 0x11;       // version 1 in the high half, so that zero is never valid
    private const byte DeleteKind = 0x12;
    private const byte ConditionMask = 0x03;
    private const byte ExistsFlag = 1;
    private const byte AbsentFlag = 2;
    private const byte VersionsFlag = 3;
    private const byte HasRequestIdFlag = 0x04;
    private const int IdKindShift = 3;       // above the flags
    private const int HeaderSize = 10;       // kind, flags, time
    private const int RequestIdSize = 16;
    private const int VersionSize = 16;

    /// <summary>The longest key, in bytes.</summary>
    public const int MaxKeyBytes = 1024;

    /// <summary>The most versions that a condition may list.</summary>
    public const int MaxVersions = 16;

    /// <summary>Encodes into one array of exactly the needed size.</summary>
    /// <exception cref="ArgumentException">A part is out of its bounds.</exception>
    public static byte[] Encode(Command command)
    {
        Prove(command);
        var versions = (command.Condition as Condition.VersionIn)?.Versions ?? [];
        var bytes = new byte[SizeOf(command, versions.Length)];
        var rest = WriteHeader(command, bytes);
        rest = WriteVersions(command, versions, rest);
        BinaryPrimitives.WriteUInt16LittleEndian(rest, (ushort)command.Key.Length);
        command.Key.Span.CopyTo(rest[2..]);
        rest = rest[(2 + command.Key.Length)..];
        if (command is Command.Put put)
            WriteValue(put, rest);
        return bytes;
    }

    /// <summary>Decodes; keys and values are slices of <paramref name="payload"/>, not copies.</summary>
    /// <exception cref="InvalidDataException">The bytes are not a command; says why.</exception>
    public static Command Decode(ReadOnlyMemory<byte> payload)
    {
        var reader = new ByteReader(payload, "Command");
        var kind = reader.Byte();
        if (kind is not (PutKind or DeleteKind))
            throw reader.Wrong($"kind {kind:x2}", "a kind that this version knows");
        var flags = reader.Byte();
        var idKind = (RequestIdKind)(flags >> IdKindShift);
        if (idKind > RequestIdKind.Timed || (idKind != default && (flags & HasRequestIdFlag) == 0))
            throw reader.Wrong($"flags {flags:x2}", "flags that this version knows");
        var timeMs = reader.Position();
        var id = (flags & HasRequestIdFlag) == 0
            ? (RequestId?)null
            : new RequestId(reader.UInt64(), reader.UInt64(), idKind);
        var condition = ReadCondition(ref reader, flags);
        var key = ReadKey(ref reader);
        if (kind == PutKind)
        {
            var type = ContentTypes.Get(reader.Take(reader.Byte()).Span);
            var value = reader.Take(reader.Remaining);
            return new Command.Put
            {
                Key = key,
                TimeMs = timeMs,
                Condition = condition,
                RequestId = id,
                Value = value,
                ContentType = type,
            };
        }

        if (!reader.IsAtEnd)
            throw reader.Wrong($"{reader.Remaining} more bytes", "the end");
        return new Command.Delete { Key = key, TimeMs = timeMs, Condition = condition, RequestId = id };
    }

    /// <summary>What the command asks for, as a number: everything but the time and the request id.</summary>
    internal static ulong Fingerprint(ReadOnlySpan<byte> payload)
    {
        var what = payload[0] | ((payload[1] & ConditionMask) << 8);
        var start = HeaderSize + ((payload[1] & HasRequestIdFlag) != 0 ? RequestIdSize : 0);
        return XxHash3.HashToUInt64(payload[start..], what);
    }

    /// <summary>
    /// What would be refused when it is applied must not get into the log: no replica could ever pass it.
    /// </summary>
    private static void Prove(Command command)
    {
        if (command.Key.Length is 0 or > MaxKeyBytes)
            throw new ArgumentException(
                $"A key has 1 to {MaxKeyBytes} bytes, not {command.Key.Length}.", nameof(command));
        if (command.TimeMs < 0)
            throw new ArgumentException($"A command's time is not before 1970: {command.TimeMs} ms.", nameof(command));
        if (command.RequestId is { Kind: > RequestIdKind.Timed })
            throw new ArgumentException("A request id is of a known kind.", nameof(command));
        if (command.Condition is Condition.VersionIn { Versions: var versions })
        {
            if (versions.IsDefault || versions.Length is 0 or > MaxVersions)
                throw new ArgumentException($"A condition lists 1 to {MaxVersions} versions.", nameof(command));
            foreach (var version in versions)
            {
                if (version.Term < Term.Zero || version.Index < LogIndex.Zero)
                    throw new ArgumentException("A version is never negative.", nameof(command));
            }
        }

        if (command is Command.Put { ContentType: var type }
            && (type.Length > ContentTypes.MaxBytes || !Ascii.IsValid(type)))
            throw new ArgumentException(
                $"A content type is at most {ContentTypes.MaxBytes} bytes of ASCII.", nameof(command));
    }

    private static int SizeOf(Command command, int versions)
    {
        var size = HeaderSize + 2 + command.Key.Length + (command.RequestId is null ? 0 : RequestIdSize);
        if (command.Condition is Condition.VersionIn)
            size += 1 + versions * VersionSize;
        return command is Command.Put put ? size + 1 + put.ContentType.Length + put.Value.Length : size;
    }

    private static Span<byte> WriteHeader(Command command, Span<byte> bytes)
    {
        bytes[0] = command is Command.Put ? PutKind : DeleteKind;
        bytes[1] = FlagsOf(command);
        BinaryPrimitives.WriteInt64LittleEndian(bytes[2..], command.TimeMs);
        if (command.RequestId is not { } id)
            return bytes[HeaderSize..];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes[HeaderSize..], id.High);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes[(HeaderSize + 8)..], id.Low);
        return bytes[(HeaderSize + RequestIdSize)..];
    }

    private static byte FlagsOf(Command command)
    {
        var flags = command.Condition switch
        {
            null => 0,
            Condition.Exists => ExistsFlag,
            Condition.Absent => AbsentFlag,
            _ => VersionsFlag,
        };
        if (command.RequestId is { } id)
            flags |= HasRequestIdFlag | ((int)id.Kind << IdKindShift);
        return (byte)flags;
    }

    private static Span<byte> WriteVersions(Command command, ImmutableArray<KeyVersion> versions, Span<byte> rest)
    {
        if (command.Condition is not Condition.VersionIn)
            return rest;
        rest[0] = (byte)versions.Length;
        rest = rest[1..];
        foreach (var version in versions)
        {
            BinaryPrimitives.WriteInt64LittleEndian(rest, version.Term.Value);
            BinaryPrimitives.WriteInt64LittleEndian(rest[8..], version.Index.Value);
            rest = rest[VersionSize..];
        }

        return rest;
    }

    private static void WriteValue(Command.Put put, Span<byte> rest)
    {
        var length = Encoding.ASCII.GetBytes(put.ContentType, rest[1..]);
        rest[0] = (byte)length;
        put.Value.Span.CopyTo(rest[(1 + length)..]);
    }

    private static Condition? ReadCondition(ref ByteReader reader, byte flags)
    {
        switch (flags & ConditionMask)
        {
            case 0:
                return null;
            case ExistsFlag:
                return new Condition.Exists();
            case AbsentFlag:
                return new Condition.Absent();
        }

        var count = reader.Byte();
        if (count is 0 or > MaxVersions)
            throw reader.Wrong($"{count} versions", $"1 to {MaxVersions}");
        var versions = ImmutableArray.CreateBuilder<KeyVersion>(count);
        for (var i = 0; i < count; i++)
            versions.Add(reader.Version());
        return new Condition.VersionIn(versions.MoveToImmutable());
    }

    private static ReadOnlyMemory<byte> ReadKey(ref ByteReader reader)
    {
        var length = reader.UInt16();
        return length is > 0 and <= MaxKeyBytes
            ? reader.Take(length)
            : throw reader.Wrong($"a key of {length} bytes", $"1 to {MaxKeyBytes}");
    }
}
