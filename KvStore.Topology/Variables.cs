namespace KvStore.Topology;

/// <summary>The environment variables of a cluster's programs, as the programs read them.</summary>
public static class Variables
{
    /// <summary>A node's name: unique in the cluster, and for ever the name of its disk.</summary>
    public const string NodeName = "NODE_NAME";

    /// <summary>The port of a node's HTTP API.</summary>
    public const string NodePort = "PORT";

    /// <summary>Where clients and other nodes reach a node.</summary>
    public const string NodeUrl = "CURRENT_NODE_URL";

    /// <summary>The URLs of all nodes of a new cluster, comma separated.</summary>
    public const string ClusterNodes = "CLUSTER_NODES";

    /// <summary>Copies of each partition of a new cluster.</summary>
    public const string ReplicationFactor = "REPLICATION_FACTOR";

    /// <summary>Partitions of a new cluster.</summary>
    public const string Partitions = "KVSTORE_PARTITIONS";

    /// <summary>What the nodes of a cluster prove to each other that they know.</summary>
    public const string ClusterSecret = "KVSTORE_CLUSTER_SECRET";

    /// <summary>The port of a node's links to other nodes.</summary>
    public const string PeerPort = "KVSTORE_PEER_PORT";

    /// <summary>Where a node's write-ahead log is.</summary>
    public const string WalDirectory = "KVSTORE_WAL_DIR";

    /// <summary>Where a node's snapshots are.</summary>
    public const string SnapshotDirectory = "KVSTORE_SNAPSHOT_DIR";

    /// <summary>The port of the balancer.</summary>
    public const string BalancerPort = "LB_PORT";

    /// <summary>The URLs of all nodes, comma separated; wins over <see cref="Service"/>.</summary>
    public const string DatabaseNodes = "DATABASE_NODES";

    /// <summary>
    /// <c>true</c> makes a program stop in order when its standard input ends, and so with whoever started it.
    /// </summary>
    public const string StopWithInput = "KVSTORE_STOP_WITH_STDIN";

    /// <summary>
    /// <c>true</c> lets a program listen where other machines reach it, although nobody is asked who they are.
    /// </summary>
    public const string AllowAnonymous = "KvStore__AllowAnonymous";

    /// <summary>Tells of a service's HTTP address, as .NET Aspire does: <c>services__node1__http__0</c>.</summary>
    public static string Service(string name) => $"services__{name}__http__0";
}
