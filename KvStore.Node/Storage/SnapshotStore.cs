using System.Globalization;
using System.Text.RegularExpressions;
using KvStore.Core.Primitives;
using KvStore.Core.Replication;

namespace KvStore.Node.Storage;

/// <summary>The snapshot files of a node: for each partition the newest, and no older one once that is durable.</summary>
internal sealed partial class SnapshotStore(IFileSystem files, DataDirectory directory, TimeProvider time)
{
    /// <summary>Ends the name of a snapshot file.</summary>
    public const string Suffix = ".snap";

    private readonly Lock _gate = new();
    private readonly Dictionary<PartitionId, DateTimeOffset> _savedAt = [];

    /// <summary>When the oldest of the newest snapshots was saved; null when there is none, or none in this run.</summary>
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
        var loaded = newest.AsParallel().Select(name => (name.Partition, Snapshot: Load(name))).ToList();
        return loaded.ToDictionary(pair => pair.Partition, pair => pair.Snapshot);
    }

    /// <summary>Writes aside, flushes, renames, flushes the folder: afterwards the snapshot is there, whole.</summary>
    public void Save(PartitionId partition, Snapshot snapshot)
    {
        var path = Path.Combine(directory.Snapshots, string.Create(
            CultureInfo.InvariantCulture,
            $"p{partition.Value:d4}-{snapshot.Index.Value:x16}-{snapshot.Term.Value:x16}{Suffix}"));
        var aside = path + DataDirectory.AsideSuffix;
        using (var file = files.Create(aside))
            SnapshotFile.Write(file, partition, directory.Incarnation, snapshot);
        files.Move(aside, path);
        files.FlushDirectory(directory.Snapshots);
        lock (_gate)
            _savedAt[partition] = time.GetUtcNow();
    }

    /// <summary>Deletes a partition's snapshots before <paramref name="index"/>.</summary>
    public void DeleteBefore(PartitionId partition, LogIndex index)
    {
        foreach (var name in Names().Where(name => name.Partition == partition && name.Index < index))
            files.Delete(name.Path);
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
                throw new DataDamagedException(path, 0, "a name that is no snapshot's", "partition, index and term");
            yield return new SnapshotName(
                path,
                new PartitionId(int.Parse(match.Groups[1].ValueSpan, CultureInfo.InvariantCulture)),
                new LogIndex(long.Parse(match.Groups[2].ValueSpan, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture)),
                new Term(long.Parse(match.Groups[3].ValueSpan, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture)));
        }
    }

    [GeneratedRegex("^p([0-9]{4})-([0-9a-f]{16})-([0-9a-f]{16})\\.snap$")]
    private static partial Regex NamePattern();

    private readonly record struct SnapshotName(string Path, PartitionId Partition, LogIndex Index, Term Term);
}
