using KvStore.Contracts;
using KvStore.Node.Api;

namespace KvStore.Tests.Node.Api;

/// <summary>What a node would say of itself.</summary>
internal sealed class FakeStatus(string name) : INodeStatus
{
    public string Name => name;

    public bool IsStopping { get; set; }

    public bool IsServing { get; set; } = true;

    public bool IsForming { get; set; }

    public NodeStatus Status() => new()
    {
        Name = name,
        Url = "http://localhost:8001",
        Version = "1.2.3",
        State = "serving",
        Incarnation = "00000000000000ab",
        PeerPort = 18001,
        Partitions = 16,
        ReplicationFactor = 3,
        Epoch = 1,
        Founders = 0,
        Removed = [],
        Members = [new MemberStatus(1, name, "00000000000000ab")],
        UptimeSeconds = 1,
        Replicas = new RoleCounts(16, 0, 0),
        PrimaryKeys = 3,
        Keys = 3,
        Bytes = 30,
        Requests = 5,
        Log = new LogStatus(1, 100, null),
        Peers = [],
    };

    public ClusterStatus? Cluster() => IsForming ? null : new ClusterStatus
    {
        ClusterId = "0000000000c0ffee",
        Epoch = 1,
        Partitions = 16,
        ReplicationFactor = 3,
        Members =
        [
            new ClusterMember(1, name, "http://localhost:8001"), new ClusterMember(2, "node2", "http://localhost:8002"),
        ],
        Primaries = [new PrimaryHint(1, 1)],
    };
}
