using KvStore.Core.Primitives;

namespace KvStore.Tests.Node.Storage;

public sealed class SnapshotTests
{
    [Theory]
    [InlineData("Nothing")]
    [InlineData("Everything")]
    [InlineData("Some")]
    public async Task Power_lost_between_any_two_steps_of_a_capture_leaves_the_same_state(string leaves)
    {
        var kinds = new List<string>();
        for (var step = 1; ; step++)
        {
            var files = new MemoryFileSystem();
            using var store = TestStore.Open(files, segment: SmallDisk.SegmentBytes);
            for (var index = 1; index <= 20; index++)
                Assert.True(await store.AppendAsync(TestStore.Entries(0, index, index, index)));
            store.Log.SaveSnapshot(new(0), TestStore.Capture(10));
            Assert.True(await store.AppendAsync(TestStore.Entries(0, 21, 21, 21)));
            var (stopAt, segments) = (files.Calls + step, SmallDisk.Segments(files).Count);
            files.Fault = call =>
            {
                kinds.Add(call.Kind);
                return call.Number == stopAt ? IoFault.PowerLoss : IoFault.None;
            };
            Try(() => store.Log.SaveSnapshot(new(0), TestStore.Capture(20)));
            store.Dispose();
            for (var luck = 0; luck < 8; luck++)
            {
                var left = files.AfterPowerLoss(Enum.Parse<Leaves>(leaves), new Random(luck));
                using var after = TestStore.Open(left, segment: SmallDisk.SegmentBytes);
                var replica = after.Log.Recovered[new(0)].Replica;
                Assert.Contains(replica.SnapshotIndex.Value, new long[] { 10, 20 });
                Assert.Equal(21, replica.Entries[^1].Index.Value);
                var expected = TestStore.Capture(replica.SnapshotIndex.Value).State.Hash();
                Assert.Equal(expected, after.Log.Recovered[new(0)].State.Hash());
                Assert.Equal(replica.SnapshotIndex.Next(), replica.Entries[0].Index);
            }

            if (files.Calls >= stopAt)
                continue;
            Assert.True(SmallDisk.Segments(files).Count < segments);
            break;
        }

        string[] steps = ["create", "write", "flush", "move", "flush folder", "delete"];
        Assert.Superset(steps.ToHashSet(), kinds.ToHashSet());
    }

    [Fact]
    public async Task A_segment_stays_as_long_as_one_partition_has_no_snapshot_of_what_is_in_it()
    {
        var files = new MemoryFileSystem();
        using var store = TestStore.Open(files, segment: SmallDisk.SegmentBytes);
        Assert.True(await store.AppendAsync(TestStore.Entries(9, 1, 1, 1)));
        for (var index = 1; index <= 40; index++)
            Assert.True(await store.AppendAsync(TestStore.Entries(0, index, index, index)));
        var first = SmallDisk.Segments(files)[0];
        store.Log.SaveSnapshot(new(0), TestStore.Capture(40));
        Assert.Contains(first, SmallDisk.Segments(files));
        store.Log.SaveSnapshot(new(9), TestStore.Capture(1));
        Assert.Equal(1, store.Log.Statistics.Segments);
        Assert.Single(SmallDisk.Segments(files));
        store.Dispose();
        var lost = files.AfterKill();
        lost.Put(Assert.Single(SmallDisk.Snapshots(lost), path => path.Contains("p0009")), null);
        Assert.Contains("a snapshot up to 0 of partition 9", SmallDisk.Start(lost).Refusal);    // the log tells

        using var again = TestStore.Open(files.AfterKill(), segment: SmallDisk.SegmentBytes);
        Assert.Equal(40, again.Log.Recovered[new(0)].Replica.SnapshotIndex.Value);
        Assert.Equal(1, again.Log.Recovered[new(9)].Replica.SnapshotIndex.Value);
    }

    [Fact]
    public async Task Entries_behind_a_snapshot_stay_in_the_log_and_older_snapshots_go()
    {
        var files = new MemoryFileSystem();
        using (var store = TestStore.Open(files, segment: SmallDisk.SegmentBytes))
        {
            for (var index = 1; index <= 30; index++)
            {
                Assert.True(await store.AppendAsync(TestStore.Entries(0, index, index, index)));
                if (index % 7 == 0)
                    store.Log.SaveSnapshot(new(0), TestStore.Capture(index - 3));
            }
        }

        Assert.Single(SmallDisk.Snapshots(files));
        using var again = TestStore.Open(files, segment: SmallDisk.SegmentBytes);
        var replica = again.Log.Recovered[new(0)].Replica;
        Assert.Equal(25, replica.SnapshotIndex.Value);
        Assert.Equal([26, 27, 28, 29, 30], replica.Entries.Select(entry => entry.Index.Value));
    }

    [Fact]
    public async Task A_snapshot_from_a_peer_that_the_replica_did_not_take_yet_is_where_the_next_start_goes_on()
    {
        var files = new MemoryFileSystem();
        using (var store = TestStore.Open(files))
        {
            Assert.True(await store.AppendAsync(TestStore.Entries(0, 1, 1, 5)));
            store.Log.SaveReceivedSnapshot(new(0), TestStore.Capture(9, term: 4));
        }

        for (var start = 0; start < 2; start++)    // the second reads that the log goes on behind it
        {
            using var again = TestStore.Open(files);
            var replica = again.Log.Recovered[new(0)].Replica;
            Assert.Equal((9, 4), (replica.SnapshotIndex.Value, replica.SnapshotTerm.Value));
            Assert.Equal(start, replica.Entries.Length);
            Assert.Equal(new Term(4), replica.HardState.Term);
            Assert.True(await again.AppendAsync(TestStore.Entries(0, 1, 10 + start, 10 + start, term: 4)));
        }
    }

    [Fact]
    public async Task Two_snapshots_of_one_position_written_at_the_same_time_leave_one_whole_file()
    {
        var files = new MemoryFileSystem();
        using (var store = TestStore.Open(files))
        {
            Assert.True(await store.AppendAsync(TestStore.Entries(0, 1, 1, 5)));
            var snapshot = TestStore.Capture(5);
            await Task.WhenAll(Enumerable.Range(0, 8).Select(i => Task.Run(
                () => store.Log.SaveReceivedSnapshot(new(0), snapshot))));
            Assert.False(store.Log.Failed.IsCompleted);
        }

        using var again = TestStore.Open(files);
        Assert.Equal(5, again.Log.Recovered[new(0)].Replica.SnapshotIndex.Value);
    }

    private static void Try(Action save)
    {
        try
        {
            save();
        }
        catch (IOException)
        {
            // the power is off
        }
    }
}
