using KvStore.Cli.Cluster;
using KvStore.Contracts;
using KvStore.Core.Primitives;
using KvStore.Core.Ring;

namespace KvStore.Tests.Cli.Cluster;

/// <summary>A cluster of three nodes as its door and its nodes would tell of it; each leads what it should.</summary>
internal static class Sketch
{
    public const int Partitions = 16;

    private const string ClusterId = "00000000c0ffee00";

    private static readonly HashRing Ring = new(
        [.. Enumerable.Range(1, 3).Select(id => (new NodeId(id), $"node{id}"))], Partitions, 3);

    public static ClusterStatus Cluster { get; } = new()
    {
        ClusterId = ClusterId,
        Epoch = 7,
        Partitions = Partitions,
        ReplicationFactor = 3,
        Members = [.. Enumerable.Range(1, 3).Select(id => new ClusterMember(id, $"node{id}", UrlOf(id)))],
        Primaries = [.. Enumerable.Range(0, Partitions).Select(number => new PrimaryHint(PreferredOf(number), 1))],
    };

    public static int PreferredOf(int partition) => Ring.PreferenceList(new(partition))[0].Value;

    public static string UrlOf(int id) => $"http://10.0.0.{id}:8001";

    /// <summary>What the balancer says; of each node what is given, or that it is up.</summary>
    public static ClusterHealth Health(string status, params (int Id, NodeHealth Node)[] others) => new(
        status,
        [.. Enumerable.Range(1, 3).Select(id => others.FirstOrDefault(other => other.Id == id).Node
            ?? new NodeHealth($"node{id}", UrlOf(id), "up", Cluster.Primaries.Count(hint => hint.Member == id)))],
        Cluster.Epoch);

    public static NodeHealth Down(int id, double? seconds) => new($"node{id}", UrlOf(id), "down", 0, seconds);

    /// <summary>What a node says of itself and of the cluster.</summary>
    public static NodeAnswer Answer(int id, ClusterStatus? cluster = null) =>
        new(UrlOf(id), Status(id), cluster ?? Cluster);

    public static NodeStatus Status(int id) => new()
    {
        Name = $"node{id}",
        Url = UrlOf(id),
        Version = "1.2.3+0123456789",
        State = "serving",
        Incarnation = $"000000000000000{id}",
        PeerPort = 1,
        Partitions = Partitions,
        ReplicationFactor = 3,
        ClusterId = ClusterId,
        Epoch = 7,
        Members = [],
        Founders = 3,
        Removed = [],
        UptimeSeconds = 1,
        Replicas = new(id, Partitions - id, 0),
        PrimaryKeys = 1,
        Keys = 2,
        Bytes = 3,
        Requests = 4,
        Log = new(1, 5, null),
        Peers =
        [
            .. Enumerable.Range(1, 3).Where(peer => peer != id).Select(peer => new PeerStatus(
                $"node{peer}", UrlOf(peer), true, 100 * peer)),
        ],
    };
}
