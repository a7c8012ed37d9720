using KvStore.Node.Storage;

namespace KvStore.Tests.Node.Storage;

/// <summary>One call of storage to its files, as the counting and failing of a test sees it.</summary>
internal readonly record struct IoCall(int Number, string Kind, string Path);

/// <summary>What becomes of a call.</summary>
internal enum IoFault
{
    None,

    /// <summary>
    /// It fails, with half of its bytes written; a flush leaves the pages clean and the disk as it was.
    /// </summary>
    Fails,

    /// <summary>The disk is full: nothing is written.</summary>
    DiskFull,

    /// <summary>The machine stops in the middle of it.</summary>
    PowerLoss,

    /// <summary>A read gives half of what is there.</summary>
    IsShort,

    /// <summary>A write is seen until the machine stops, and never comes to the disk.</summary>
    IsLost,

    /// <summary>A write is seen where it belongs; the disk puts it a sector further on.</summary>
    IsMisdirected,
}

/// <summary>How much of what was not flushed a power failure leaves.</summary>
internal enum Leaves
{
    Nothing,
    Everything,
    Some,
}

/// <summary>
/// Files in memory, each with what a reader sees and what the disk holds; and the same for the entries of folders.
/// Fails and stops where a test says so.
/// </summary>
internal sealed class MemoryFileSystem : IFileSystem
{
    private readonly object _gate = new();
    private readonly HashSet<string> _folders = [];
    private readonly HashSet<string> _held = [];
    private Dictionary<string, MemoryFile> _seen = [];
    private Dictionary<string, MemoryFile> _kept = [];
    private List<Change> _unflushed = [];
    private int _calls;
    private bool _isDead;

    /// <summary>
    /// Decides about each call; the filling of spares, which another thread does, is not asked about.
    /// </summary>
    public Func<IoCall, IoFault> Fault { get; set; } = _ => IoFault.None;

    /// <summary>Told of every call that was carried out, with its place in the file and its length.</summary>
    public Action<IoCall, long, int>? Done { get; set; }

    /// <summary>What becomes of the filling of spares.</summary>
    public IoFault SpareFault { get; set; }

    /// <summary>How much room it says it has.</summary>
    public DiskSpace Space { get; set; } = new(1L << 40, 1L << 40);

    /// <summary>Calls so far.</summary>
    public int Calls => _calls;

    public void CreateDirectory(string path) => _folders.Add(path);

    public IDisposable? TryLock(string path)
    {
        lock (_gate)
            return _held.Add(path) ? new Held(this, path) : null;
    }

    public IReadOnlyList<string> Files(string directory)
    {
        lock (_gate)
            return [.. AllFiles().Where(path => Path.GetDirectoryName(path) == directory)];
    }

    public bool Exists(string path)
    {
        lock (_gate)
            return _seen.ContainsKey(path);
    }

    public IStorageFile Create(string path)
    {
        lock (_gate)
        {
            Assert.EndsWith(DataDirectory.AsideSuffix, path);    // all else comes by a rename
            var isSpare = IsSpare(path);
            var fault = isSpare ? Quiet() : Ask("create", path, out _);
            var node = new MemoryFile();
            ChangeFolder(new Change(path, null, node));
            Throw(fault, "create", path);
            return new Handle(this, node, path, isSpare);
        }
    }

    public IStorageFile Open(string path)
    {
        lock (_gate)
        {
            Throw(Ask("open", path, out _), "open", path);
            return _seen.TryGetValue(path, out var node)
                ? new Handle(this, node, path, isQuiet: false)
                : throw new FileNotFoundException($"No file {path}.");
        }
    }

    public void Move(string from, string to)
    {
        lock (_gate)
        {
            var fault = Ask("move", to, out _);
            if (fault is IoFault.None or IoFault.PowerLoss)
                ChangeFolder(new Change(to, from, _seen[from]));
            Throw(fault, "move", to);
        }
    }

    public void Delete(string path)
    {
        lock (_gate)
        {
            var fault = IsSpare(path) ? IoFault.None : Ask("delete", path, out _);
            if (fault is IoFault.None or IoFault.PowerLoss)
                ChangeFolder(new Change(path, null, null));
            Throw(fault, "delete", path);
        }
    }

    public DiskSpace SpaceOf(string directory) => Space;

    public void FlushDirectory(string path)
    {
        lock (_gate)
        {
            Throw(Ask("flush folder", path, out _), "flush folder", path);
            foreach (var change in _unflushed.Where(change => change.Folder == path))
                change.Apply(_kept);
            _unflushed.RemoveAll(change => change.Folder == path);
        }
    }

    /// <summary>The process was killed: what it wrote is seen by the next one, flushed or not.</summary>
    public MemoryFileSystem AfterKill()
    {
        lock (_gate)
        {
            _isDead = true;
            var copies = _seen.Values.Concat(_kept.Values).Concat(NewFiles).Distinct()
                .ToDictionary(node => node, node => node.Copy());
            return new MemoryFileSystem
            {
                _seen = _seen.ToDictionary(pair => pair.Key, pair => copies[pair.Value]),
                _kept = _kept.ToDictionary(pair => pair.Key, pair => copies[pair.Value]),
                _unflushed = [.. _unflushed.Select(c => c with { Node = c.Node is null ? null : copies[c.Node] })],
            };
        }
    }

    /// <summary>Changes that are not on the disk, each of which a power failure may take or leave.</summary>
    public int Pending
    {
        get
        {
            lock (_gate)
                return _unflushed.Count + _kept.Values.Concat(NewFiles).Distinct().Sum(file => file.Pending);
        }
    }

    private IEnumerable<MemoryFile> NewFiles => _unflushed.Select(change => change.Node).OfType<MemoryFile>();

    /// <summary>
    /// The power failed: what the disk holds, and as much of the rest as luck leaves, in parts of a sector.
    /// </summary>
    public MemoryFileSystem AfterPowerLoss(Leaves leaves, Random random) => AfterPowerLoss(
        () => leaves == Leaves.Everything || (leaves == Leaves.Some && random.Next(2) == 0));

    /// <summary>The power failed: of what is <see cref="Pending"/>, each is there if asked for it says so.</summary>
    public MemoryFileSystem AfterPowerLoss(Func<bool> stays)
    {
        lock (_gate)
        {
            _isDead = true;
            var entries = new Dictionary<string, MemoryFile>(_kept);
            foreach (var change in _unflushed.Where(_ => stays()))
                change.Apply(entries);
            var after = new MemoryFileSystem();
            foreach (var (path, node) in entries)
                after._seen.Add(path, node.AfterPowerLoss(stays));
            after._kept = new(after._seen);
            return after;
        }
    }

    /// <summary>Changes the bytes of a file behind everybody's back.</summary>
    public void Damage(string path, Func<byte[], byte[]> change)
    {
        lock (_gate)
            _seen[path].Replace(change(_seen[path].Seen));
    }

    /// <summary>The bytes of a file as a reader sees them.</summary>
    public byte[] Bytes(string path)
    {
        lock (_gate)
            return [.. _seen[path].Seen];
    }

    /// <summary>Adds, replaces or, with null, removes a file behind everybody's back.</summary>
    public void Put(string path, byte[]? bytes)
    {
        lock (_gate)
        {
            _seen.Remove(path);
            _kept.Remove(path);
            if (bytes is null)
                return;
            var node = new MemoryFile();
            node.Replace(bytes);
            _seen.Add(path, node);
            _kept.Add(path, node);
        }
    }

    /// <summary>Every file that is there.</summary>
    public IReadOnlyList<string> AllFiles()
    {
        lock (_gate)
            return [.. _seen.Keys.Order(StringComparer.Ordinal)];
    }

    private static bool IsSpare(string path) => Path.GetFileName(path) == "spare" + DataDirectory.AsideSuffix;

    private void ChangeFolder(Change change)
    {
        change.Apply(_seen);
        _unflushed.Add(change);
    }

    private IoFault Quiet() => _isDead ? IoFault.PowerLoss : SpareFault;

    private IoFault Ask(string kind, string path, out IoCall call)
    {
        call = default;
        if (_isDead)
            return IoFault.PowerLoss;
        call = new IoCall(++_calls, kind, path);
        var fault = Fault(call);
        _isDead = fault == IoFault.PowerLoss;
        return fault;
    }

    private static void Throw(IoFault fault, string kind, string path)
    {
        if (fault == IoFault.DiskFull)
            throw new IOException($"No space left on device : '{path}'", 28);
        if (fault == IoFault.Fails)
            throw new IOException($"{kind} of {path} failed: Input/output error (5).");
        if (fault == IoFault.PowerLoss)
            throw new IOException("The power is off.");
    }

    private void Write(Handle file, ReadOnlySpan<byte> bytes, long offset)
    {
        lock (_gate)
        {
            var call = default(IoCall);
            var fault = file.IsQuiet ? Quiet() : Ask("write", file.Path, out call);
            if (fault == IoFault.Fails)
                bytes = bytes[..(bytes.Length / 2)];
            if (fault != IoFault.DiskFull)
                file.Node.Write(bytes, (int)offset, fault);
            Throw(fault, "write", file.Path);
            Done?.Invoke(call with { Path = file.Path, Kind = "write" }, offset, bytes.Length);
        }
    }

    private void Flush(Handle file)
    {
        lock (_gate)
        {
            var call = default(IoCall);
            var fault = file.IsQuiet ? Quiet() : Ask("flush", file.Path, out call);
            if (fault == IoFault.None)
                file.Node.Flush();
            else if (fault != IoFault.PowerLoss)
                file.Node.Forget();
            Throw(fault, "flush", file.Path);
            Done?.Invoke(call with { Path = file.Path, Kind = "flush" }, 0, 0);
        }
    }

    private int Read(Handle file, Span<byte> buffer, long offset)
    {
        lock (_gate)
        {
            var fault = Ask("read", file.Path, out _);
            var from = (int)Math.Min(offset, file.Node.Seen.Length);
            var count = Math.Min(buffer.Length, file.Node.Seen.Length - from) / (fault == IoFault.IsShort ? 2 : 1);
            file.Node.Seen.AsSpan(from, count).CopyTo(buffer);
            Throw(fault, "read", file.Path);
            return count;
        }
    }

    /// <summary>A change of a folder: an entry made, moved here, or removed.</summary>
    private sealed record Change(string Path, string? From, MemoryFile? Node)
    {
        public string Folder => System.IO.Path.GetDirectoryName(Path)!;

        public void Apply(Dictionary<string, MemoryFile> entries)
        {
            if (From is not null)
                entries.Remove(From);
            if (Node is null)
                entries.Remove(Path);
            else
                entries[Path] = Node;
        }
    }

    private sealed class Held(MemoryFileSystem files, string path) : IDisposable
    {
        public void Dispose()
        {
            lock (files._gate)
                files._held.Remove(path);
        }
    }

    private sealed class Handle(MemoryFileSystem files, MemoryFile node, string path, bool isQuiet) : IStorageFile
    {
        public MemoryFile Node { get; } = node;

        public string Path { get; } = path;

        public bool IsQuiet { get; } = isQuiet;

        public long Length => Node.Seen.Length;

        public int Read(Span<byte> buffer, long offset) => files.Read(this, buffer, offset);

        public void Write(ReadOnlySpan<byte> bytes, long offset) => files.Write(this, bytes, offset);

        public void Flush() => files.Flush(this);

        public void Dispose()
        {
            // nothing is held
        }
    }
}
