using KvStore.Node.Storage;

namespace KvStore.Tests.Node.Storage;

public sealed class ForgetfulFileSystemTests
{
    private const string Path = "/disk/a.tmp";

    private readonly MemoryFileSystem _disk = new();
    private readonly ForgetfulFileSystem _files;

    public ForgetfulFileSystemTests()
    {
        _files = new ForgetfulFileSystem(_disk);
        _files.CreateDirectory("/disk");
    }

    [Fact]
    public void What_was_not_flushed_is_read_back_and_not_on_the_disk()
    {
        var file = _files.Create(Path);
        file.Write([1, 2, 3, 4], 0);
        file.Flush();
        file.Write([9, 9], 1);
        file.Write([7], 6);

        Assert.Equal([1, 9, 9, 4, 0, 0, 7], ReadAll(file, 0));
        Assert.Equal([9, 4, 0], ReadAll(file, 2)[..3]);
        Assert.Equal([1, 2, 3, 4], _disk.Bytes(Path));
    }

    [Fact]
    public void A_flush_or_an_orderly_end_writes_it()
    {
        var file = _files.Create(Path);
        file.Write([1, 2], 0);
        file.Write([5], 1);
        file.Flush();
        Assert.Equal([1, 5], _disk.Bytes(Path));

        file.Write([6], 0);
        file.Dispose();
        Assert.Equal([6, 5], _disk.Bytes(Path));
    }

    private static byte[] ReadAll(IStorageFile file, long offset)
    {
        var bytes = new byte[file.Length - offset];
        Assert.Equal(bytes.Length, file.Read(bytes, offset));
        return bytes;
    }
}
