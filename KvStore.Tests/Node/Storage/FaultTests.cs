using KvStore.Node.Storage;

namespace KvStore.Tests.Node.Storage;

/// <summary>
/// A call to the disk fails once: nothing after it is acknowledged, although all later calls would succeed.
/// </summary>
public sealed class FaultTests
{
    private const int Operations = 30;

    [Theory]
    [InlineData("Fails", "Input/output error (5)")]
    [InlineData("DiskFull", "No space left on device")]
    public async Task A_call_that_fails_ends_the_log_and_loses_nothing_that_was_flushed(string fault, string reason)
    {
        var kinds = new HashSet<string>();
        for (var failing = 1; ; failing++)
        {
            var files = new MemoryFileSystem();
            IoCall? failed = null;
            files.Fault = call =>
            {
                if (call.Number != failing)
                    return IoFault.None;
                failed = call;
                return Enum.Parse<IoFault>(fault);
            };
            var history = new StorageHistory(new Random(7));
            var failure = await RunAsync(files, history);
            if (failed is not { } hit)
                break;
            kinds.Add(hit.Kind);
            Assert.NotNull(failure);
            Assert.Contains(reason, failure.Message);
            Assert.Contains(hit.Path, failure.Message);
            var replay = $"{hit}";
            using (var store = TestStore.Open(files.AfterPowerLoss(Leaves.Some, new Random(failing))))
                history.Recovered(store, replay);
        }

        string[] all = ["write", "flush", "move", "flush folder", "create", "open", "delete"];
        Assert.Superset(all.ToHashSet(), kinds);
    }

    /// <summary>
    /// A disk that answers with an error is not damaged: nobody gives it up, and the next start may find all.
    /// </summary>
    [Theory]
    [InlineData("open")]
    [InlineData("read")]
    public async Task A_disk_that_cannot_be_read_ends_the_start_and_stays_as_it_is(string kind)
    {
        var (disk, expected) = await SmallDisk.MakeAsync();
        for (var failing = 1; ; failing++)
        {
            var (files, asked) = (disk.AfterPowerLoss(Leaves.Everything, new Random(1)), 0);
            files.Fault = call => call.Kind == kind && Interlocked.Increment(ref asked) == failing
                ? IoFault.Fails
                : IoFault.None;
            var failure = Record.Exception(() => TestStore.Open(files, segment: SmallDisk.SegmentBytes).Dispose());
            if (asked < failing)
                break;
            Assert.True(failure is IOException or DataDirectoryException, $"{kind} {failing}: {failure}");
            Assert.Contains("Input/output error (5)", failure.Message);
            files.Fault = _ => IoFault.None;
            Assert.Equal(expected, SmallDisk.Start(files).Found);
        }
    }

    /// <summary>A start has flushes of its own: what an earlier process left behind is repaired by it.</summary>
    [Fact]
    public async Task A_call_that_fails_after_a_restart_loses_nothing_that_was_flushed()
    {
        string[] kinds = ["write", "flush", "flush folder", "move"];
        var places = kinds.SelectMany(kind => Enumerable.Range(1, 3).Select(number => (kind, number))).ToList();
        for (var seed = 1; seed <= 30; seed++)
        {
            foreach (var (kind, number) in places)
            {
                var random = new Random(seed);
                var life = new DiskLife(seed, $"seed {seed}, {kind} {number}");
                await life.RunAsync(new MemoryFileSystem(), stopAt: random.Next(20, 200));
                await life.RunAsync(life.Files.AfterKill(), kind, number, IoFault.Fails);
                await life.RecoverAsync(life.Files.AfterPowerLoss(Leaves.Some, random));
            }
        }
    }

    [Fact]
    public async Task A_read_that_gives_less_than_there_is_cuts_nothing_off()
    {
        var (disk, expected) = await SmallDisk.MakeAsync();
        var refused = 0;
        for (var cut = 1; ; cut++)
        {
            var (files, asked) = (disk.AfterPowerLoss(Leaves.Everything, new Random(1)), 0);
            files.Fault = call => call.Kind == "read" && Interlocked.Increment(ref asked) == cut
                ? IoFault.IsShort
                : IoFault.None;
            var (found, refusal) = SmallDisk.Start(files);
            if (asked < cut)
                break;
            Assert.True(refusal is not null || found == expected, $"read {cut}: {found}");
            refused += refusal is null ? 0 : 1;
            files.Fault = _ => IoFault.None;
            Assert.Equal(expected, SmallDisk.Start(files).Found);
        }

        Assert.True(refused > 5, $"{refused} refused");
    }

    [Fact]
    public async Task After_a_failed_flush_the_log_is_not_touched_again()
    {
        var files = new MemoryFileSystem();
        using var store = TestStore.Open(files);
        Assert.True(await store.AppendAsync(TestStore.Entries(0, 1, 1, 1)));
        var calls = 0;
        files.Fault = call => call.Kind == "flush" && ++calls == 1 ? IoFault.Fails : IoFault.None;
        Assert.False(await store.AppendAsync(TestStore.Entries(0, 2, 2, 2)));
        var before = files.Calls;
        Assert.False(await store.AppendAsync(TestStore.Entries(0, 3, 3, 3)));
        store.Dispose();
        Assert.Equal(before, files.Calls);
        Assert.Contains("flush of /disk/wal/wal-0000000000000001.log failed", (await store.Log.Failed).Message);
    }

    [Fact]
    public async Task A_disk_too_full_for_the_next_segment_ends_the_log_when_it_is_needed()
    {
        var files = new MemoryFileSystem();
        var history = new StorageHistory(new Random(3));
        using (var store = TestStore.Open(files))
        {
            history.Recovered(store, "first start");
            files.SpareFault = IoFault.DiskFull;
            while (await AppendAsync(store, history))
                Assert.True(history.HandedOver < 10_000);
            Assert.Contains("No space left", (await store.Log.Failed).Message);
        }

        using var next = TestStore.Open(files.AfterKill());
        history.Recovered(next, "after the disk was full");
    }

    [Fact]
    public async Task A_spare_that_found_no_room_gives_back_what_it_took_and_is_made_when_there_is_some()
    {
        var files = Restarted(IoFault.DiskFull);
        using var store = TestStore.Open(files);
        await EventuallyAsync(() => !store.Log.KeepsSpare());
        await EventuallyAsync(() => !files.AllFiles().Any(path => path.Contains("spare", StringComparison.Ordinal)));
        files.SpareFault = IoFault.None;
        await EventuallyAsync(store.Log.KeepsSpare);
        for (var index = 1; index <= 200; index++)
            Assert.True(await store.AppendAsync(TestStore.Entries(0, index, index, index)));
        Assert.True(store.Log.Statistics.Segments > 1);
    }

    [Fact]
    public async Task A_spare_that_could_not_be_flushed_ends_the_log()
    {
        var files = Restarted(IoFault.Fails);
        using var store = TestStore.Open(files);
        await EventuallyAsync(() => !store.Log.KeepsSpare() && store.Log.Failed.IsCompleted);
        Assert.Contains("spare.tmp", (await store.Log.Failed).Message);
    }

    [Fact]
    public async Task A_snapshot_that_finds_no_room_is_given_up_and_ends_nobody()
    {
        foreach (var kind in new[] { "create", "write", "flush" })
        {
            var files = new MemoryFileSystem();
            using var store = TestStore.Open(files);
            Assert.True(await store.AppendAsync(TestStore.Entries(0, 1, 1, 3)));
            files.Fault = call => call.Kind == kind && call.Path.Contains(".snap", StringComparison.Ordinal)
                ? IoFault.DiskFull
                : IoFault.None;
            Assert.Throws<NoRoomException>(() => store.Log.SaveSnapshot(new(0), TestStore.Capture(3)));
            Assert.DoesNotContain(files.AllFiles(), path => path.Contains(".snap", StringComparison.Ordinal));
            files.Fault = _ => IoFault.None;
            Assert.True(await store.AppendAsync(TestStore.Entries(0, 2, 4, 4)));
            store.Log.SaveSnapshot(new(0), TestStore.Capture(4));
            Assert.Single(SmallDisk.Snapshots(files));
        }
    }

    [Fact]
    public async Task A_snapshot_that_cannot_be_written_is_no_snapshot_and_ends_the_node()
    {
        var files = new MemoryFileSystem();
        using var store = TestStore.Open(files);
        Assert.True(await store.AppendAsync(TestStore.Entries(0, 1, 1, 3)));
        files.Fault = call => call.Kind == "flush" ? IoFault.Fails : IoFault.None;
        Assert.Throws<IOException>(() => store.Log.SaveSnapshot(new(0), TestStore.Capture(3)));
        Assert.Contains(".snap", (await store.Log.Failed).Message);
        Assert.Empty(SmallDisk.Snapshots(files));
    }

    /// <summary>A disk with a log, on which no spare can be made.</summary>
    private static MemoryFileSystem Restarted(IoFault spareFault)
    {
        var files = new MemoryFileSystem();
        TestStore.Open(files).Dispose();
        files = files.AfterKill();
        files.SpareFault = spareFault;
        return files;
    }

    /// <summary>Asks until it is so: the spare is another thread's.</summary>
    private static async Task EventuallyAsync(Func<bool> isSo)
    {
        for (var asked = 0; !isSo(); asked++)
        {
            Assert.True(asked < 10_000);
            await Task.Delay(1, TestContext.Current.CancellationToken);
        }
    }

    /// <summary>
    /// Goes on until something fails; gives what did, having checked that nothing is acknowledged after it.
    /// </summary>
    private static async Task<Exception?> RunAsync(MemoryFileSystem files, StorageHistory history)
    {
        try
        {
            using var store = TestStore.Open(files);
            history.Recovered(store, "first start");
            for (var i = 0; i < Operations; i++)
            {
                if (i % 5 == 4 && history.NextCapture() is { } capture)
                    store.Log.SaveSnapshot(capture.Partition, capture.Snapshot);
                if (await AppendAsync(store, history))
                    continue;
                Assert.False(await store.AppendAsync(TestStore.Vote(0, 1000, 1000, 1)));
                break;
            }

            store.Dispose();
            return store.Log.Failed.IsCompleted ? await store.Log.Failed : null;
        }
        catch (Exception failure) when (failure is IOException or DataDirectoryException)
        {
            return failure;
        }
    }

    private static async Task<bool> AppendAsync(TestStore store, StorageHistory history)
    {
        var persist = history.NextPersist();
        if (persist.Snapshot is { } received)
            store.Log.SaveReceivedSnapshot(persist.Partition, received);
        var isFlushed = await store.AppendAsync(persist);
        if (isFlushed)
            history.Reported = history.HandedOver;
        return isFlushed;
    }
}
