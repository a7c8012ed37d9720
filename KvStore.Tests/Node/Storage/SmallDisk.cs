using System.Buffers.Binary;
using System.IO.Hashing;
using KvStore.Core.Primitives;
using KvStore.Node.Storage;

namespace KvStore.Tests.Node.Storage;

/// <summary>
/// A node's whole data directory, small enough to damage each of its bytes: several segments, the first ones gone,
/// votes, overwritten entries, a snapshot from a peer, snapshots whose log is gone, a partition that has none.
/// </summary>
internal static class SmallDisk
{
    public const long SegmentBytes = 1024;

    public static ReadOnlySpan<byte> Cluster => "{\"clusterId\":\"00000000000000aa\"}"u8;

    /// <summary>Makes it, and gives what must be recovered from it.</summary>
    public static async Task<string> MakeAsync(IFileSystem files, string wal, string snapshots)
    {
        using (var store = TestStore.Open(files, wal, snapshots, segment: SegmentBytes))
        {
            store.Directory.SaveClusterDocument(Cluster);
            Assert.True(await store.AppendAsync(TestStore.Vote(0, 1, 1, 1), TestStore.Vote(3, 1, 7, 2)));
            for (var index = 1; index <= 8; index++)
            {
                var first = TestStore.Entries(0, 1 + index, index, index);
                Assert.True(await store.AppendAsync(first, TestStore.Entries(1, index, index, index)));
            }

            Assert.True(await store.AppendAsync(TestStore.Entries(1, 9, 8, 9, term: 2)));
            store.Log.SaveSnapshot(new PartitionId(0), TestStore.Capture(8));
            store.Log.SaveSnapshot(new PartitionId(1), TestStore.Capture(7));
            var received = TestStore.Capture(20, term: 3);
            store.Log.SaveReceivedSnapshot(new PartitionId(2), received);
            Assert.True(await store.AppendAsync(TestStore.Entries(2, 1, 21, 22, term: 3) with { Snapshot = received }));
            for (var number = 10; number <= 24; number++)
                Assert.True(await store.AppendAsync(TestStore.Entries(1, number, number, number, term: 2)));
        }

        using var again = TestStore.Open(files, wal, snapshots, segment: SegmentBytes);
        Assert.Equal(4, again.Log.Recovered.Count);
        return again.Describe();
    }

    /// <summary>Makes it in memory, all of it on the disk, the node ended in order.</summary>
    public static async Task<(MemoryFileSystem Files, string Expected)> MakeAsync()
    {
        var files = new MemoryFileSystem();
        var expected = await MakeAsync(files, TestStore.Wal, TestStore.Snapshots);
        return (files.AfterPowerLoss(Leaves.Everything, new Random(1)), expected);
    }

    /// <summary>The segment as a later version might write it: whole, and not readable here.</summary>
    public static byte[] OfLaterVersion(byte[] segment)
    {
        BinaryPrimitives.WriteInt32LittleEndian(segment.AsSpan(8), 2);
        var checksum = XxHash3.HashToUInt64(segment.AsSpan(0, 56));
        BinaryPrimitives.WriteUInt64LittleEndian(segment.AsSpan(56), checksum);
        return segment;
    }

    /// <summary>What a start on the disk finds; null and why when it refuses.</summary>
    public static (string? Found, string? Refusal) Start(MemoryFileSystem files)
    {
        try
        {
            using var store = TestStore.Open(files, segment: SegmentBytes);
            Assert.Equal(Cluster.ToArray(), store.Directory.LoadClusterDocument());
            return (store.Describe(), null);
        }
        catch (Exception refused) when (refused is DataDamagedException or DataDirectoryException)
        {
            return (null, refused.Message);
        }
    }

    public static IReadOnlyList<string> Segments(MemoryFileSystem files) =>
        [.. files.Files(TestStore.Wal).Where(IsSegment)];

    public static IReadOnlyList<string> Snapshots(MemoryFileSystem files) =>
        [.. files.Files(TestStore.Snapshots).Where(IsSnapshot)];

    public static bool IsSnapshot(string path) => path.EndsWith(SnapshotStore.Suffix, StringComparison.Ordinal);

    public static bool IsSegment(string path) => path.EndsWith(".log", StringComparison.Ordinal);
}
