using System.Buffers.Binary;
using System.IO.Hashing;
using KvStore.Core.Primitives;
using KvStore.Core.Replication;
using KvStore.Core.State;

namespace KvStore.Node.Storage;

/// <summary>The one place that knows a snapshot file's bytes; described in docs/formats.md.</summary>
internal static class SnapshotFile
{
    private const int HeaderSize = 48;
    private const int ChecksumOffset = 40;
    private const int BlockHeaderSize = 16;
    private const uint Version = 1;

    private static ReadOnlySpan<byte> Magic => "KVSTSNP1"u8;

    /// <summary>Writes and flushes; the file must be new and become visible by a rename only afterwards.</summary>
    public static void Write(IStorageFile file, PartitionId partition, ulong incarnation, Snapshot snapshot)
    {
        var header = Header(partition, incarnation, snapshot.Index, snapshot.Term);
        file.Write(header, 0);
        long at = HeaderSize;
        var chain = XxHash3.HashToUInt64(header);
        var blockHeader = new byte[BlockHeaderSize];
        var blocks = snapshot.State.Encode()
            .Prepend(GroupConfigurationFormat.Encode(snapshot.Configuration))
            .Append(ReadOnlyMemory<byte>.Empty);    // an empty one ends the file
        foreach (var block in blocks)
        {
            chain = XxHash3.HashToUInt64(block.Span, (long)chain);
            BinaryPrimitives.WriteInt64LittleEndian(blockHeader, block.Length);
            BinaryPrimitives.WriteUInt64LittleEndian(blockHeader.AsSpan(8), chain);
            file.Write(blockHeader, at);
            file.Write(block.Span, at + BlockHeaderSize);
            at += BlockHeaderSize + block.Length;
        }

        file.Flush();
    }

    /// <exception cref="DataDamagedException">The file is not what was written.</exception>
    /// <exception cref="OtherFormatException">Another version wrote it.</exception>
    public static Snapshot Read(
        IStorageFile file, string path, PartitionId partition, ulong incarnation, LogIndex index, Term term)
    {
        var header = new byte[HeaderSize];
        var expected = Header(partition, incarnation, index, term);
        var isWhole = file.Read(header, 0) == HeaderSize && header.AsSpan(0, 8).SequenceEqual(Magic)
            && Checksum(header) == BinaryPrimitives.ReadUInt64LittleEndian(header.AsSpan(ChecksumOffset));
        if (isWhole && BinaryPrimitives.ReadUInt32LittleEndian(header.AsSpan(8)) is not Version and var version)
            throw new OtherFormatException(path, $"format version {version}");
        if (!isWhole || !header.AsSpan().SequenceEqual(expected))
            throw new DataDamagedException(path, 0, "another header", "that of this snapshot of this disk");
        try
        {
            using var blocks = Blocks(file, path, XxHash3.HashToUInt64(header)).GetEnumerator();
            var configuration = GroupConfigurationFormat.Decode(blocks.MoveNext() ? blocks.Current.Span : default);
            return new Snapshot(index, term, configuration, StateImage.Decode(Rest(blocks)));
        }
        catch (InvalidDataException wrong)
        {
            throw new OtherFormatException(path, wrong.Message, wrong);
        }
    }

    private static IEnumerable<ReadOnlyMemory<byte>> Rest(IEnumerator<ReadOnlyMemory<byte>> blocks)
    {
        while (blocks.MoveNext())
            yield return blocks.Current;
    }

    private static IEnumerable<ReadOnlyMemory<byte>> Blocks(IStorageFile file, string path, ulong chain)
    {
        var header = new byte[BlockHeaderSize];
        for (long at = HeaderSize; ;)
        {
            if (file.Read(header, at) < BlockHeaderSize)
                throw new DataDamagedException(path, at, "the end of the file", "another block");
            var length = BinaryPrimitives.ReadInt64LittleEndian(header);
            if (length < 0 || length > file.Length - at - BlockHeaderSize || length > Array.MaxLength)
                throw new DataDamagedException(path, at, $"a block of {length} bytes", "one that fits the file");
            var block = new byte[length];
            file.Read(block, at + BlockHeaderSize);
            chain = XxHash3.HashToUInt64(block, (long)chain);
            if (chain != BinaryPrimitives.ReadUInt64LittleEndian(header.AsSpan(8)))
                throw new DataDamagedException(path, at, "a block of another checksum", "the bytes that were written");
            at += BlockHeaderSize + length;
            if (length == 0 && at == file.Length)
                yield break;
            if (length == 0)
                throw new DataDamagedException(path, at, "more bytes", "the end of the file");
            yield return block;
        }
    }

    private static byte[] Header(PartitionId partition, ulong incarnation, LogIndex index, Term term)
    {
        var header = new byte[HeaderSize];
        Magic.CopyTo(header);
        BinaryPrimitives.WriteUInt32LittleEndian(header.AsSpan(8), Version);
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(12), partition.Value);
        BinaryPrimitives.WriteUInt64LittleEndian(header.AsSpan(16), incarnation);
        BinaryPrimitives.WriteInt64LittleEndian(header.AsSpan(24), index.Value);
        BinaryPrimitives.WriteInt64LittleEndian(header.AsSpan(32), term.Value);
        BinaryPrimitives.WriteUInt64LittleEndian(header.AsSpan(ChecksumOffset), Checksum(header));
        return header;
    }

    private static ulong Checksum(ReadOnlySpan<byte> header) => XxHash3.HashToUInt64(header[..ChecksumOffset]);
}
