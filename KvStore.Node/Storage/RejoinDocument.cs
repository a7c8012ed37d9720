using System.Buffers.Binary;

namespace KvStore.Node.Storage;

/// <summary>
/// What a node whose data was damaged keeps of it: which cluster it may go back to, and no other; where the damaged
/// files are; and the identity of the disk that it begins anew with. See docs/formats.md.
/// </summary>
/// <param name="Number">Names the folders of the damaged files.</param>
/// <param name="ClusterId">The cluster that it belonged to.</param>
/// <param name="Identity">The new disk's identity document.</param>
internal sealed record RejoinDocument(int Number, ulong ClusterId, byte[] Identity)
{
    private const int Version = 1;
    private const int HeaderSize = 16;

    /// <summary>The name of the folder, in each of the two, that the damaged files are in.</summary>
    public string Folder => $"damaged-{Number}";

    public static RejoinDocument? Load(IFileSystem files, string path) =>
        CheckedDocument.Load(files, path) is { } bytes ? Decode(bytes, path) : null;

    public void Save(IFileSystem files, string path)
    {
        var bytes = new byte[HeaderSize + Identity.Length];
        BinaryPrimitives.WriteInt32LittleEndian(bytes, Version);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(4), Number);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(8), ClusterId);
        Identity.CopyTo(bytes.AsSpan(HeaderSize));
        CheckedDocument.Save(files, path, bytes);
    }

    private static RejoinDocument Decode(byte[] bytes, string path)
    {
        if (bytes.Length < HeaderSize)
            throw new DataDamagedException(path, 0, $"{bytes.Length} bytes", "where a node belongs");
        var version = BinaryPrimitives.ReadInt32LittleEndian(bytes);
        return version == Version
            ? new RejoinDocument(
                BinaryPrimitives.ReadInt32LittleEndian(bytes.AsSpan(4)),
                BinaryPrimitives.ReadUInt64LittleEndian(bytes.AsSpan(8)),
                bytes[HeaderSize..])
            : throw new OtherFormatException(path, $"format version {version}");
    }
}
