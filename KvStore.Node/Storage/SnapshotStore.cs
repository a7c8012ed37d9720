using System.Globalization;
using System.Runtime.ExceptionServices;
using System.Text.RegularExpressions;
using KvStore.Core.Primitives;
using KvStore.Core.Replication;

namespace KvStore.Node.Storage;

/// <summary>
/// The snapshot files of a node: for each partition the newest, and no older one once that is durable.
/// </summary>
internal sealed partial class SnapshotStore(IFileSystem files, DataDirectory directory, TimeProvider time)
{
    /// <summary>Ends the name of a snapshot file.</summary>
    public const string Suffix = ".snap";

    private readonly Lock _saving = new();
    private readonly Lock _gate = new();
    private readonly Dictionary<PartitionId, DateTimeOffset> _savedAt = [];

    /// <summary>
    /// When the oldest of the newest snapshots was saved; null when there is none, or none in this run.
    /// </summary>
    public DateTimeOffset? Oldest
    {
        get
        {
            lock (_gate)
                return _savedAt.Count == 0 ? null : _savedAt.Values.Min();
        }
    }

    /// <summary>Reads the newest snapshot of every partition, side by side.</summary>
    /// <exception cref="DataDamagedException">One is not what was written.</exception>
    public IReadOnlyDictionary<PartitionId, Snapshot> LoadNewest()
    {
        var newest = Names().GroupBy(name => name.Partition).Select(group => group.MaxBy(name => name.Index)).ToList();
        try
        {
            var loaded = newest.AsParallel().Select(name => (name.Partition, Snapshot: Load(name))).ToList();
            return loaded.ToDictionary(pair => pair.Partition, pair => pair.Snapshot);
        }
        catch (AggregateException failures)
        {
            ExceptionDispatchInfo.Throw(failures.InnerExceptions[0]);
            throw;
        }
    }

    /// <summary>
    /// Writes aside, flushes, renames, flushes the folder: afterwards the snapshot is there, whole, and older ones of
    /// the partition go.
    /// </summary>
    public void Save(PartitionId partition, Snapshot snapshot)
    {
        lock (_saving)    // a capture and a snapshot from a peer may be of the same position
        {
            Write(partition, snapshot);
            foreach (var name in Names().Where(name => name.Partition == partition).ToList())
            {
                if (name.Index < snapshot.Index)
                    files.Delete(name.Path);
            }
        }

        lock (_gate)
            _savedAt[partition] = time.GetUtcNow();
    }

    private void Write(PartitionId partition, Snapshot snapshot)
    {
        var path = Path.Combine(directory.Snapshots, string.Create(
            CultureInfo.InvariantCulture,
            $"p{partition.Value:d4}-{snapshot.Index.Value:x16}-{snapshot.Term.Value:x16}{Suffix}"));
        var aside = path + DataDirectory.AsideSuffix;
        try
        {
            using var file = files.Create(aside);
            SnapshotFile.Write(file, partition, directory.Incarnation, snapshot);
        }
        catch (IOException full) when (DiskFull.Is(full))
        {
            files.Delete(aside);
            throw new NoRoomException(path, full);
        }

        files.Move(aside, path);
        files.FlushDirectory(directory.Snapshots);
    }

    private Snapshot Load(SnapshotName name)
    {
        using var file = files.Open(name.Path);
        return SnapshotFile.Read(file, name.Path, name.Partition, directory.Incarnation, name.Index, name.Term);
    }

    private IEnumerable<SnapshotName> Names()
    {
        foreach (var path in files.Files(directory.Snapshots))
        {
            if (!path.EndsWith(Suffix, StringComparison.Ordinal))
                continue;
            var match = NamePattern().Match(Path.GetFileName(path));
            if (!match.Success)
                throw DataDirectoryException.Stranger(path);
            yield return new SnapshotName(
                path,
                new PartitionId(int.Parse(match.Groups[1].ValueSpan, CultureInfo.InvariantCulture)),
                new LogIndex(Hexadecimal(match.Groups[2].ValueSpan)),
                new Term(Hexadecimal(match.Groups[3].ValueSpan)));
        }
    }

    private static long Hexadecimal(ReadOnlySpan<char> digits) =>
        long.Parse(digits, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);

    [GeneratedRegex("^p([0-9]{4})-([0-9a-f]{16})-([0-9a-f]{16})\\.snap$")]
    private static partial Regex NamePattern();

    private readonly record struct SnapshotName(string Path, PartitionId Partition, LogIndex Index, Term Term);
}
