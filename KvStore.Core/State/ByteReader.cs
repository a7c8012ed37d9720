using System.Buffers.Binary;
using KvStore.Core.Primitives;

namespace KvStore.Core.State;

/// <summary>Reads little-endian fields one after the other; says where it ran out of bytes.</summary>
internal ref struct ByteReader(ReadOnlyMemory<byte> bytes, string what)
{
    private int _at;

    public readonly bool IsAtEnd => _at == bytes.Length;

    public readonly int Remaining => bytes.Length - _at;

    public byte Byte() => Take(1).Span[0];

    public ushort UInt16() => BinaryPrimitives.ReadUInt16LittleEndian(Take(2).Span);

    public uint UInt32() => BinaryPrimitives.ReadUInt32LittleEndian(Take(4).Span);

    public ulong UInt64() => BinaryPrimitives.ReadUInt64LittleEndian(Take(8).Span);

    /// <summary>A position or time: never negative.</summary>
    public long Position()
    {
        var value = (long)UInt64();
        return value >= 0 ? value : throw Wrong($"the number {value}", "0 or more");
    }

    public KeyVersion Version() => new(new Term(Position()), new LogIndex(Position()));

    public ReadOnlyMemory<byte> Take(int length)
    {
        if (length > Remaining)
            throw Wrong($"{Remaining} bytes", $"{length}");
        var taken = bytes.Slice(_at, length);
        _at += length;
        return taken;
    }

    public readonly InvalidDataException Wrong(string found, string expected) =>
        new($"{what}: {found} found at offset {_at}, {expected} expected.");
}
