namespace KvStore.Node.Api;

/// <summary>Cuts a body of any length into lines, and holds one of them at a time and little beyond it.</summary>
/// <param name="body">UTF-8; the last line may do without its end.</param>
/// <param name="maxBytes">The most bytes of a line, without its end.</param>
internal sealed class LineReader(Stream body, int maxBytes)
{
    private const int FirstBytes = 64 << 10;

    private byte[] _buffer = new byte[FirstBytes];
    private int _start;
    private int _end;
    private bool _isAtEnd;

    /// <summary>Whether reading ended with a line that has more bytes than it may have.</summary>
    public bool IsTooLong { get; private set; }

    /// <summary>Reads the next line.</summary>
    /// <returns>Its bytes, good until the next call; null: no other follows, or it <see cref="IsTooLong"/>.</returns>
    /// <exception cref="IOException">The body did not come whole.</exception>
    public async ValueTask<ReadOnlyMemory<byte>?> NextAsync(CancellationToken aborted)
    {
        for (var looked = 0; ;)
        {
            var found = _buffer.AsSpan(_start + looked, _end - _start - looked).IndexOf((byte)'\n');
            var length = found < 0 ? _end - _start : looked + found;
            if (length > maxBytes)
            {
                IsTooLong = true;
                return null;
            }

            if (found >= 0 || (_isAtEnd && length > 0))
            {
                var line = _buffer.AsMemory(_start, length);
                _start = Math.Min(_end, _start + length + 1);
                return line;
            }

            if (_isAtEnd)
                return null;
            looked = length;
            MakeRoom();
            var count = await body.ReadAsync(_buffer.AsMemory(_end), aborted);
            _isAtEnd = count == 0;
            _end += count;
        }
    }

    private void MakeRoom()
    {
        if (_start > 0)
        {
            _buffer.AsSpan(_start, _end - _start).CopyTo(_buffer);
            (_start, _end) = (0, _end - _start);
        }

        if (_end == _buffer.Length)    // that a line is too long shows by one byte more
            Array.Resize(ref _buffer, (int)Math.Min(2L * _buffer.Length, maxBytes + 2L));
    }
}
