namespace KvStore.Node.Storage;

/// <summary>
/// Keeps one file of zeros ready for the log to go on in: a growing file would cost a journal commit per flush.
/// </summary>
internal sealed class SpareSegments(IFileSystem files, string folder, long size) : IDisposable
{
    private readonly string _path = Path.Combine(folder, "spare" + DataDirectory.AsideSuffix);
    private Task? _filling;

    /// <summary>Begins to fill one in the background, unless there is one.</summary>
    public void Prepare() => _filling ??= Task.Factory.StartNew(
        () => WalSegment.FillWithZeros(files, _path, size),
        CancellationToken.None,
        TaskCreationOptions.LongRunning,    // waits for the disk
        TaskScheduler.Default);

    /// <summary>The path of a flushed file of zeros of at least <paramref name="atLeast"/> bytes.</summary>
    public string Take(long atLeast)
    {
        Prepare();
        _filling!.GetAwaiter().GetResult();    // on the log's own thread, which has nothing to do until then
        _filling = null;
        if (atLeast > size)
            WalSegment.FillWithZeros(files, _path, atLeast);
        return _path;
    }

    public void Dispose()
    {
        try
        {
            _filling?.GetAwaiter().GetResult();
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            // Nothing rests on a spare; the next start makes another.
        }
    }
}
