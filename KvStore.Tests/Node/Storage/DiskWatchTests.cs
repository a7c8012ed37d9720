using KvStore.Node.Options;
using KvStore.Node.Storage;
using Microsoft.Extensions.Logging.Abstractions;

namespace KvStore.Tests.Node.Storage;

public sealed class DiskWatchTests
{
    private const long Segment = TestStore.SegmentBytes;
    private const long Disk = 1000 * Segment;

    [Fact]
    public void A_disk_is_low_below_its_mark_and_until_there_is_a_segment_more_than_that()
    {
        var files = new MemoryFileSystem { Space = new(50 * Segment, Disk) };
        using var storage = Open(files);
        using var watch = Watch(storage, files);

        Assert.False(IsLowWith(50 * Segment));
        Assert.True(IsLowWith(50 * Segment - 1));
        Assert.True(IsLowWith(51 * Segment - 1));
        Assert.False(IsLowWith(51 * Segment));
        Assert.False(IsLowWith(50 * Segment));

        bool IsLowWith(long free)
        {
            files.Space = new(free, Disk);
            watch.Look();
            return watch.IsLow;
        }
    }

    [Fact]
    public void Well_before_it_is_low_a_disk_gives_an_alarm()
    {
        var files = new MemoryFileSystem { Space = new(150 * Segment, Disk) };
        using var storage = Open(files);
        using var watch = Watch(storage, files);

        Assert.Equal((false, false), With(150 * Segment));
        Assert.Equal((true, false), With(150 * Segment - 1));
        Assert.Equal((true, true), With(50 * Segment - 1));
        Assert.Equal((true, false), With(151 * Segment - 1));
        Assert.Equal((false, false), With(151 * Segment));

        (bool IsAlarmed, bool IsLow) With(long free)
        {
            files.Space = new(free, Disk);
            watch.Look();
            return (watch.IsAlarmed, watch.IsLow);
        }
    }

    [Fact]
    public async Task A_disk_without_room_for_the_next_segment_is_low_whatever_it_says()
    {
        var files = new MemoryFileSystem();
        Open(files).Dispose();
        files = files.AfterKill();
        files.SpareFault = IoFault.DiskFull;
        using var storage = Open(files);
        using var watch = Watch(storage, files);
        for (var asked = 0; !watch.IsLow; asked++)
        {
            Assert.True(asked < 10_000);
            watch.Look();
            await Task.Yield();
        }

        files.SpareFault = IoFault.None;
        for (var asked = 0; watch.IsLow; asked++)
        {
            Assert.True(asked < 100_000);
            watch.Look();
            await Task.Yield();
        }
    }

    [Theory]
    [InlineData("5%", 50)]
    [InlineData("0%", 4)]         // some segments at least
    [InlineData("0", 4)]
    [InlineData("40960", 10)]
    [InlineData("50%", 500)]
    public void The_reserve_is_a_share_or_bytes_and_some_segments_at_least(string text, long segments) =>
        Assert.Equal(segments * Segment, DiskReserve.TryParse(text)!.MarkOf(new DiskSpace(0, Disk), Segment));

    [Theory]
    [InlineData("")]
    [InlineData("%")]
    [InlineData("51%")]
    [InlineData("-1")]
    [InlineData("5 %")]
    public void Anything_else_is_no_reserve(string text) => Assert.Null(DiskReserve.TryParse(text));

    [Fact]
    public void Of_a_large_disk_no_more_is_kept_than_is_needed_and_the_alarm_comes_before()
    {
        DiskSpace large = new(0, 1L << 44);
        Assert.Equal(DiskReserve.LargestShare, DiskReserve.Default.MarkOf(large, Segment));
        Assert.Equal(3 * DiskReserve.LargestShare, DiskReserve.DefaultAlarm.MarkOf(large, Segment));
    }

    private static NodeStorage Open(MemoryFileSystem files) => new(
        Microsoft.Extensions.Options.Options.Create(new NodeOptions
        {
            Name = "node1",
            WalDirectory = TestStore.Wal,
            SnapshotDirectory = TestStore.Snapshots,
        }),
        Sizes,
        files,
        TimeProvider.System,
        NullLogger<NodeStorage>.Instance);

    private static DiskWatch Watch(NodeStorage storage, MemoryFileSystem files) =>
        new(storage, files, Sizes, TimeProvider.System, NullLogger<DiskWatch>.Instance);

    private static Microsoft.Extensions.Options.IOptions<StorageOptions> Sizes =>
        Microsoft.Extensions.Options.Options.Create(new StorageOptions { SegmentBytes = Segment });
}
