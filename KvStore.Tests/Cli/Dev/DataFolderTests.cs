using KvStore.Cli;
using KvStore.Cli.Dev;
using KvStore.Topology;

namespace KvStore.Tests.Cli.Dev;

public sealed class DataFolderTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("kvstore-dev-").FullName;

    private string Data => Path.Combine(_root, "data");

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Fact]
    public void A_new_directory_is_ours_and_fresh_removes_what_nodes_left_and_nothing_else()
    {
        Open().Dispose();
        var log = Write("node1/wal/wal-1");
        var old = Write("node7/snapshots/0.snapshot");
        var printed = Write("balancer/output.log");
        var notes = Write("notes.txt");
        var other = Write("node1.backup/wal/wal-1");

        Open(isFresh: true).Dispose();

        Assert.All((string[])[log, old, printed], file => Assert.False(File.Exists(file)));
        Assert.All((string[])[notes, other], file => Assert.True(File.Exists(file)));
    }

    [Fact]
    public void Fresh_is_refused_where_somebody_else_made_the_directory()
    {
        var kept = Write("node1/wal/wal-1");

        Assert.Contains("was not made by kv dev", Refusal(isFresh: true));
        Open().Dispose();    // may be used, and is still not ours
        Assert.Contains("was not made by kv dev", Refusal(isFresh: true));
        Assert.True(File.Exists(kept));
    }

    [Fact]
    public void Fresh_is_refused_while_a_node_has_the_directory()
    {
        Open().Dispose();
        var held = Write("node1/wal/lock");
        using (new FileStream(held, FileMode.Open, FileAccess.ReadWrite, FileShare.None))
            Assert.Contains("is in use by a node", Refusal(isFresh: true));

        Assert.True(File.Exists(held));
        Open(isFresh: true).Dispose();
        Assert.False(File.Exists(held));
    }

    [Fact]
    public void Two_launchers_do_not_share_a_directory()
    {
        using (Open())
            Assert.Contains("is in use by another kv dev", Refusal());

        Open().Dispose();
    }

    [Fact]
    public void A_cluster_is_not_started_with_another_number_of_nodes()
    {
        Open(nodes: 3).Dispose();

        Assert.Contains("holds a cluster of 3 nodes: start it with --nodes 3", Refusal(nodes: 5));
        Open(nodes: 5, isFresh: true).Dispose();
        Open(nodes: 5).Dispose();
    }

    [Fact]
    public void A_file_is_no_directory()
    {
        File.WriteAllText(Data, "");

        Assert.StartsWith($"{Data} cannot be used: ", Refusal());
    }

    private DataFolder Open(int nodes = 3, bool isFresh = false) =>
        DataFolder.Open(ClusterTopology.Create(nodes, dataDirectory: Data), isFresh);

    private string Refusal(int nodes = 3, bool isFresh = false)
    {
        var failure = Assert.Throws<FailureException>(() => Open(nodes, isFresh));
        Assert.Equal(1, failure.ExitCode);
        return failure.Message;
    }

    private string Write(string name)
    {
        var path = Path.Combine(Data, name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, name);
        return path;
    }
}
