using System.Buffers.Binary;
using System.IO.Hashing;

namespace KvStore.Node.Storage;

/// <summary>
/// A small file that is always whole: checksummed, written aside, flushed, renamed. See docs/formats.md.
/// </summary>
internal static class CheckedDocument
{
    private const int HeaderSize = 24;
    private const int MaxBytes = 16 * 1024 * 1024;
    private static ReadOnlySpan<byte> Magic => "KVSTDOC1"u8;

    /// <summary>The document's bytes; null when there is no such file.</summary>
    /// <exception cref="DataDamagedException">The file is not what was written.</exception>
    public static byte[]? Load(IFileSystem files, string path)
    {
        if (!files.Exists(path))
            return null;
        using var file = files.Open(path);
        var bytes = new byte[Math.Min(file.Length, HeaderSize + MaxBytes + 1)];
        file.Read(bytes, 0);
        if (bytes.Length < HeaderSize || !bytes.AsSpan(0, 8).SequenceEqual(Magic))
            throw new DataDamagedException(path, 0, "no document", "its beginning");
        var length = BinaryPrimitives.ReadInt64LittleEndian(bytes.AsSpan(8));
        if (length != bytes.Length - HeaderSize)
            throw new DataDamagedException(path, 8, $"a length of {length}", $"{bytes.Length - HeaderSize}");
        var content = bytes.AsSpan(HeaderSize);
        if (BinaryPrimitives.ReadUInt64LittleEndian(bytes.AsSpan(16)) != XxHash3.HashToUInt64(content, length))
            throw new DataDamagedException(path, 16, "a checksum of other bytes", "that of the content");
        return content.ToArray();
    }

    public static void Save(IFileSystem files, string path, ReadOnlySpan<byte> content)
    {
        var bytes = new byte[HeaderSize + content.Length];
        Magic.CopyTo(bytes);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(8), content.Length);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(16), XxHash3.HashToUInt64(content, content.Length));
        content.CopyTo(bytes.AsSpan(HeaderSize));
        var aside = path + DataDirectory.AsideSuffix;
        using (var file = files.Create(aside))
        {
            file.Write(bytes, 0);
            file.Flush();
        }

        files.Move(aside, path);
        files.FlushDirectory(Path.GetDirectoryName(path)!);
    }
}
