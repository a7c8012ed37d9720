using System.ComponentModel.DataAnnotations;
using System.Globalization;
using KvStore.ServiceDefaults;

namespace KvStore.Node.Options;

/// <summary>
/// What a node is told by its environment. The learning project's variables (<c>NODE_NAME</c>, <c>PORT</c>,
/// <c>CURRENT_NODE_URL</c>, <c>CLUSTER_NODES</c>, <c>REPLICATION_FACTOR</c>) mean what they mean there.
/// </summary>
internal sealed class NodeOptions
{
    /// <summary>The variable of the HTTP port; others may say it too, see <see cref="ListenAddresses"/>.</summary>
    public const string PortVariable = "PORT";

    /// <summary>The HTTP port when no variable says it.</summary>
    public const int DefaultPort = 8000;

    /// <summary>Unique in the cluster, and for ever the name of this node's disk.</summary>
    [Required]
    [RegularExpression(
        "^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$",
        ErrorMessage = "NODE_NAME must be 1 to 63 letters, digits, dots, dashes or underscores, a letter or digit first and last.")]
    public string Name { get; set; } = "";

    /// <summary>Where clients and other nodes reach this one.</summary>
    [Required]
    public Uri Url { get; set; } = new($"http://localhost:{DefaultPort}");

    /// <summary>The members of a new cluster, this one among them or not.</summary>
    public IReadOnlyList<Uri> Cluster { get; set; } = [];

    /// <summary>Copies of each partition.</summary>
    [Range(1, 7, ErrorMessage = "REPLICATION_FACTOR must be a number from 1 to 7.")]
    public int ReplicationFactor { get; set; } = 3;

    /// <summary>Partitions of a new cluster; a power of two.</summary>
    [Range(1, 4096, ErrorMessage = "KVSTORE_PARTITIONS must be a power of two from 1 to 4096.")]
    public int Partitions { get; set; } = 64;

    /// <summary>The port of the links between nodes.</summary>
    [Range(1, 65535, ErrorMessage = "KVSTORE_PEER_PORT must be a port from 1 to 65535.")]
    public int PeerPort { get; set; }

    /// <summary>Where the write-ahead log is.</summary>
    [Required]
    public string WalDirectory { get; set; } = "";

    /// <summary>Where snapshots are.</summary>
    [Required]
    public string SnapshotDirectory { get; set; } = "";

    /// <summary>Every partition that changed is captured this often.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "1.00:00:00", ErrorMessage = "KVSTORE_SNAPSHOT_INTERVAL must be from 1s to 24h.")]
    public TimeSpan SnapshotInterval { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>The length of one tick of the replicas' patience.</summary>
    [Range(typeof(TimeSpan), "00:00:00.005", "00:00:10", ErrorMessage = "KVSTORE_TICK must be from 5ms to 10s.")]
    public TimeSpan Tick { get; set; } = TimeSpan.FromMilliseconds(50);

    /// <summary>Loops that own the replicas; 0: one per two cores.</summary>
    [Range(0, 64, ErrorMessage = "KVSTORE_LOOPS must be a number from 0 to 64.")]
    public int Loops { get; set; }

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
            WalDirectory = Path.GetFullPath(read.Text("KVSTORE_WAL_DIR") ?? Path.Combine("data", name, "wal")),
            SnapshotDirectory =
                Path.GetFullPath(read.Text("KVSTORE_SNAPSHOT_DIR") ?? Path.Combine("data", name, "snapshots")),
            SnapshotInterval = read.Duration("KVSTORE_SNAPSHOT_INTERVAL") ?? TimeSpan.FromMinutes(5),
            Tick = read.Duration("KVSTORE_TICK") ?? TimeSpan.FromMilliseconds(50),
            Loops = read.Number("KVSTORE_LOOPS") ?? 0,
        };
    }

    private static int PeerPortOf(int port) => port <= 55535
        ? port + 10000
        : throw new StartupException(
            $"The API listens on {port}, so its peer port would be {port + 10000}; set KVSTORE_PEER_PORT to a port.");
}
