namespace KvStore.Tests.Node.Storage;

/// <summary>What a file holds, whatever its name.</summary>
internal sealed class MemoryFile
{
    private const int Sector = 512;

    private byte[] _kept = [];
    private List<(int Offset, byte[] Bytes)> _unflushed = [];

    /// <summary>What a reader finds.</summary>
    public byte[] Seen { get; private set; } = [];

    /// <summary>Parts of writes that are not on the disk.</summary>
    public int Pending => _unflushed.Count;

    public void Write(ReadOnlySpan<byte> bytes, int offset, IoFault fault)
    {
        Seen = Overwritten(Seen, bytes, offset);
        if (fault == IoFault.IsLost)
            return;
        offset += fault == IoFault.IsMisdirected ? Sector : 0;
        while (bytes.Length > 0)
        {
            var part = Math.Min(bytes.Length, Sector - offset % Sector);
            _unflushed.Add((offset, bytes[..part].ToArray()));
            bytes = bytes[part..];
            offset += part;
        }
    }

    public void Flush()
    {
        foreach (var (offset, bytes) in _unflushed)
            _kept = Overwritten(_kept, bytes, offset);
        _unflushed.Clear();
    }

    /// <summary>The system calls the pages clean and never writes them.</summary>
    public void Forget() => _unflushed.Clear();

    public void Replace(byte[] bytes)
    {
        Seen = [.. bytes];
        _kept = [.. bytes];
        _unflushed.Clear();
    }

    public MemoryFile Copy() => new() { Seen = [.. Seen], _kept = [.. _kept], _unflushed = [.. _unflushed] };

    public MemoryFile AfterPowerLoss(Func<bool> stays)
    {
        var after = Copy();
        after._unflushed.RemoveAll(_ => !stays());
        after.Flush();
        after.Seen = [.. after._kept];
        return after;
    }

    private static byte[] Overwritten(byte[] file, ReadOnlySpan<byte> bytes, int offset)
    {
        if (offset + bytes.Length > file.Length)
            Array.Resize(ref file, offset + bytes.Length);
        bytes.CopyTo(file.AsSpan(offset));
        return file;
    }
}
