using KvStore.Node.Storage;

namespace KvStore.Tests.Node.Storage;

public sealed class MountTestTests : IDisposable
{
    private const string Folder = TestStore.Wal;

    private readonly MemoryFileSystem _files = new();
    private readonly IDisposable _lock;

    public MountTestTests()
    {
        _files.CreateDirectory(Folder);
        _lock = _files.TryLock(Path.Combine(Folder, DataDirectory.LockName))!;
    }

    public void Dispose() => _lock.Dispose();

    [Fact]
    public void A_mount_that_can_do_all_is_not_doubted_and_nothing_is_left_on_it()
    {
        Assert.Empty(MountTest.Try(Folder, _files));
        Assert.Empty(_files.Files(Folder));
    }

    [Fact]
    public void The_machines_own_files_are_not_doubted()
    {
        var folder = Directory.CreateTempSubdirectory("kvstore-mount-").FullName;
        try
        {
            var files = new PhysicalFileSystem();
            using var held = files.TryLock(Path.Combine(folder, DataDirectory.LockName));
            var doubts = MountTest.Try(folder, files);
            Assert.Equal(files.SpaceOf(folder).Kind is DriveType.Ram ? 1 : 0, doubts.Count);
            Assert.Equal([Path.Combine(folder, DataDirectory.LockName)], files.Files(folder));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Theory]
    [InlineData("flush", "writing, flushing and renaming a file failed: ")]
    [InlineData("move", "writing, flushing and renaming a file failed: ")]
    [InlineData("flush folder", "flushing the folder failed: ")]
    public void What_a_mount_cannot_do_is_said_and_the_node_does_not_start(string kind, string expected)
    {
        _files.Fault = call => call.Kind == kind ? IoFault.Fails : IoFault.None;
        var refused = Assert.Throws<DataDirectoryException>(() => MountTest.Try(Folder, _files));
        Assert.StartsWith($"{Folder} cannot hold a node's data: {expected}", refused.Message);
        Assert.EndsWith("Use a local or managed disk.", refused.Message);
    }

    [Fact]
    public void A_mount_that_reads_other_bytes_than_were_written_is_refused()
    {
        _files.Fault = call => call.Kind is "read" ? IoFault.IsShort : IoFault.None;
        var refused = Assert.Throws<DataDirectoryException>(() => MountTest.Try(Folder, _files));
        Assert.Contains("other bytes were read than were written", refused.Message);
    }

    [Fact]
    public void A_mount_that_keeps_nobody_out_is_refused()
    {
        _lock.Dispose();    // as if the lock that this process has were not there
        var refused = Assert.Throws<DataDirectoryException>(() => MountTest.Try(Folder, _files));
        Assert.Contains("keeping a second opener out of a locked file failed: it was opened twice", refused.Message);
    }

    /// <summary>A node on a full disk starts: it can delete, and make room.</summary>
    [Fact]
    public void A_full_disk_is_a_doubt_and_no_refusal()
    {
        _files.Fault = call => call.Kind is "write" ? IoFault.DiskFull : IoFault.None;
        Assert.StartsWith($"{Folder} has no room", Assert.Single(MountTest.Try(Folder, _files)));
    }

    [Theory]
    [InlineData(DriveType.Network, "cifs", "is on a network share (cifs)")]
    [InlineData(DriveType.Ram, "tmpfs", "is in memory (tmpfs)")]
    [InlineData(DriveType.Fixed, "overlayfs", "is on a container's own disk (overlayfs)")]
    public void What_may_lose_all_is_doubted(DriveType kind, string format, string expected)
    {
        _files.Space = new(1L << 40, 1L << 40, kind, format);
        Assert.Contains(expected, Assert.Single(MountTest.Try(Folder, _files)));
    }
}
