using KvStore.Core.Membership;
using KvStore.Node.Membership;
using KvStore.Node.Options;
using KvStore.Node.Storage;
using KvStore.ServiceDefaults;
using Microsoft.Extensions.Logging;

namespace KvStore.Tests.Node.Storage;

/// <summary>A damaged disk is a lost disk: what is on it is kept, and nobody goes on with it.</summary>
public sealed class SetAsideTests
{
    private const string Aside = "damaged-1";
    private const string FirstSegment = TestStore.Wal + "/wal-0000000000000001.log";

    private static readonly ClusterView Three = ClusterView.Birth([("node1", 1), ("node2", 2), ("node3", 3)], 8, 3);

    private readonly LogLines<NodeStorage> _log = new();

    [Fact]
    public async Task Damaged_files_are_set_aside_whole_and_the_node_is_new()
    {
        var files = await DamagedAsync(Three);
        var before = Contents(files, "");
        using var storage = Open(files);

        Assert.Equal(before, Contents(files, Aside));
        Assert.Empty(storage.Log.Recovered);
        Assert.Null(storage.Directory.LoadClusterDocument());
        Assert.Equal(Three.ClusterId, storage.Directory.Rejoin!.ClusterId);
        var (level, warning) = Assert.Single(_log.Lines);
        Assert.Equal(LogLevel.Warning, level);
        Assert.Contains(FirstSegment, warning);
        Assert.Contains($"{TestStore.Wal} and {TestStore.Snapshots}, each under {Aside}", warning);
    }

    [Fact]
    public async Task What_was_set_aside_stays_so_and_a_second_damage_has_a_folder_of_its_own()
    {
        var files = await DamagedAsync(Three);
        ulong second;
        using (var storage = Open(files))
        {
            second = storage.Directory.Incarnation;
            storage.Directory.SaveClusterDocument(ClusterDocument.Encode(Three));
        }

        var first = Contents(files, Aside);
        using (var storage = Open(files))
            Assert.Equal(second, storage.Directory.Incarnation);
        files.Damage(FirstSegment, Damaged);
        using (var storage = Open(files))
            Assert.NotEqual(second, storage.Directory.Incarnation);
        Assert.Equal(first, Contents(files, Aside));
        Assert.Contains("/disk/wal/damaged-2/cluster", files.AllFiles());
    }

    [Fact]
    public async Task Power_lost_at_each_call_of_setting_aside_loses_no_file_and_ends_on_one_new_disk()
    {
        for (var call = 1; ; call++)
        {
            var finished = false;
            foreach (var leaves in Enum.GetValues<Leaves>())
            {
                var files = await DamagedAsync(Three);
                var before = Contents(files, "");
                var stopAt = files.Calls + call;
                files.Fault = made => made.Number == stopAt ? IoFault.PowerLoss : IoFault.None;
                finished = TryOpen(files);
                var next = files.AfterPowerLoss(leaves, new Random(call));
                using (var storage = Open(next))
                {
                    Assert.Equal(before, Contents(next, Aside));
                    Assert.Empty(storage.Log.Recovered);
                    Assert.Equal(Three.ClusterId, storage.Directory.Rejoin!.ClusterId);
                }

                using var again = DataDirectory.Open(TestStore.Wal, TestStore.Snapshots, "node1", next.AfterKill());
                Assert.InRange(again.Rejoin!.Number, 1, 2);    // the second has nothing but an identity that had no log
            }

            if (!finished)
                continue;
            Assert.True(call > 20, $"{call} calls");
            return;
        }
    }

    [Theory]
    [InlineData(3, 3, false)]    // the operator wants it to stop
    [InlineData(1, 3, true)]
    [InlineData(2, 3, true)]     // the one that is left is no majority
    [InlineData(3, 2, true)]
    public async Task Where_nobody_can_take_its_place_the_node_ends_and_nothing_is_touched(
        int members, int copies, bool rejoins)
    {
        var named = Enumerable.Range(1, members).Select(number => ($"node{number}", (ulong)number));
        var files = await DamagedAsync(ClusterView.Birth(named, 8, copies));
        var before = Contents(files, "");

        var refused = Assert.Throws<StartupException>(() => Open(files, rejoins));
        Assert.Contains(FirstSegment, refused.Message);
        Assert.Contains("It was left as it is", refused.Message);
        Assert.Equal(before, Contents(files, ""));
        Assert.Empty(_log.Lines);
    }

    /// <summary>Every byte of it is as it was written, and all the same nobody may go on with it.</summary>
    [Fact]
    public async Task What_was_marked_as_diverged_while_the_node_ran_is_damaged_at_the_next_start()
    {
        const string Why = "Partition 3: at index 7 its copies differ";
        var files = await WholeAsync(Three);
        using (var storage = Open(files))
            storage.Log.Condemn(Why);
        files = files.AfterPowerLoss(Leaves.Nothing, new Random(1));
        var before = Contents(files, "");

        var refused = Assert.Throws<StartupException>(() => Open(files, rejoins: false));
        Assert.Contains(Why, refused.Message);
        Assert.Equal(before, Contents(files, ""));
        using (var storage = Open(files))
            Assert.Empty(storage.Log.Recovered);
        Assert.Equal(before, Contents(files, Aside));
        Assert.Contains(Why, Assert.Single(_log.Lines).Text);
        using (var storage = Open(files))
            Assert.Equal(1, storage.Directory.Rejoin!.Number);    // the new disk is not marked
    }

    [Theory]
    [InlineData("identity")]
    [InlineData("cluster")]
    public async Task A_node_that_does_not_know_where_it_belongs_goes_nowhere(string document)
    {
        var files = await DamagedAsync(Three);
        files.Damage($"{TestStore.Wal}/{document}", bytes => [.. bytes[..^1], (byte)(bytes[^1] ^ 1)]);
        var before = Contents(files, "");

        Assert.Throws<StartupException>(() => Open(files));
        Assert.Equal(before, Contents(files, ""));
    }

    [Fact]
    public async Task A_damaged_view_beside_a_whole_log_is_refused_in_one_line()
    {
        var files = await DamagedAsync(Three);
        files.Damage(FirstSegment, Damaged);    // the same bit again: whole
        files.Damage($"{TestStore.Wal}/cluster", bytes => [.. bytes[..^1], (byte)(bytes[^1] ^ 1)]);
        var before = Contents(files, "");

        var refused = Assert.Throws<StartupException>(() => Open(files));
        Assert.Contains($"{TestStore.Wal}/cluster", refused.Message);
        Assert.Contains("It was left as it is", refused.Message);
        Assert.Equal(before, Contents(files, ""));
    }

    [Fact]
    public async Task What_another_version_wrote_is_no_damage_and_its_disk_is_not_given_up()
    {
        var files = await DamagedAsync(Three);
        files.Damage(FirstSegment, Damaged);
        files.Damage(FirstSegment, SmallDisk.OfLaterVersion);
        var before = Contents(files, "");

        var refused = Assert.Throws<StartupException>(() => Open(files));
        Assert.Contains($"{FirstSegment} is whole, but this version cannot read it: format version 2", refused.Message);
        Assert.Contains("start the version that wrote it", refused.Message);
        Assert.Equal(before, Contents(files, ""));
        Assert.Empty(_log.Lines);
    }

    [Theory]
    [InlineData(TestStore.Wal + "/wal-copy.log")]
    [InlineData(TestStore.Snapshots + "/backup.snap")]
    public async Task A_file_that_somebody_put_there_is_no_damage(string stray)
    {
        var files = await DamagedAsync(Three);
        files.Damage(FirstSegment, Damaged);
        files.Put(stray, [1, 2, 3]);
        var before = Contents(files, "");

        var refused = Assert.Throws<StartupException>(() => Open(files));
        Assert.Contains($"{stray} is no file that a node makes", refused.Message);
        Assert.Equal(before, Contents(files, ""));
    }

    private static byte[] Damaged(byte[] segment) => [.. segment[..100], (byte)(segment[100] ^ 1), .. segment[101..]];

    /// <summary>A disk of a member with a snapshot and a log, of which one byte in the middle is another.</summary>
    private static async Task<MemoryFileSystem> DamagedAsync(ClusterView view)
    {
        var files = await WholeAsync(view);
        files.Damage(FirstSegment, Damaged);
        return files;
    }

    private static async Task<MemoryFileSystem> WholeAsync(ClusterView view)
    {
        var files = new MemoryFileSystem();
        using (var store = TestStore.Open(files))
        {
            store.Directory.SaveClusterDocument(ClusterDocument.Encode(view));
            Assert.True(await store.AppendAsync(TestStore.Vote(0, 1, 1, 1)));
            Assert.True(await store.AppendAsync(TestStore.Entries(0, 2, 1, 3)));
            store.Log.SaveSnapshot(new(0), TestStore.Capture(2));
            Assert.True(await store.AppendAsync(TestStore.Entries(0, 3, 4, 5)));
        }

        return files.AfterPowerLoss(Leaves.Everything, new Random(1));
    }

    /// <summary>Name and bytes of the files of both folders, locks and what is new left out.</summary>
    private static List<string> Contents(MemoryFileSystem files, string folder) =>
        [.. new[] { TestStore.Wal, TestStore.Snapshots }
            .SelectMany(root => files.Files(Path.Combine(root, folder)))
            .Where(path => !path.EndsWith(DataDirectory.AsideSuffix, StringComparison.Ordinal))
            .Select(path => path.Replace($"/{Aside}/", "/", StringComparison.Ordinal)
                + Convert.ToHexString(files.Bytes(path)))];

    private NodeStorage Open(MemoryFileSystem files, bool rejoins = true) => new(
        Microsoft.Extensions.Options.Options.Create(new NodeOptions
        {
            Name = "node1",
            WalDirectory = TestStore.Wal,
            SnapshotDirectory = TestStore.Snapshots,
            RejoinsOnDamage = rejoins,
        }),
        Microsoft.Extensions.Options.Options.Create(new StorageOptions { SegmentBytes = TestStore.SegmentBytes }),
        files,
        TimeProvider.System,
        _log);

    /// <summary>False: the power failed.</summary>
    private bool TryOpen(MemoryFileSystem files)
    {
        try
        {
            Open(files).Dispose();
            return true;
        }
        catch (StartupException)
        {
            return false;
        }
    }
}
