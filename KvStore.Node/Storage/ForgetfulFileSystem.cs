namespace KvStore.Node.Storage;

/// <summary>
/// Files whose unflushed bytes are in this process alone: when it is killed they are gone, as they are when a machine
/// loses power. For development only; folders and names are those of the machine, which keeps them.
/// </summary>
internal sealed class ForgetfulFileSystem(IFileSystem inner) : IFileSystem
{
    public void CreateDirectory(string path) => inner.CreateDirectory(path);

    public IDisposable? TryLock(string path) => inner.TryLock(path);

    public IReadOnlyList<string> Files(string directory) => inner.Files(directory);

    public bool Exists(string path) => inner.Exists(path);

    public IStorageFile Create(string path) => new ForgetfulFile(inner.Create(path));

    public IStorageFile Open(string path) => new ForgetfulFile(inner.Open(path));

    public void Move(string from, string to) => inner.Move(from, to);

    public void Delete(string path) => inner.Delete(path);

    public DiskSpace SpaceOf(string directory) => inner.SpaceOf(directory);

    public void FlushDirectory(string path) => inner.FlushDirectory(path);

    private sealed class ForgetfulFile(IStorageFile inner) : IStorageFile
    {
        private readonly List<(long Offset, byte[] Bytes)> _unflushed = [];

        public long Length => _unflushed.Aggregate(
            inner.Length, static (length, write) => Math.Max(length, write.Offset + write.Bytes.Length));

        public int Read(Span<byte> buffer, long offset)
        {
            var read = inner.Read(buffer, offset);
            var length = (int)Math.Clamp(Length - offset, read, buffer.Length);
            buffer[read..length].Clear();
            foreach (var (begin, bytes) in _unflushed)
            {
                var from = Math.Max(begin, offset);
                var until = Math.Min(begin + bytes.Length, offset + length);
                if (from < until)
                    bytes.AsSpan((int)(from - begin), (int)(until - from)).CopyTo(buffer[(int)(from - offset)..]);
            }

            return length;
        }

        public void Write(ReadOnlySpan<byte> bytes, long offset) => _unflushed.Add((offset, bytes.ToArray()));

        public void Flush()
        {
            WriteOut();
            inner.Flush();
        }

        /// <summary>Whoever closes a file has not lost power: the machine writes it some time.</summary>
        public void Dispose()
        {
            WriteOut();
            inner.Dispose();
        }

        private void WriteOut()
        {
            foreach (var (offset, bytes) in _unflushed)
                inner.Write(bytes, offset);
            _unflushed.Clear();
        }
    }
}
