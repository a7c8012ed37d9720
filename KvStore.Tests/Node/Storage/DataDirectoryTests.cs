using KvStore.Node.Storage;
using KvStore.Tests.Cluster;

namespace KvStore.Tests.Node.Storage;

public sealed class DataDirectoryTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("kvstore-storage-").FullName;

    private string Wal => Path.Combine(_root, "node1", "wal");

    private string Snapshots => Path.Combine(_root, "node1", "snapshots");

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Fact]
    public void A_second_user_is_refused_until_the_first_has_ended()
    {
        var first = Open();
        var refused = Assert.Throws<DataDirectoryException>(() => Open());
        Assert.Contains("in use by another process", refused.Message);
        first.Dispose();
        Open().Dispose();
    }

    [Fact]
    public async Task A_second_process_on_a_directory_ends_with_one_clear_line()
    {
        using var held = Open();
        var ports = FreePorts.Take(2);
        await using var second = new TestProcess("KvStore.Node.dll", "node1", ports[0], _root, new()
        {
            ["NODE_NAME"] = "node1",
            ["PORT"] = $"{ports[0]}",
            ["CURRENT_NODE_URL"] = $"http://localhost:{ports[0]}",
            ["CLUSTER_NODES"] = $"http://localhost:{ports[0]}",
            ["KVSTORE_PEER_PORT"] = $"{ports[1]}",
            ["KVSTORE_WAL_DIR"] = Wal,
            ["KVSTORE_SNAPSHOT_DIR"] = Snapshots,
        });
        second.Start();
        Assert.Equal(1, await second.EndsAsync());
        Assert.Contains($"{Wal} is in use by another process", second.Output);
        Assert.DoesNotContain("   at ", second.Output);    // no stack trace
    }

    [Fact]
    public void Another_nodes_directory_is_refused()
    {
        Open().Dispose();
        var refused = Assert.Throws<DataDirectoryException>(() => Open("node2"));
        Assert.Contains("belongs to node1; this node is node2", refused.Message);
    }

    [Fact]
    public void The_identity_survives_and_a_wiped_directory_gets_another()
    {
        var first = IncarnationOf();
        Assert.Equal(first, IncarnationOf());
        Directory.Delete(Path.Combine(_root, "node1"), recursive: true);
        Assert.NotEqual(first, IncarnationOf());
    }

    /// <summary>Votes were given under it, and nobody knows them any more.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]    // on the disk that took the place of a damaged one
    public async Task An_identity_whose_log_was_deleted_is_not_gone_on_with(bool isRejoining)
    {
        var (files, before) = await WithoutLogAsync(isRejoining);
        ulong after;
        using (var store = TestStore.Open(files))
        {
            after = store.Directory.Incarnation;
            Assert.Equal(isRejoining ? 7 : null, store.Directory.Rejoin?.ClusterId);
        }

        Assert.NotEqual(before, after);
        using var again = TestStore.Open(files);
        Assert.Equal(after, again.Directory.Incarnation);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Power_lost_at_any_call_of_beginning_anew_never_brings_the_old_identity_back(bool isRejoining)
    {
        for (var call = 1; ; call++)
        {
            var (files, before) = await WithoutLogAsync(isRejoining);
            var stopAt = files.Calls + call;
            files.Fault = made => made.Number == stopAt ? IoFault.PowerLoss : IoFault.None;
            try
            {
                TestStore.Open(files).Dispose();
            }
            catch (Exception failure) when (failure is IOException or DataDirectoryException)
            {
                foreach (var leaves in Enum.GetValues<Leaves>())
                {
                    using var next = TestStore.Open(files.AfterPowerLoss(leaves, new Random(call)));
                    Assert.NotEqual(before, next.Directory.Incarnation);
                }

                continue;
            }

            Assert.True(call > 10, $"{call} calls");
            return;
        }
    }

    [Fact]
    public async Task Without_its_log_too_another_nodes_directory_is_refused()
    {
        var (files, _) = await WithoutLogAsync(isRejoining: false);
        Assert.Throws<DataDirectoryException>(
            () => DataDirectory.Open(TestStore.Wal, TestStore.Snapshots, "node2", files));
    }

    [Theory]
    [InlineData("wal")]
    [InlineData("snapshots")]
    public async Task One_folder_wiped_of_the_two_is_refused(string folder)
    {
        var files = new PhysicalFileSystem();
        using (var store = TestStore.Open(files, Wal, Snapshots))
            Assert.True(await store.AppendAsync(TestStore.Entries(0, 1, 1, 1)));
        Directory.Delete(Path.Combine(_root, "node1", folder), recursive: true);
        Assert.Contains("emptied or replaced", Assert.Throws<DataDirectoryException>(() => Open()).Message);
    }

    [Fact]
    public void Folders_of_two_disks_are_not_mixed()
    {
        Open().Dispose();
        var other = Path.Combine(_root, "other");
        var (wal, snapshots) = (Path.Combine(other, "wal"), Path.Combine(other, "snapshots"));
        DataDirectory.Open(wal, snapshots, "node1", new PhysicalFileSystem()).Dispose();
        Assert.Throws<DataDirectoryException>(
            () => DataDirectory.Open(Wal, snapshots, "node1", new PhysicalFileSystem()));
    }

    [Fact]
    public void What_was_never_finished_is_removed()
    {
        Open().Dispose();
        var leftover = Path.Combine(Wal, "identity" + DataDirectory.AsideSuffix);
        File.WriteAllText(leftover, "half");
        Open().Dispose();
        Assert.False(File.Exists(leftover));
    }

    [Fact]
    public void Nobody_else_on_the_machine_may_read_it()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "This system has no such modes.");
        if (OperatingSystem.IsWindows())
            return;    // says to the compiler what the line above says to the reader
        using (TestStore.Open(new PhysicalFileSystem(), Wal, Snapshots))
        {
            const UnixFileMode File600 = UnixFileMode.UserRead | UnixFileMode.UserWrite;
            Assert.Equal(File600 | UnixFileMode.UserExecute, File.GetUnixFileMode(Wal));
            foreach (var path in Directory.GetFiles(Wal))
                Assert.Equal(File600, File.GetUnixFileMode(path));
        }
    }

    [Fact]
    public void A_directory_that_cannot_be_made_is_refused_and_not_called_in_use()
    {
        File.WriteAllText(Path.Combine(_root, "node1"), "a file");
        var refused = Assert.Throws<DataDirectoryException>(() => Open());
        Assert.DoesNotContain("in use", refused.Message);
    }

    [Fact]
    public async Task A_killed_start_at_any_call_leaves_a_directory_that_starts()
    {
        for (var call = 1; ; call++)
        {
            var files = new MemoryFileSystem();
            var stopAt = call;
            files.Fault = made => made.Number == stopAt ? IoFault.PowerLoss : IoFault.None;
            try
            {
                TestStore.Open(files).Dispose();
            }
            catch (Exception failure) when (failure is IOException or DataDirectoryException)
            {
                foreach (var leaves in Enum.GetValues<Leaves>())
                {
                    using var next = TestStore.Open(files.AfterPowerLoss(leaves, new Random(call)));
                    Assert.True(await next.AppendAsync(TestStore.Entries(0, 1, 1, 1)));
                }

                continue;
            }

            Assert.True(call > 10, $"{call} calls");
            return;
        }
    }

    /// <summary>A node that has run, of whose files somebody deleted all but those that say whose they are.</summary>
    private static async Task<(MemoryFileSystem Files, ulong Incarnation)> WithoutLogAsync(bool isRejoining)
    {
        var files = new MemoryFileSystem();
        if (isRejoining)
        {
            using var damaged = TestStore.Open(files);
            damaged.Directory.GiveUp("node1", clusterId: 7);
        }

        ulong incarnation;
        using (var store = TestStore.Open(files))
        {
            incarnation = store.Directory.Incarnation;
            store.Directory.SaveClusterDocument("{}"u8);
            Assert.True(await store.AppendAsync(TestStore.Entries(0, 1, 1, 1), TestStore.Vote(1, 1, 3, 2)));
        }

        foreach (var file in files.Files(TestStore.Wal).Concat(files.Files(TestStore.Snapshots)).ToList())
        {
            if (Path.GetFileName(file) is not ("identity" or "rejoin" or "lock"))
                files.Delete(file);
        }

        files.FlushDirectory(TestStore.Wal);
        files.FlushDirectory(TestStore.Snapshots);
        return (files, incarnation);
    }

    private DataDirectory Open(string node = "node1") =>
        DataDirectory.Open(Wal, Snapshots, node, new PhysicalFileSystem());

    /// <summary>Of a node that has run: with its log.</summary>
    private ulong IncarnationOf()
    {
        using var store = TestStore.Open(new PhysicalFileSystem(), Wal, Snapshots);
        return store.Directory.Incarnation;
    }
}
