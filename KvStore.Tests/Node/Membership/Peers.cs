using System.Text.Json;
using KvStore.Contracts;
using KvStore.Core.Membership;
using KvStore.Node.Membership;

namespace KvStore.Tests.Node.Membership;

/// <summary>What other nodes say of themselves.</summary>
internal static class Peers
{
    public static NodeStatus Status(
        string name, ulong incarnation, ClusterView? view = null, int partitions = 8, int copies = 3) =>
        new()
        {
            Name = name,
            Url = $"http://{name}:8000",
            Version = "1",
            State = view is null ? "forming" : "serving",
            Incarnation = ClusterDocument.Hex(incarnation),
            PeerPort = 18000,
            Partitions = view?.Ring.PartitionCount ?? partitions,
            ReplicationFactor = view?.Ring.ReplicationFactor ?? copies,
            ClusterId = view is null ? null : ClusterDocument.Hex(view.ClusterId),
            Epoch = view?.Epoch.Value ?? 0,
            Members = view is null ? [] : ClusterDocument.From(view).Members,
            Founders = view?.Founders ?? 0,
            Removed = view is null ? [] : ClusterDocument.From(view).Removed,
            UptimeSeconds = 1,
            Replicas = new RoleCounts(0, 0, 0),
            PrimaryKeys = 0,
            Keys = 0,
            Bytes = 0,
            Requests = 0,
            Log = new LogStatus(1, 1, null),
            Peers = [],
        };

    public static string Json(NodeStatus status) => JsonSerializer.Serialize(status, ContractsJson.Default.NodeStatus);
}
