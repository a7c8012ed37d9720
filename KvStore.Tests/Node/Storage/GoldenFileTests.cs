using KvStore.Node.Storage;
using KvStore.Tests.House;

namespace KvStore.Tests.Node.Storage;

/// <summary>Data directories that earlier versions wrote are read by this one; they are never written again.</summary>
public sealed class GoldenFileTests
{
    [Theory]
    [InlineData("Version1")]    // of state images
    [InlineData("Version2")]
    public void Files_of_each_version_are_read(string version)
    {
        var folder = Path.Combine(Repository.Root, "KvStore.Tests", "Node", "Storage", "Files", version);
        var root = Directory.CreateTempSubdirectory("kvstore-storage-").FullName;
        try
        {
            foreach (var path in Directory.GetFiles(folder, "*", SearchOption.AllDirectories))
            {
                var copy = Path.Combine(root, Path.GetRelativePath(folder, path));
                Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
                File.Copy(path, copy);
            }

            var (wal, snapshots) = (Path.Combine(root, "wal"), Path.Combine(root, "snapshots"));
            using var store = TestStore.Open(new PhysicalFileSystem(), wal, snapshots, segment: SmallDisk.SegmentBytes);
            Assert.Equal(File.ReadAllText(Path.Combine(root, "expected.txt")), store.Describe());
            Assert.Equal(SmallDisk.Cluster.ToArray(), store.Directory.LoadClusterDocument());
        }
        finally
        {
            Directory.Delete(root, recursive: true);
        }
    }
}
