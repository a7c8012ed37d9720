using System.Buffers;

namespace KvStore.Balancer.Routing;

/// <summary>
/// A request's body, held so that it can be sent more than once; gives its memory back when disposed.
/// </summary>
internal sealed class HeldBody : IDisposable
{
    private readonly BodyReader _reader;
    private byte[] _bytes;
    private int _length;

    /// <summary>
    /// An empty one that can grow; the caller has taken <paramref name="capacity"/> bytes from the reader.
    /// </summary>
    public HeldBody(BodyReader reader, int capacity)
    {
        _reader = reader;
        _bytes = ArrayPool<byte>.Shared.Rent(capacity);
        Taken = capacity;
    }

    /// <summary>Bytes taken from what all requests may hold.</summary>
    public int Taken { get; private set; }

    /// <summary>Bytes of the body so far.</summary>
    public int Length => _length;

    /// <summary>Where the next bytes go; never more than was taken.</summary>
    public Memory<byte> Free => _bytes.AsMemory(_length, Taken - _length);

    /// <summary>That many bytes were put there.</summary>
    public void Advance(int bytes) => _length += bytes;

    /// <summary>Makes room for more, which the caller has taken.</summary>
    public void Grow(int more)
    {
        var larger = ArrayPool<byte>.Shared.Rent(Taken + more);
        _bytes.AsSpan(0, _length).CopyTo(larger);
        ArrayPool<byte>.Shared.Return(_bytes);
        _bytes = larger;
        Taken += more;
    }

    /// <summary>Reads it from the start.</summary>
    public Stream Open() => new MemoryStream(_bytes, 0, _length, writable: false);

    /// <inheritdoc/>
    public void Dispose()
    {
        if (Taken == 0)
            return;
        _reader.GiveBack(Taken);
        Taken = 0;
        ArrayPool<byte>.Shared.Return(_bytes);
        _bytes = [];
    }
}
