using System.Collections.Immutable;
using KvStore.Core.Primitives;

namespace KvStore.Core.State;

/// <summary>The part of <see cref="CommandFormat"/> that knows one operation's bytes.</summary>
internal static class OperationFormat
{
    private const byte GetKind = 1;
    private const byte PutKind = 2;
    private const byte DeleteKind = 3;
    private const byte TouchKind = 4;
    private const byte IncrementKind = 5;
    private const byte MergeKind = 6;
    private const byte NoCondition = 0;
    private const byte ExistsCondition = 1;
    private const byte AbsentCondition = 2;
    private const byte VersionInCondition = 3;
    private const byte VersionIsCondition = 4;
    private const byte ValueIsCondition = 5;

    public static void Write(ref ByteWriter writer, Operation operation)
    {
        writer.Byte(operation switch
        {
            Operation.Get => GetKind,
            Operation.Put => PutKind,
            Operation.Delete => DeleteKind,
            Operation.Touch => TouchKind,
            Operation.Increment => IncrementKind,
            _ => MergeKind,
        });
        WriteCondition(ref writer, operation.Condition);
        WriteKey(ref writer, operation.Key.Span);
        switch (operation)
        {
            case Operation.Put put:
                WriteTtl(ref writer, put.Ttl);
                writer.ShortText(put.ContentType);
                writer.UInt16((ushort)put.Metadata.Length);
                writer.Bytes(put.Metadata.Span);
                WriteValue(ref writer, put.Value.Span);
                break;
            case Operation.Touch touch:
                WriteTtl(ref writer, touch.Ttl);
                break;
            case Operation.Increment increment:
                WriteTtl(ref writer, increment.Ttl);
                writer.Int64(increment.By);
                writer.Int64(increment.Initial);
                break;
            case Operation.Merge merge:
                WriteTtl(ref writer, merge.Ttl);
                writer.UInt32((uint)merge.MaxValueBytes);
                WriteValue(ref writer, merge.Patch.Span);
                break;
        }
    }

    public static Operation Read(ref ByteReader reader)
    {
        var kind = reader.Byte();
        if (kind is < GetKind or > MergeKind)
            throw reader.Wrong($"operation {kind}", "one that this version knows");
        var condition = ReadCondition(ref reader);
        var key = ReadKey(ref reader);
        return kind switch
        {
            GetKind => new Operation.Get { Key = key, Condition = condition },
            PutKind => ReadPut(ref reader, key, condition),
            DeleteKind => new Operation.Delete { Key = key, Condition = condition },
            TouchKind => new Operation.Touch { Key = key, Condition = condition, Ttl = ReadTtl(ref reader) },
            IncrementKind => new Operation.Increment
            {
                Key = key,
                Condition = condition,
                Ttl = ReadTtl(ref reader),
                By = (long)reader.UInt64(),
                Initial = (long)reader.UInt64(),
            },
            _ => new Operation.Merge
            {
                Key = key,
                Condition = condition,
                Ttl = ReadTtl(ref reader),
                MaxValueBytes = (int)Math.Min(reader.UInt32(), int.MaxValue),
                Patch = ReadValue(ref reader),
            },
        };
    }

    public static void WriteKey(ref ByteWriter writer, ReadOnlySpan<byte> key)
    {
        writer.UInt16((ushort)key.Length);
        writer.Bytes(key);
    }

    public static ReadOnlyMemory<byte> ReadKey(ref ByteReader reader)
    {
        var length = reader.UInt16();
        return length is > 0 and <= CommandFormat.MaxKeyBytes
            ? reader.Take(length)
            : throw reader.Wrong($"a key of {length} bytes", $"1 to {CommandFormat.MaxKeyBytes}");
    }

    public static void WriteCondition(ref ByteWriter writer, Condition? condition)
    {
        switch (condition)
        {
            case null:
                writer.Byte(NoCondition);
                break;
            case Condition.Exists:
                writer.Byte(ExistsCondition);
                break;
            case Condition.Absent:
                writer.Byte(AbsentCondition);
                break;
            case Condition.VersionIn { Versions: var versions }:
                writer.Byte(VersionInCondition);
                writer.Byte((byte)versions.Length);
                foreach (var version in versions)
                    writer.Version(version);
                break;
            case Condition.VersionIs version:
                writer.Byte(VersionIsCondition);
                writer.Byte((byte)version.Comparison);
                writer.Int64(version.Index.Value);
                break;
            case Condition.ValueIs value:
                writer.Byte(ValueIsCondition);
                WriteValue(ref writer, value.Value.Span);
                break;
        }
    }

    public static Condition? ReadCondition(ref ByteReader reader)
    {
        var kind = reader.Byte();
        return kind switch
        {
            NoCondition => null,
            ExistsCondition => new Condition.Exists(),
            AbsentCondition => new Condition.Absent(),
            VersionInCondition => new Condition.VersionIn(ReadVersions(ref reader, reader.Byte())),
            VersionIsCondition => new Condition.VersionIs(
                ReadComparison(ref reader), new LogIndex(reader.Position())),
            ValueIsCondition => new Condition.ValueIs(ReadValue(ref reader)),
            _ => throw reader.Wrong($"condition {kind}", "one that this version knows"),
        };
    }

    public static ImmutableArray<KeyVersion> ReadVersions(ref ByteReader reader, int count)
    {
        if (count is 0 or > CommandFormat.MaxVersions)
            throw reader.Wrong($"{count} versions", $"1 to {CommandFormat.MaxVersions}");
        var versions = ImmutableArray.CreateBuilder<KeyVersion>(count);
        for (var i = 0; i < count; i++)
            versions.Add(reader.Version());
        return versions.MoveToImmutable();
    }

    private static Operation.Put ReadPut(ref ByteReader reader, ReadOnlyMemory<byte> key, Condition? condition)
    {
        var ttl = ReadTtl(ref reader);
        var type = ContentTypes.Get(reader.Take(reader.Byte()).Span);
        var metadata = reader.Take(reader.UInt16());
        return new()
        {
            Key = key,
            Condition = condition,
            Ttl = ttl,
            ContentType = type,
            Metadata = metadata,
            Value = ReadValue(ref reader),
        };
    }

    private static Comparison ReadComparison(ref ByteReader reader)
    {
        var comparison = (Comparison)reader.Byte();
        return comparison is >= Comparison.Equal and <= Comparison.Less
            ? comparison
            : throw reader.Wrong($"comparison {(byte)comparison}", "one that this version knows");
    }

    private static void WriteTtl(ref ByteWriter writer, Ttl ttl)
    {
        writer.Byte((byte)ttl.Kind);
        if (ttl.Kind is TtlKind.After or TtlKind.KeepOrAfter or TtlKind.Until)
            writer.Int64(ttl.Ms);
    }

    private static Ttl ReadTtl(ref ByteReader reader)
    {
        var kind = (TtlKind)reader.Byte();
        return kind switch
        {
            TtlKind.None => Ttl.None,
            TtlKind.Keep => Ttl.Keep,
            TtlKind.After or TtlKind.KeepOrAfter
                when reader.Position() is > 0 and <= Ttl.LongestMs and var afterMs => new Ttl(kind, afterMs),
            TtlKind.Until when reader.Position() is > 0 and var untilMs => Ttl.Until(untilMs),
            _ => throw reader.Wrong($"a time to live of kind {(byte)kind}", "one that this version knows"),
        };
    }

    private static void WriteValue(ref ByteWriter writer, ReadOnlySpan<byte> value)
    {
        writer.UInt32((uint)value.Length);
        writer.Bytes(value);
    }

    private static ReadOnlyMemory<byte> ReadValue(ref ByteReader reader)
    {
        var length = reader.UInt32();
        return length <= reader.Remaining
            ? reader.Take((int)length)
            : throw reader.Wrong($"a value of {length} bytes", $"at most {reader.Remaining}");
    }
}
