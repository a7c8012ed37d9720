using KvStore.Core.Primitives;
using KvStore.Core.Replication;
using KvStore.Node.Telemetry;

namespace KvStore.Node.Storage;

/// <summary>
/// Writes the log: items into frames, a flush per frame, a new segment when one is full. Used by one thread. After an
/// exception nothing more may be written: the file's tail is unknown.
/// </summary>
internal sealed class WalWriter : IDisposable
{
    private const int LargestItemBesideEntries = 32;

    private readonly FrameBuilder _frame = new();
    private readonly IFileSystem _files;
    private readonly DataDirectory _directory;
    private readonly StorageOptions _options;
    private readonly SpareSegments _spares;
    private readonly Dictionary<PartitionId, GroupLog> _groups;
    private readonly TimeProvider _time;
    private IStorageFile _file = null!;
    private ChainLink _link;
    private ulong _key;
    private long _number;
    private long _oldest;
    private long _offset;
    private long _size;
    private ulong _flushed;
    private bool _isSealed;

    /// <summary>Goes on where the log ended, or begins it.</summary>
    public WalWriter(
        IFileSystem files,
        DataDirectory directory,
        StorageOptions options,
        Dictionary<PartitionId, GroupLog> groups,
        long oldest,
        WalEnd? end,
        TimeProvider time)
    {
        _files = files;
        _directory = directory;
        _options = options;
        _groups = groups;
        _time = time;
        _spares = new SpareSegments(files, directory.Wal, options.SegmentBytes);
        _oldest = oldest;
        if (end is null)
        {
            Begin(number: 1, atLeast: options.SegmentBytes, before: default);
            return;
        }

        (_number, _key, _offset, _link) = (end.Segment, end.Key, end.Offset, end.Link);
        _flushed = _link.Sequence;
        _file = files.Open(PathOf(_number));
        _size = _file.Length;
        if (_offset == WalFormat.SegmentHeaderSize)
            WriteHead();
        _spares.Prepare();
    }

    /// <summary>Segments in the folder.</summary>
    public int Segments => (int)(_number - _oldest + 1);

    /// <summary>Bytes of the log that is kept.</summary>
    public long Bytes => (Segments - 1) * _options.SegmentBytes + _offset;

    /// <summary>
    /// Readable from anywhere: the last frame known to be on stable storage. Frames are numbered and never taken back.
    /// </summary>
    public ulong FlushedFrame => Volatile.Read(ref _flushed);

    /// <summary>Readable from anywhere: why the log has no segment to go on in; null when it has.</summary>
    public Exception? SpareFailure => _spares.Failure;

    /// <summary>From anywhere: tries again to make one.</summary>
    public void PrepareSpare() => _spares.Prepare();

    /// <summary>Adds what a replica wants durable; it is after the next <see cref="Flush"/>.</summary>
    public void Add(Persist persist)
    {
        var partition = persist.Partition;
        if (persist.Snapshot is { } snapshot)
            AddRestart(partition, snapshot.Index, snapshot.Term);

        if (persist.HardState is { } state)
        {
            MakeRoom(LargestItemBesideEntries);
            WalFormat.WriteHardState(_frame, partition, state);
            GroupOf(partition).HardState = state;
        }

        foreach (var entry in persist.Entries)
        {
            MakeRoom(WalFormat.SizeOf(entry));
            WalFormat.WriteEntry(_frame, partition, entry);
            GroupOf(partition).Wrote(_number, entry.Index);
        }
    }

    /// <summary>Adds that a partition's log goes on behind a snapshot.</summary>
    public void AddRestart(PartitionId partition, LogIndex index, Term term)
    {
        MakeRoom(LargestItemBesideEntries);
        WalFormat.WritePosition(_frame, WalItem.Restart, partition, index, term);
        GroupOf(partition).Restart(index, term);
    }

    /// <summary>Writes what was added as one frame and flushes it.</summary>
    public void Flush()
    {
        if (_frame.IsEmpty)
            return;
        var startedAt = _time.GetTimestamp();
        WriteFrame(_frame);
        _file.Flush();
        NodeMetrics.Flushed(_time.GetElapsedTime(startedAt));
        Volatile.Write(ref _flushed, _link.Sequence);
    }

    /// <summary>
    /// Writes an empty frame behind the last one, without a flush: as long as it is there, damage to the last flushed
    /// frame cannot pass for a torn tail. The next frame is written over it, so that no frame ever stands behind one
    /// that was not flushed.
    /// </summary>
    public void Seal()
    {
        if (_isSealed || !_frame.IsEmpty)
            return;
        _file.Write(_frame.Seal(_link, _key, out _), _offset);
        _isSealed = true;
    }

    /// <summary>A snapshot of a partition is on stable storage: the log before it is needed no more.</summary>
    /// <returns>Segments to be deleted in this order; the log has said, and flushed, that it does not need
    /// them.</returns>
    public IReadOnlyList<string> StartBehind(PartitionId partition, LogIndex index, Term term)
    {
        GroupOf(partition).StartBehind(index, term);
        var needed = OldestNeeded();
        if (needed == _oldest)
            return [];
        foreach (var (started, group) in _groups)
            LogStart(started, group);
        MakeRoom(LargestItemBesideEntries);
        WalFormat.WriteOldest(_frame, needed);
        Flush();    // with the head of this segment, if that still waits: the hard states are in it
        var unneeded = new List<string>();
        for (; _oldest < needed; _oldest++)
            unneeded.Add(PathOf(_oldest));
        return unneeded;
    }

    public void Dispose()
    {
        _file.Dispose();
        _spares.Dispose();
    }

    private void MakeRoom(int itemBytes)
    {
        if (!_frame.IsEmpty && _frame.ItemBytes + itemBytes > _options.MaxFrameBytes)
            Flush();
        if (Fits(itemBytes))
            return;
        Flush();
        if (!Fits(itemBytes))
            Roll(SizeFor(HeadBytes + itemBytes));
    }

    private static long SizeFor(long itemBytes) =>
        WalFormat.SegmentHeaderSize + FrameBuilder.SizeWith(itemBytes) + 2 * WalFormat.RollFrameSize;

    private long HeadBytes => LargestItemBesideEntries * (1 + 2L * _groups.Count);

    private long OldestNeeded()
    {
        var needed = _number;
        foreach (var group in _groups.Values)
            needed = Math.Min(needed, group.OldestNeeded ?? _number);
        return needed;
    }

    private bool Fits(int itemBytes) =>
        _offset + FrameBuilder.SizeWith(_frame.ItemBytes + (long)itemBytes) + WalFormat.RollFrameSize <= _size;

    private void WriteFrame(FrameBuilder frame)
    {
        var bytes = frame.Seal(_link, _key, out var link);
        _isSealed = false;
        _file.Write(bytes, _offset);
        _offset += bytes.Length;
        _link = link;
        frame.Clear();
    }

    /// <summary>
    /// The next segment is made first, naming the frame that will end this one; then that frame is written. So the end
    /// of a segment says that another follows, and the log cannot lose its last segment unnoticed.
    /// </summary>
    private void Roll(long atLeast)
    {
        var roll = new FrameBuilder();
        WalFormat.WriteRoll(roll);
        var bytes = roll.Seal(_link, _key, out var link).ToArray();
        var full = _file;
        var end = _offset;
        Begin(_number + 1, atLeast, link);
        full.Write(bytes, end);
        full.Flush();
        full.Dispose();
    }

    private void Begin(long number, long atLeast, ChainLink before)
    {
        var spare = _spares.Take(atLeast);
        byte[] header;
        using (var file = _files.Open(spare))
        {
            _size = file.Length;
            header = WalFormat.SegmentHeader(_directory.Incarnation, number, _size, before);
            file.Write(header, 0);
            file.Flush();
        }

        _files.Move(spare, PathOf(number));
        _files.FlushDirectory(_directory.Wal);
        _file = _files.Open(PathOf(number));    // again, so that failures name the segment
        (_number, _key, _offset, _link) = (number, WalFormat.KeyOf(header), WalFormat.SegmentHeaderSize, before);
        _isSealed = false;
        WriteHead();
        _spares.Taken();
    }

    /// <summary>Every segment repeats the hard states, so that the ones before it can go.</summary>
    private void WriteHead()
    {
        WalFormat.WriteOldest(_frame, _oldest);
        foreach (var (partition, group) in _groups)
        {
            WalFormat.WriteHardState(_frame, partition, group.HardState);
            if (group.StartIndex > LogIndex.Zero)
                WalFormat.WritePosition(_frame, WalItem.Start, partition, group.StartIndex, group.StartTerm);
            group.IsStartLogged = true;
        }
    }

    private void LogStart(PartitionId partition, GroupLog group)
    {
        if (group.IsStartLogged)
            return;
        MakeRoom(LargestItemBesideEntries);
        WalFormat.WritePosition(_frame, WalItem.Start, partition, group.StartIndex, group.StartTerm);
        group.IsStartLogged = true;
    }

    private string PathOf(long number) => WalSegment.PathOf(_directory.Wal, number);

    private GroupLog GroupOf(PartitionId partition)
    {
        if (!_groups.TryGetValue(partition, out var group))
            _groups.Add(partition, group = new GroupLog());
        return group;
    }
}
