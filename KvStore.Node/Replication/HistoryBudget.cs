namespace KvStore.Node.Replication;

/// <summary>
/// What the histories of a node may hold together. One that needs more than its share may have it as long as nobody
/// else does: when the whole is used up, whoever holds more than its share gives back.
/// </summary>
/// <param name="maxChanges">Changes of all histories.</param>
/// <param name="maxBytes">Their bytes.</param>
/// <param name="histories">How many histories share them.</param>
internal sealed class HistoryBudget(long maxChanges, long maxBytes, int histories)
{
    private readonly long _changesShare = maxChanges / Math.Max(1, histories);
    private readonly long _bytesShare = maxBytes / Math.Max(1, histories);
    private long _changes;
    private long _bytes;

    /// <summary>Changes that are held.</summary>
    public long Changes => Volatile.Read(ref _changes);

    /// <summary>Bytes that are held.</summary>
    public long Bytes => Volatile.Read(ref _bytes);

    /// <summary>Whether a history that holds so much must give back.</summary>
    public bool IsTooMuch(long changes, long bytes) =>
        (Changes > maxChanges && changes > _changesShare) || (Bytes > maxBytes && bytes > _bytesShare);

    /// <summary>A history has taken, or, with negative numbers, given back.</summary>
    public void Add(long changes, long bytes)
    {
        Interlocked.Add(ref _changes, changes);
        Interlocked.Add(ref _bytes, bytes);
    }
}
