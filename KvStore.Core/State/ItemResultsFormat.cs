using System.Collections.Immutable;
using KvStore.Core.Primitives;

namespace KvStore.Core.State;

/// <summary>
/// What is remembered of a batch's results, as bytes: few, since most items have the version of the command itself.
/// Described in docs/formats.md.
/// </summary>
internal static class ItemResultsFormat
{
    private const byte NoVersion = 0;
    private const byte OwnVersion = 1;
    private const byte OtherVersion = 2;
    private const byte HasNumber = 4;

    public static ReadOnlyMemory<byte> Encode(ImmutableArray<ItemResult> items, KeyVersion own)
    {
        if (items.IsEmpty)
            return ReadOnlyMemory<byte>.Empty;
        var count = new ByteWriter();
        Write(ref count, items, own);
        var bytes = new byte[count.Length];
        var writer = new ByteWriter(bytes);
        Write(ref writer, items, own);
        return bytes;
    }

    /// <exception cref="InvalidDataException">The bytes are not what <see cref="Encode"/> wrote.</exception>
    public static ImmutableArray<ItemResult> Decode(ReadOnlyMemory<byte> bytes, KeyVersion own)
    {
        var items = ImmutableArray.CreateBuilder<ItemResult>();
        var reader = new ByteReader(bytes, "Results");
        while (!reader.IsAtEnd)
        {
            var status = (WriteStatus)reader.Byte();
            var flags = reader.Byte();
            if (!WriteResult.IsRemembered(status) || flags > (OtherVersion | HasNumber))
                throw reader.Wrong($"status {(byte)status}, flags {flags:x2}", "a result that is remembered");
            var version = (flags & ~HasNumber) switch
            {
                NoVersion => KeyVersion.None,
                OwnVersion => own,
                _ => reader.Version(),
            };
            items.Add(new ItemResult(status, version, (flags & HasNumber) != 0 ? (long)reader.UInt64() : 0, null));
        }

        return items.ToImmutable();
    }

    private static void Write(ref ByteWriter writer, ImmutableArray<ItemResult> items, KeyVersion own)
    {
        foreach (var item in items)
        {
            var version = item.Version == KeyVersion.None ? NoVersion
                : item.Version == own ? OwnVersion
                : OtherVersion;
            writer.Byte((byte)item.Status);
            writer.Byte((byte)(version | (item.Number != 0 ? HasNumber : 0)));
            if (version == OtherVersion)
                writer.Version(item.Version);
            if (item.Number != 0)
                writer.Int64(item.Number);
        }
    }
}
