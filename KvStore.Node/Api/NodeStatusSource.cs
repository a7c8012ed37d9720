using System.Collections.Immutable;
using System.Reflection;
using KvStore.Contracts;
using KvStore.Core.Primitives;
using KvStore.Core.Replication;
using KvStore.Node.Membership;
using KvStore.Node.Options;
using KvStore.Node.Replication;
using KvStore.Node.Storage;
using Microsoft.Extensions.Options;

namespace KvStore.Node.Api;

/// <summary>Describes the node and its cluster to those who ask over HTTP.</summary>
internal sealed class NodeStatusSource(
    NodeIdentity self,
    CurrentView current,
    PartitionRouter router,
    PeerTransport transport,
    PeerDirectory directory,
    NodeStorage storage,
    DiskWatch disk,
    NodeEnd end,
    RequestCount requests,
    IOptions<NodeOptions> options,
    TimeProvider time) : INodeStatus
{
    private static readonly string ProductVersion =
        typeof(NodeStatusSource).Assembly
            .GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion;

    private readonly long _startedAt = time.GetTimestamp();

    public string Name => self.Name;

    public bool IsStopping => end.IsStopping;

    public bool IsServing => current.Formed.IsCompleted
        && router.Partitions.All(replica => replica.Hint.Primary != NodeId.None);

    public NodeStatus Status()
    {
        var view = current.View;
        var replicas = view is null ? [] : router.Partitions.ToList();
        var described = view is null ? null : ClusterDocument.From(view);
        return new NodeStatus
        {
            Name = self.Name,
            Url = self.Url.GetLeftPart(UriPartial.Authority),
            Version = ProductVersion,
            State = end.IsStopping ? "stopping" : view is null ? "forming" : "serving",
            Detail = current.WaitingFor,
            Incarnation = ClusterDocument.Hex(self.Incarnation),
            PeerPort = self.PeerPort,
            Partitions = view?.Ring.PartitionCount ?? options.Value.Partitions,
            ReplicationFactor = view?.Ring.ReplicationFactor ?? options.Value.ReplicationFactor,
            ClusterId = view is null ? null : ClusterDocument.Hex(view.ClusterId),
            FormerClusterId = view is null && storage.Directory.Rejoin is { } rejoin
                ? ClusterDocument.Hex(rejoin.ClusterId)
                : null,
            Epoch = view?.Epoch.Value ?? 0,
            Members = described?.Members ?? [],
            Founders = described?.Founders ?? 0,
            Removed = described?.Removed ?? [],
            UptimeSeconds = time.GetElapsedTime(_startedAt).TotalSeconds,
            Replicas = CountRoles(replicas),
            PrimaryKeys = replicas.Where(IsPrimary).Sum(replica => replica.Image.Count),
            Keys = replicas.Sum(replica => replica.Image.Count),
            Bytes = replicas.Sum(replica => replica.Image.Bytes),
            Requests = requests.Count,
            Log = LogStatus(),
            Disk = disk.IsLow ? NodeStatus.DiskLow : null,
            Peers = Peers(replicas),
        };
    }

    public ClusterStatus? Cluster()
    {
        if (current.View is not { } view)
            return null;
        var hints = ImmutableArray.CreateBuilder<PrimaryHint>(view.Ring.PartitionCount);
        for (var number = 0; number < view.Ring.PartitionCount; number++)
        {
            var (primary, term) = router.PrimaryOf(new PartitionId(number));
            hints.Add(new PrimaryHint(primary.Value, term.Value));
        }

        return new ClusterStatus
        {
            ClusterId = ClusterDocument.Hex(view.ClusterId),
            Epoch = view.Epoch.Value,
            Partitions = view.Ring.PartitionCount,
            ReplicationFactor = view.Ring.ReplicationFactor,
            Members =
            [
                .. view.Members.Select(member => new ClusterMember(
                    member.Id.Value, member.Name, directory.UrlOf(member.Id)?.GetLeftPart(UriPartial.Authority))),
            ],
            Primaries = hints.MoveToImmutable(),
        };
    }

    private static bool IsPrimary(PartitionReplica replica) => replica.Role == ReplicaRole.Primary;

    private static RoleCounts CountRoles(List<PartitionReplica> replicas) => new(
        replicas.Count(IsPrimary),
        replicas.Count(replica => replica.Role == ReplicaRole.Backup),
        replicas.Count(replica => replica.Role is ReplicaRole.Candidate or ReplicaRole.PreCandidate));

    private LogStatus LogStatus()
    {
        var stats = storage.Log.Statistics;
        var age = stats.OldestSnapshot is { } oldest ? (time.GetUtcNow() - oldest).TotalSeconds : (double?)null;
        return new LogStatus(stats.Segments, stats.Bytes, age);
    }

    private ImmutableArray<PeerStatus> Peers(List<PartitionReplica> replicas) => current.View is not { } view
        ? []
        : [.. view.Members.Where(member => member.Id != current.Self).Select(member => new PeerStatus(
            member.Name,
            directory.UrlOf(member.Id)?.GetLeftPart(UriPartial.Authority),
            transport.IsConnected(member.Id),
            replicas.SelectMany(replica => replica.Lags).Where(lag => lag.Peer == member.Id).Sum(lag => lag.Entries)))];
}
