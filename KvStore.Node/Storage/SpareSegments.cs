namespace KvStore.Node.Storage;

/// <summary>
/// Keeps one file of zeros ready for the log to go on in: a growing file would cost a journal commit per flush, and on
/// a disk that has become full the log goes on in the room that the spare holds.
/// </summary>
internal sealed class SpareSegments(IFileSystem files, string folder, long size) : IDisposable
{
    private static readonly TimeSpan StopPatience = TimeSpan.FromSeconds(10);

    private readonly Lock _gate = new();
    private readonly string _path = Path.Combine(folder, "spare" + DataDirectory.AsideSuffix);
    private Task? _filling;

    /// <summary>Why there is none; null when there is, or is one on its way.</summary>
    public Exception? Failure
    {
        get
        {
            lock (_gate)
                return _filling?.Exception?.InnerException;
        }
    }

    /// <summary>
    /// Begins to fill one in the background, unless there is one; tries again when the last found no room.
    /// </summary>
    public void Prepare()
    {
        lock (_gate)
        {
            if (_filling is null || (Failure is { } failure && DiskFull.Is(failure)))
            {
                _filling = Task.Factory.StartNew(
                    Fill,
                    CancellationToken.None,
                    TaskCreationOptions.LongRunning,    // waits for the disk
                    TaskScheduler.Default);
            }
        }
    }

    /// <summary>The path of a flushed file of zeros of at least <paramref name="atLeast"/> bytes.</summary>
    public string Take(long atLeast)
    {
        Prepare();
        _filling!.GetAwaiter().GetResult();    // on the log's own thread, which has nothing to do until then
        if (atLeast > size)
            WalSegment.FillWithZeros(files, _path, atLeast);
        return _path;
    }

    /// <summary>What was taken has its own name now: another may be filled.</summary>
    public void Taken()
    {
        lock (_gate)
            _filling = null;
        Prepare();
    }

    /// <summary>Nothing rests on a spare: the next start makes another, whatever became of this one.</summary>
    public void Dispose() =>
        _filling?.ContinueWith(_ => { }, TaskScheduler.Default).Wait(StopPatience);

    private void Fill()
    {
        try
        {
            WalSegment.FillWithZeros(files, _path, size);
        }
        catch (IOException failure) when (DiskFull.Is(failure))
        {
            GiveRoomBack();
            throw;
        }
    }

    /// <summary>Part of a spare is of no use, and what it takes up may be all the room there is.</summary>
    private void GiveRoomBack()
    {
        try
        {
            files.Delete(_path);
        }
        catch (IOException)
        {
            // The disk has other troubles; the next start removes it.
        }
    }
}
