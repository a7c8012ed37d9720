using KvStore.Node.Storage;

namespace KvStore.Tests.Node.Storage;

/// <summary>Bytes that changed at rest are detected or do no harm: never another value, never a shorter log.</summary>
public sealed class DamageTests
{
    private const int SealBytes = WalFormat.FrameHeaderSize;

    /// <summary>Cases that run beside each other: each waits for threads more than it works.</summary>
    private static readonly ParallelOptions Beside = new() { MaxDegreeOfParallelism = 6 };

    [Fact]
    public async Task Every_byte_flipped_once_is_detected_or_harmless()
    {
        var (disk, expected) = await SmallDisk.MakeAsync();
        var detected = 0;
        foreach (var path in disk.AllFiles())
        {
            await Parallel.ForAsync(0, disk.Bytes(path).Length, Beside, async (at, _) =>
            {
                var files = Copy(disk);
                files.Damage(path, bytes => With(bytes, at, (byte)(bytes[at] ^ (1 << (at % 8)))));
                var (found, refusal) = SmallDisk.Start(files);
                Assert.True(found == expected || refusal is not null, $"{path} {at}: {found}");
                if (refusal is null)
                    await GoOnAsync(files, expected);
                else
                    Interlocked.Increment(ref detected);
            });
        }

        Assert.True(detected > 1000, $"{detected} detected");    // the used bytes, not the zeros behind them
    }

    [Fact]
    public async Task Every_used_byte_of_the_newest_segment_is_missed_however_little_is_left_of_it()
    {
        var (disk, _) = await SmallDisk.MakeAsync();
        var newest = SmallDisk.Segments(disk)[^1];
        for (var length = 0; length < disk.Bytes(newest).Length; length++)
        {
            var files = Copy(disk);
            files.Damage(newest, bytes => bytes[..length]);
            var before = files.Bytes(newest);
            Assert.Contains(newest, SmallDisk.Start(files).Refusal);
            Assert.Equal(before, files.Bytes(newest));    // left as it is
        }
    }

    [Fact]
    public async Task A_last_frame_torn_at_any_byte_is_cut_and_nothing_else()
    {
        var (disk, whole) = await SmallDisk.MakeAsync();
        var newest = SmallDisk.Segments(disk)[^1];
        var (last, end) = LastFrame(disk.Bytes(newest));
        var expected = whole.TrimEnd();
        var used = disk.Bytes(newest).AsSpan(last, end - last).LastIndexOfAnyExcept((byte)0);
        for (var kept = 0; kept <= used; kept++)
        {
            var files = Copy(disk);
            files.Damage(newest, bytes => [.. bytes[..(last + kept)], .. new byte[bytes.Length - last - kept]]);
            using var store = TestStore.Open(files, segment: SmallDisk.SegmentBytes);
            Assert.Equal(23, store.Log.Recovered[new(1)].Replica.Entries[^1].Index.Value);    // all but the 24th
            Assert.Equal(kept == 0, store.Log.Summary.TornBytes == 0);
            Assert.StartsWith(Before(store.Describe()), expected);
            Assert.True(await store.AppendAsync(TestStore.Entries(1, 1, 24, 24, term: 9)));
        }

        static string Before(string found) => found.Split("p1")[0];
    }

    [Fact]
    public async Task Damage_to_the_last_flushed_frame_is_no_torn_tail_as_long_as_its_seal_is_there()
    {
        var files = new MemoryFileSystem();
        using (var store = TestStore.Open(files))
        {
            for (var index = 1; index <= 3; index++)
                Assert.True(await store.AppendAsync(TestStore.Entries(0, index, index, index)));
        }

        var newest = SmallDisk.Segments(files)[^1];
        var (start, end) = LastFrame(files.Bytes(newest));
        for (var at = start; at < end; at++)
        {
            var damaged = files.AfterKill();
            damaged.Damage(newest, bytes => With(bytes, at, (byte)~bytes[at]));
            Assert.Contains(newest, SmallDisk.Start(damaged).Refusal);
        }
    }

    [Theory]
    [InlineData("zeros")]
    [InlineData("anything")]
    public async Task A_page_overwritten_with_good_frames_behind_it_is_damage_and_is_left_as_it_is(string with)
    {
        const int Page = 4096;
        var filling = new byte[Page];
        if (with != "zeros")
            new Random(1).NextBytes(filling);
        var files = new MemoryFileSystem();
        using (var store = TestStore.Open(files, segment: 16 * Page))
        {
            for (var index = 1; index <= 300; index++)
            {
                var persist = TestStore.Entries(0, index, index, index, value: new string('v', 200));
                Assert.True(await store.AppendAsync(persist));
            }
        }

        var pages = 0;
        foreach (var path in SmallDisk.Segments(files))
        {
            var used = files.Bytes(path).AsSpan().LastIndexOfAnyExcept((byte)0);
            for (var page = 0; page + Page < used - 1000; page += Page, pages++)
            {
                var damaged = Copy(files);
                damaged.Damage(path, bytes => [.. bytes[..page], .. filling, .. bytes[(page + Page)..]]);
                var before = damaged.Bytes(path);
                Assert.Contains(path, SmallDisk.Start(damaged).Refusal);
                Assert.Equal(before, damaged.Bytes(path));
            }
        }

        Assert.True(pages >= 20, $"{pages} pages");
    }

    [Fact]
    public async Task A_segment_that_is_gone_or_in_anothers_place_is_detected()
    {
        var (disk, _) = await SmallDisk.MakeAsync();
        var segments = SmallDisk.Segments(disk);
        Assert.True(segments.Count >= 3, $"{segments.Count} segments");
        Assert.DoesNotContain(segments, path => path.EndsWith("0001.log", StringComparison.Ordinal));
        foreach (var path in segments)
        {
            var files = Copy(disk);
            files.Put(path, null);
            Assert.NotNull(SmallDisk.Start(files).Refusal);
            foreach (var other in segments.Where(other => other != path))
            {
                files = Copy(disk);
                files.Put(path, disk.Bytes(other));
                files.Put(other, disk.Bytes(path));
                Assert.NotNull(SmallDisk.Start(files).Refusal);
            }
        }

        var empty = Copy(disk);
        foreach (var path in segments)
            empty.Put(path, null);
        Assert.Contains("no log", SmallDisk.Start(empty).Refusal);
    }

    [Fact]
    public async Task A_first_segment_that_is_gone_is_missed_although_no_later_one_goes_on_with_its_partitions()
    {
        var files = new MemoryFileSystem();
        using (var store = TestStore.Open(files, segment: SmallDisk.SegmentBytes))
        {
            for (var partition = 0; partition < 20; partition++)
                Assert.True(await store.AppendAsync(TestStore.Entries(partition, 1, 1, 1)));
        }

        var segments = SmallDisk.Segments(files);
        Assert.True(segments.Count >= 2);
        files.Put(segments[0], null);
        Assert.Contains("the first segment", SmallDisk.Start(files).Refusal);
    }

    [Fact]
    public async Task A_snapshot_that_is_gone_is_missed_when_the_log_before_it_is_gone_too()
    {
        var (disk, _) = await SmallDisk.MakeAsync();
        var snapshots = SmallDisk.Snapshots(disk);
        Assert.Equal(3, snapshots.Count);
        foreach (var path in snapshots)
        {
            var files = Copy(disk);
            files.Put(path, null);
            Assert.Contains("snapshot", SmallDisk.Start(files).Refusal);
        }
    }

    [Fact]
    public async Task Old_frames_behind_the_tail_are_no_continuation()
    {
        var (disk, expected) = await SmallDisk.MakeAsync();
        var segments = SmallDisk.Segments(disk);
        var (_, end) = LastFrame(disk.Bytes(segments[^1]));
        foreach (var old in segments.SkipLast(1))
        {
            var frames = disk.Bytes(old)[WalFormat.SegmentHeaderSize..];
            var files = Copy(disk);
            files.Damage(segments[^1], bytes => [.. bytes[..end], .. frames[..(bytes.Length - end)]]);
            Assert.Equal(expected, SmallDisk.Start(files).Found);
            Assert.Equal(-1, files.Bytes(segments[^1]).AsSpan(end + SealBytes).IndexOfAnyExcept((byte)0));    // cut
        }
    }

    [Fact]
    public async Task A_log_of_another_disk_is_refused()
    {
        var (disk, _) = await SmallDisk.MakeAsync();
        var (other, _) = await SmallDisk.MakeAsync();
        foreach (var path in SmallDisk.Segments(disk).Concat(SmallDisk.Snapshots(disk)))
        {
            var files = Copy(disk);
            files.Put(path, other.Bytes(path));
            Assert.Contains(path, SmallDisk.Start(files).Refusal);
        }
    }

    /// <summary>A start may write a frame of its own, under the number of the one that is gone.</summary>
    [Fact]
    public async Task A_log_whose_newest_segment_lost_all_its_frames_is_found_to_be_shorter_than_it_was()
    {
        var (disk, _) = await SmallDisk.MakeAsync();
        ulong told;
        using (var store = TestStore.Open(disk, segment: SmallDisk.SegmentBytes))
        {
            var segments = SmallDisk.Segments(disk).Count;
            for (var index = 25; SmallDisk.Segments(disk).Count == segments; index++)
                Assert.True(await store.AppendAsync(TestStore.Entries(1, index, index, index, term: 2)));
            told = store.Log.FlushedFrame;
        }

        disk = disk.AfterPowerLoss(Leaves.Everything, new Random(1));
        disk.Damage(
            SmallDisk.Segments(disk)[^1],
            bytes =>
            [
                .. bytes[..WalFormat.SegmentHeaderSize],
                .. new byte[bytes.Length - WalFormat.SegmentHeaderSize],
            ]);
        using var again = TestStore.Open(disk, segment: SmallDisk.SegmentBytes);
        Assert.True(again.Log.FoundFrame < told, $"{again.Log.FoundFrame} found, {told} told");
    }

    [Fact]
    public async Task A_format_of_a_later_version_is_refused_and_not_guessed()
    {
        var (disk, _) = await SmallDisk.MakeAsync();
        var path = SmallDisk.Segments(disk)[0];
        disk.Damage(path, SmallDisk.OfLaterVersion);
        Assert.Contains("format version 2", SmallDisk.Start(disk).Refusal);
    }

    /// <summary>
    /// The disk says that it has written, and has not, or somewhere else: what is read later is the page as it was
    /// before.
    /// </summary>
    [Fact]
    public void A_write_that_did_not_come_to_its_place_is_detected_or_harmless()
    {
        Parallel.For(1, 1001, Beside, seed => Assert.Null(Disks.FailureOf("Lie", seed)));
    }

    private static async Task GoOnAsync(MemoryFileSystem files, string expected)
    {
        using (var store = TestStore.Open(files, segment: SmallDisk.SegmentBytes))
            Assert.True(await store.AppendAsync(TestStore.Vote(3, 1, 8, 1)));
        using var again = TestStore.Open(files, segment: SmallDisk.SegmentBytes);
        Assert.Equal(expected.Replace("Term = 7, Vote = 2", "Term = 8, Vote = 1"), again.Describe());
    }

    private static MemoryFileSystem Copy(MemoryFileSystem disk) =>
        disk.AfterPowerLoss(Leaves.Everything, new Random(1));

    private static byte[] With(byte[] bytes, int at, byte value)
    {
        bytes[at] = value;
        return bytes;
    }

    /// <summary>Where the last frame begins and ends; the seal follows.</summary>
    private static (int Start, int End) LastFrame(byte[] segment)
    {
        var key = WalFormat.KeyOf(segment);
        var (start, at) = (0, WalFormat.SegmentHeaderSize);
        while (WalFormat.TryReadFrame(segment.AsSpan(at), key, out var frame) && !frame.IsSeal)
            (start, at) = (at, at + frame.Length);
        return (start, at);
    }
}
