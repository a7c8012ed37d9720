using System.Globalization;
using KvStore.ServiceDefaults;

namespace KvStore.Node.Options;

/// <summary>
/// What a node is told by its environment. The learning project's variables (<c>NODE_NAME</c>, <c>PORT</c>,
/// <c>CURRENT_NODE_URL</c>, <c>CLUSTER_NODES</c>, <c>REPLICATION_FACTOR</c>) mean what they mean there. Ranges are
/// proved by <see cref="NodeOptionsValidator"/>.
/// </summary>
internal sealed class NodeOptions
{
    /// <summary>Unique in the cluster, and for ever the name of this node's disk.</summary>
    public string Name { get; set; } = "";

    /// <summary>Where clients and other nodes reach this one.</summary>
    public Uri Url { get; set; } = new("http://localhost:8000");

    /// <summary>The members of a new cluster, this one among them or not.</summary>
    public IReadOnlyList<Uri> Cluster { get; set; } = [];

    /// <summary>Copies of each partition.</summary>
    public int ReplicationFactor { get; set; } = 3;

    /// <summary>Partitions of a new cluster; a power of two.</summary>
    public int Partitions { get; set; } = 64;

    /// <summary>The port of the links between nodes.</summary>
    public int PeerPort { get; set; }

    /// <summary>What only the nodes of the cluster know; null: nobody is asked.</summary>
    public string? ClusterSecret { get; set; }

    /// <summary>Where the write-ahead log is.</summary>
    public string WalDirectory { get; set; } = "";

    /// <summary>Where snapshots are.</summary>
    public string SnapshotDirectory { get; set; } = "";

    /// <summary>Every partition that changed is captured this often.</summary>
    public TimeSpan SnapshotInterval { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>The states of all copies of a partition that changed are compared about this often.</summary>
    public TimeSpan CompareInterval { get; set; } = TimeSpan.FromMinutes(1);

    /// <summary>The length of one tick of the replicas' patience.</summary>
    public TimeSpan Tick { get; set; } = TimeSpan.FromMilliseconds(50);

    /// <summary>
    /// What becomes of a damaged disk: its files are set aside and the node rejoins its cluster as another member; or,
    /// false, the node ends.
    /// </summary>
    public bool RejoinsOnDamage { get; set; } = true;

    /// <summary>Loops that own the replicas; 0: one per two cores.</summary>
    public int Loops { get; set; }

    /// <summary>Changes that are kept for watches, over all partitions.</summary>
    public int HistoryChanges { get; set; } = 100_000;

    /// <summary>Bytes of those changes.</summary>
    public int HistoryBytes { get; set; } = 64 << 20;

    /// <summary>Reads the environment; says what is wrong with it.</summary>
    /// <param name="configuration">With the environment's variables.</param>
    /// <param name="port">Where the API listens.</param>
    /// <exception cref="StartupException">A variable has a value that means nothing.</exception>
    public static NodeOptions From(IConfiguration configuration, int port)
    {
        var read = new EnvironmentReader(configuration);
        var name = read.Text("NODE_NAME") ?? string.Create(CultureInfo.InvariantCulture, $"node-{port}");
        return new NodeOptions
        {
            Name = name,
            Url = read.Url("CURRENT_NODE_URL") ?? new Uri($"http://localhost:{port}"),
            Cluster = read.Urls("CLUSTER_NODES") ?? read.DiscoveredUrls(),
            ReplicationFactor = read.Number("REPLICATION_FACTOR") ?? 3,
            Partitions = read.Number("KVSTORE_PARTITIONS") ?? 64,
            PeerPort = read.Port("KVSTORE_PEER_PORT") ?? PeerPortOf(port),
            ClusterSecret = read.Text("KVSTORE_CLUSTER_SECRET"),
            WalDirectory = Path.GetFullPath(read.Text("KVSTORE_WAL_DIR") ?? Path.Combine("data", name, "wal")),
            SnapshotDirectory =
                Path.GetFullPath(read.Text("KVSTORE_SNAPSHOT_DIR") ?? Path.Combine("data", name, "snapshots")),
            SnapshotInterval = read.Duration("KVSTORE_SNAPSHOT_INTERVAL") ?? TimeSpan.FromMinutes(5),
            CompareInterval = read.Duration("KVSTORE_COMPARE_INTERVAL") ?? TimeSpan.FromMinutes(1),
            Tick = read.Duration("KVSTORE_TICK") ?? TimeSpan.FromMilliseconds(50),
            RejoinsOnDamage = read.Word("KVSTORE_ON_DAMAGE", "rejoin", "stop") == "rejoin",
            Loops = read.Number("KVSTORE_LOOPS") ?? 0,
            HistoryChanges = read.Number("KVSTORE_HISTORY_CHANGES") ?? 100_000,
            HistoryBytes = read.Number("KVSTORE_HISTORY_BYTES") ?? 64 << 20,
        };
    }

    private static int PeerPortOf(int port) => port <= 55535
        ? port + 10000
        : throw new StartupException(
            $"The API listens on {port}, so its peer port would be {port + 10000}; set KVSTORE_PEER_PORT to a port.");
}
