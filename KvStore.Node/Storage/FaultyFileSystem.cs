namespace KvStore.Node.Storage;

/// <summary>The machine's files, doing wrong what a <see cref="FaultSwitch"/> says; for development only.</summary>
internal sealed class FaultyFileSystem(IFileSystem inner, FaultSwitch faults) : IFileSystem
{
    public void CreateDirectory(string path) => inner.CreateDirectory(path);

    public IDisposable? TryLock(string path) => inner.TryLock(path);

    public IReadOnlyList<string> Files(string directory) => inner.Files(directory);

    public bool Exists(string path) => inner.Exists(path);

    public IStorageFile Create(string path)
    {
        faults.Before("create", path);
        return new FaultyFile(inner.Create(path), faults, path);
    }

    public IStorageFile Open(string path)
    {
        faults.Before("open", path);
        return new FaultyFile(inner.Open(path), faults, path);
    }

    public void Move(string from, string to)
    {
        faults.Before("move", to);
        inner.Move(from, to);
    }

    public void Delete(string path)
    {
        faults.Before("delete", path);
        inner.Delete(path);
    }

    public DiskSpace SpaceOf(string directory)
    {
        var space = inner.SpaceOf(directory);
        return faults.FreeBytes(directory) is { } free ? space with { FreeBytes = free } : space;
    }

    public void FlushDirectory(string path)
    {
        faults.Before("flush-folder", path);
        inner.FlushDirectory(path);
    }

    private sealed class FaultyFile(IStorageFile inner, FaultSwitch faults, string path) : IStorageFile
    {
        public long Length => inner.Length;

        public int Read(Span<byte> buffer, long offset)
        {
            faults.Before("read", path);
            return inner.Read(buffer, offset);
        }

        public void Write(ReadOnlySpan<byte> bytes, long offset)
        {
            faults.Before("write", path);
            inner.Write(bytes, offset);
        }

        public void Flush()
        {
            faults.Before("flush", path);
            inner.Flush();
        }

        public void Dispose() => inner.Dispose();
    }
}
