using System.Globalization;
using System.Text;
using KvStore.Core.Primitives;
using KvStore.Core.Replication;
using KvStore.Core.State;
using KvStore.Node.Storage;

namespace KvStore.Tests.Node.Storage;

/// <summary>A node's storage under test, on small segments.</summary>
internal sealed class TestStore : IDisposable
{
    public const long SegmentBytes = 4096;
    public const string Wal = "/disk/wal";
    public const string Snapshots = "/disk/snapshots";

    private TestStore(DataDirectory directory, LogStorage log)
    {
        Directory = directory;
        Log = log;
    }

    public DataDirectory Directory { get; }

    public LogStorage Log { get; }

    public static TestStore Open(
        IFileSystem files, string wal = Wal, string snapshots = Snapshots, long segment = SegmentBytes)
    {
        var directory = DataDirectory.Open(wal, snapshots, "node1", files);
        try
        {
            var options = new StorageOptions { SegmentBytes = segment };
            return new TestStore(directory, LogStorage.Open(directory, options, files, TimeProvider.System));
        }
        catch
        {
            directory.Dispose();
            throw;
        }
    }

    /// <summary>Whether all of it was reported flushed; false: the log failed.</summary>
    public async Task<bool> AppendAsync(params Persist[] items)
    {
        var flushed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Log.Append(new PersistBatch([.. items], flushed.SetResult));
        await Task.WhenAny(flushed.Task, Log.Failed);
        return flushed.Task.IsCompleted;
    }

    public static LogEntry Entry(long index, long term, string value = "value") => new(
        new LogIndex(index), new Term(term), EntryKind.Command, CommandFormat.Encode(new Command.Change
        {
            TimeMs = 1000 * index,
            Bucket = BucketId.Default,
            Operation = new Operation.Put
            {
                Key = Encoding.UTF8.GetBytes($"key{index % 7}"),
                Value = Encoding.UTF8.GetBytes($"{value} {index}/{term}"),
                ContentType = "text/plain",
            },
        }));

    /// <summary>Who keeps every group here.</summary>
    public static GroupConfiguration Keepers { get; } =
        new([new NodeId(1), new NodeId(2), new NodeId(3)], [new NodeId(4)]);

    /// <summary>Entries of one term, first to last.</summary>
    public static Persist Entries(
        int partition, long number, long from, long to, long term = 1, string value = "value")
    {
        var entries = Range(from, to).Select(index => Entry(index, term, value));
        return new Persist(new PartitionId(partition), number, null, [.. entries], null);
    }

    public static Persist Vote(int partition, long number, long term, int vote) =>
        new(new PartitionId(partition), number, new HardState(new Term(term), new NodeId(vote)), [], null);

    /// <summary>The state after these entries.</summary>
    public static Snapshot Capture(IEnumerable<LogEntry> entries)
    {
        var state = new KeyValueState(StateImage.Empty);
        LogEntry? last = null;
        foreach (var entry in entries)
            state.Apply((last = entry).Index, entry.Term, entry.Payload);
        return new Snapshot(last!.Index, last.Term, Keepers, state.Image);
    }

    public static Snapshot Capture(long to, long term = 1, string value = "value") =>
        Capture(Range(1, to).Select(index => Entry(index, term, value)));

    /// <summary>Everything recovered, as text: two recoveries of the same are equal.</summary>
    public string Describe()
    {
        var text = new StringBuilder();
        foreach (var (partition, recovered) in Log.Recovered.OrderBy(pair => pair.Key))
        {
            var replica = recovered.Replica;
            text.Append(CultureInfo.InvariantCulture, $"p{partition} {replica.HardState} ");
            text.Append(CultureInfo.InvariantCulture, $"{replica.SnapshotIndex}/{replica.SnapshotTerm}");
            text.Append(CultureInfo.InvariantCulture, $" {replica.Configuration} {ContentOf(recovered.State):x}");
            foreach (var entry in replica.Entries)
            {
                text.Append(CultureInfo.InvariantCulture, $" {entry.Index}/{entry.Term}/");
                text.Append(Convert.ToHexString(entry.Payload.Span));
            }

            text.Append('\n');
        }

        return text.ToString();
    }

    /// <summary>A hash of what a state holds, however this version writes it.</summary>
    private static ulong ContentOf(StateImage state)
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"{state.TimeMs} {state.Count} {state.Bytes}");
        foreach (var (key, entry) in state.From(BucketId.Default, default))
        {
            text.Append(CultureInfo.InvariantCulture, $" {Convert.ToHexString(key.Span)} {entry.Version}");
            text.Append(CultureInfo.InvariantCulture, $" {entry.ModifiedMs} {entry.ContentType}");
            text.Append(CultureInfo.InvariantCulture, $" {Convert.ToHexString(entry.Value.Span)}");
        }

        return System.IO.Hashing.XxHash3.HashToUInt64(Encoding.UTF8.GetBytes(text.ToString()));
    }

    public void Dispose()
    {
        Log.Dispose();
        Directory.Dispose();
    }

    private static IEnumerable<long> Range(long from, long to)
    {
        for (var index = from; index <= to; index++)
            yield return index;
    }
}
