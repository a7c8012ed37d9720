namespace KvStore.Node.Storage;

/// <summary>Gathers the items of one frame behind room for its header; one buffer, used again and again.</summary>
internal sealed class FrameBuilder
{
    private byte[] _buffer = new byte[64 * 1024];
    private int _length = WalFormat.FrameHeaderSize;

    /// <summary>Items added.</summary>
    public int Items { get; private set; }

    /// <summary>Bytes of the items added.</summary>
    public int ItemBytes => _length - WalFormat.FrameHeaderSize;

    public bool IsEmpty => Items == 0;

    private int Size => SizeWith(ItemBytes);

    /// <summary>Bytes of a frame with so many bytes of items.</summary>
    public static int SizeWith(long itemBytes) => checked((int)Aligned(WalFormat.FrameHeaderSize + itemBytes));

    /// <summary>Room for one item, to be filled to the last byte.</summary>
    public Span<byte> Add(int size)
    {
        var needed = _length + size + WalFormat.Alignment;
        if (needed > _buffer.Length)
            Array.Resize(ref _buffer, Math.Max(needed, _buffer.Length * 2));
        var item = _buffer.AsSpan(_length, size);
        _length += size;
        Items++;
        return item;
    }

    /// <summary>The frame, its header filled in.</summary>
    public ReadOnlySpan<byte> Seal(ChainLink before, ulong key, out ChainLink link)
    {
        _buffer.AsSpan(_length, Size - _length).Clear();
        var frame = _buffer.AsSpan(0, Size);
        link = WalFormat.SealFrame(frame, before, key, Items);
        return frame;
    }

    public void Clear()
    {
        _length = WalFormat.FrameHeaderSize;
        Items = 0;
    }

    private static long Aligned(long length) => (length + WalFormat.Alignment - 1) & -WalFormat.Alignment;
}
