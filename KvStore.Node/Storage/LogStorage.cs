using KvStore.Core.Primitives;
using KvStore.Core.Replication;

namespace KvStore.Node.Storage;

/// <summary>What was found at start.</summary>
/// <param name="Snapshots">Partitions that had a snapshot.</param>
/// <param name="Segments">Segments of the log.</param>
/// <param name="Entries">Entries replayed.</param>
/// <param name="TornBytes">Bytes of a torn tail that were cut.</param>
/// <param name="Elapsed">How long it took.</param>
internal sealed record RecoverySummary(int Snapshots, int Segments, long Entries, long TornBytes, TimeSpan Elapsed);

/// <summary>The log and the snapshots as they are now.</summary>
internal sealed record LogStatistics(int Segments, long Bytes, long Flushes, DateTimeOffset? OldestSnapshot);

/// <summary>A node's log and snapshots as one thing: recover, append, capture, compact.</summary>
internal sealed class LogStorage : IDisposable
{
    private readonly Lock _compacting = new();
    private readonly IFileSystem _files;
    private readonly DataDirectory _directory;
    private readonly SnapshotStore _snapshots;
    private readonly WalWriter _wal;
    private readonly LogWriter _writer;

    private LogStorage(
        IFileSystem files,
        DataDirectory directory,
        SnapshotStore snapshots,
        WalWriter wal,
        IReadOnlyDictionary<PartitionId, RecoveredPartition> recovered,
        RecoverySummary summary,
        ulong foundFrame,
        TimeProvider time)
    {
        _files = files;
        _directory = directory;
        _snapshots = snapshots;
        _wal = wal;
        _writer = new LogWriter(wal, time);
        Recovered = recovered;
        Summary = summary;
        FoundFrame = foundFrame;
    }

    /// <summary>What was on the disk at start, by partition.</summary>
    public IReadOnlyDictionary<PartitionId, RecoveredPartition> Recovered { get; private set; }

    public RecoverySummary Summary { get; }

    /// <summary>The frame that the log ended with at start, before anything was written.</summary>
    public ulong FoundFrame { get; }

    /// <summary>The last frame of the log known to be on stable storage.</summary>
    public ulong FlushedFrame => _wal.FlushedFrame;

    /// <summary>Completes with what went wrong when the log can be written no more.</summary>
    public Task<Exception> Failed => _writer.Failed;

    /// <summary>
    /// How long the oldest batch has waited that was handed over and is not flushed; zero when there is none.
    /// </summary>
    public TimeSpan Lag => _writer.Lag;

    public LogStatistics Statistics => new(_wal.Segments, _wal.Bytes, _writer.Flushes, _snapshots.Oldest);

    /// <summary>Recovers from the newest snapshots and the log behind them, and makes the log ready to go on.</summary>
    /// <exception cref="DataDamagedException">
    /// Something that was flushed is missing or changed; nothing was touched.
    /// </exception>
    public static LogStorage Open(DataDirectory directory, StorageOptions options, IFileSystem files, TimeProvider time)
    {
        var startedAt = time.GetTimestamp();
        var snapshots = new SnapshotStore(files, directory, time);
        var newest = snapshots.LoadNewest();
        var recovery = new LogRecovery();
        var reader = new WalReader(files, directory.Wal, directory.Incarnation, recovery);
        var end = reader.Read();
        if (end is null && (newest.Count > 0 || directory.LoadClusterDocument() is not null))
            throw new DataDamagedException(directory.Wal, 0, "no log", "the log of a node that has run before");
        var recovered = recovery.Join(directory.Wal, newest);
        reader.Repair();    // all is good: nothing was touched before, nobody is told before
        var numbers = WalSegment.NumbersIn(files, directory.Wal);
        var oldest = numbers.Count > 0 ? numbers[0] : 1;
        var wal = new WalWriter(files, directory, options, recovery.Groups, oldest, end, time);
        foreach (var (partition, index, term) in recovery.Restarts)
            wal.AddRestart(partition, index, term);
        wal.Flush();
        wal.Seal();
        var summary = new RecoverySummary(
            newest.Count, numbers.Count, recovery.EntriesRead, end?.TornBytes ?? 0, time.GetElapsedTime(startedAt));
        var found = end?.Link.Sequence ?? 0;    // what was written since has numbers that may have been told before
        return new LogStorage(files, directory, snapshots, wal, recovered, summary, found, time);
    }

    /// <summary>Hands over and returns; the batch is reported once it is flushed, or never after a failure.</summary>
    public void Append(PersistBatch batch) => _writer.Append(batch);

    /// <summary>
    /// Saves a capture of a partition, then lets go of the log and the snapshots before it. Waits for the disk.
    /// </summary>
    public void SaveSnapshot(PartitionId partition, Snapshot snapshot) => Guard(() =>
    {
        _snapshots.Save(partition, snapshot);
        lock (_compacting)    // or another would delete later segments before the ones that are deleted here
        {
            var unneeded = _writer.StartBehind(partition, snapshot.Index, snapshot.Term).GetAwaiter().GetResult();
            foreach (var segment in unneeded)
            {
                _files.Delete(segment);
                _files.FlushDirectory(_directory.Wal);    // one by one: whatever a crash leaves has no gap
            }
        }
    });

    /// <summary>
    /// Saves a snapshot that a peer sent, before the replica hears of it. It takes the place of the log when the
    /// replica takes it, and not before.
    /// </summary>
    public void SaveReceivedSnapshot(PartitionId partition, Snapshot snapshot) =>
        Guard(() => _snapshots.Save(partition, snapshot));

    /// <summary>
    /// Whether the log has another segment to go on in when this one is full. If there was no room for it, it is tried
    /// again; a disk that failed at it is not to be trusted with anything.
    /// </summary>
    public bool KeepsSpare()
    {
        if (_wal.SpareFailure is not { } failure)
            return true;
        if (DiskFull.Is(failure))
            _wal.PrepareSpare();
        else
            _writer.Fail(failure);
        return false;
    }

    /// <summary>Saves the cluster's view while the log is written. Waits for the disk.</summary>
    public void SaveClusterDocument(ReadOnlyMemory<byte> document) =>
        Guard(() => _directory.SaveClusterDocument(document.Span));

    /// <summary>See <see cref="DataDirectory.Condemn"/>; while the log is written. Waits for the disk.</summary>
    public void Condemn(string why) => Guard(() => _directory.Condemn(why));

    /// <summary>Lets go of what was recovered: the replicas have it.</summary>
    public void ForgetRecovered() => Recovered = new Dictionary<PartitionId, RecoveredPartition>();

    /// <summary>Finishes what is waiting and ends.</summary>
    public void Dispose() => _writer.Dispose();

    private void Guard(Action work)
    {
        try
        {
            work();
        }
        catch (Exception failure) when (failure is (IOException or UnauthorizedAccessException) and not NoRoomException)
        {
            _writer.Fail(failure);    // nobody is to go on with a disk that does not keep what it is given
            throw;
        }
    }
}
