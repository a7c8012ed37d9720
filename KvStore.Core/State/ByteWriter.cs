using System.Buffers.Binary;
using System.Text;
using KvStore.Core.Primitives;

namespace KvStore.Core.State;

/// <summary>
/// Writes little-endian fields one after the other. Over nothing it only counts, so that one description of a format
/// gives the size first and the bytes then.
/// </summary>
internal ref struct ByteWriter(Span<byte> bytes)
{
    private readonly Span<byte> _bytes = bytes;

    /// <summary>Bytes written so far, or counted.</summary>
    public int Length { get; private set; }

    public void Byte(byte value)
    {
        if (Take(1) is { IsEmpty: false } place)
            place[0] = value;
    }

    public void UInt16(ushort value)
    {
        if (Take(2) is { IsEmpty: false } place)
            BinaryPrimitives.WriteUInt16LittleEndian(place, value);
    }

    public void UInt32(uint value)
    {
        if (Take(4) is { IsEmpty: false } place)
            BinaryPrimitives.WriteUInt32LittleEndian(place, value);
    }

    public void UInt64(ulong value)
    {
        if (Take(8) is { IsEmpty: false } place)
            BinaryPrimitives.WriteUInt64LittleEndian(place, value);
    }

    public void Int64(long value) => UInt64((ulong)value);

    public void Version(KeyVersion version)
    {
        Int64(version.Term.Value);
        Int64(version.Index.Value);
    }

    public void Bytes(ReadOnlySpan<byte> value)
    {
        if (Take(value.Length) is { IsEmpty: false } place)
            value.CopyTo(place);
    }

    public void ShortText(string ascii)
    {
        Byte((byte)ascii.Length);
        if (Take(ascii.Length) is { IsEmpty: false } place)
            Encoding.ASCII.GetBytes(ascii, place);
    }

    private Span<byte> Take(int length)
    {
        var at = Length;
        Length += length;
        return _bytes.IsEmpty ? default : _bytes.Slice(at, length);
    }
}
