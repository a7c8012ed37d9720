using System.Collections.Immutable;
using KvStore.Contracts;

namespace KvStore.Cli.Cluster;

/// <summary>Puts together what a door and nodes said.</summary>
internal static class PictureMaker
{
    /// <summary>Of a cluster behind a balancer.</summary>
    public static ClusterPicture ByBalancer(
        ClusterHealth health, ClusterStatus? cluster, IReadOnlyCollection<NodeAnswer?> answers)
    {
        ImmutableArray<NodePicture> nodes = [.. health.Nodes.Select(node =>
        {
            var said = answers.FirstOrDefault(answer => answer?.Url == node.Url)?.Status;
            return Of(said, answers) with
            {
                Name = node.Name,
                Url = node.Url,
                Status = node.Status,
                Primaries = node.Primaries,
                DownSeconds = node.DownSeconds,
                Detail = said?.Detail,
            };
        })];
        return Complete(health.Status, health.Epoch, nodes, cluster, answers);
    }

    /// <summary>Of the cluster of a node, as far as that knows it.</summary>
    public static ClusterPicture ByNode(
        NodeStatus door, ClusterStatus? cluster, IReadOnlyCollection<NodeAnswer?> answers)
    {
        var told = answers.Select(answer => answer?.Cluster).Append(cluster);
        var primaries = RingPicture.PrimariesOf(cluster?.Partitions ?? 0, told);
        var members = cluster?.Members ?? [new(0, door.Name, door.Url)];
        ImmutableArray<NodePicture> nodes = [.. members.Select(member =>
        {
            var said = member.Name == door.Name
                ? door
                : answers.FirstOrDefault(answer => answer?.Status.Name == member.Name)?.Status;
            return Of(said, answers) with
            {
                Name = member.Name,
                Url = said?.Url ?? member.Url,
                Status = StateOf(said, door.Peers.FirstOrDefault(peer => peer.Name == member.Name)),
                Primaries = primaries.Count(name => name == member.Name),
                Detail = said?.Detail,
            };
        })];
        return Complete(door.State, door.Epoch, nodes, cluster, answers) with { Door = door };
    }

    private static ClusterPicture Complete(
        string status,
        long epoch,
        ImmutableArray<NodePicture> nodes,
        ClusterStatus? cluster,
        IReadOnlyCollection<NodeAnswer?> answers)
    {
        var up = nodes.Where(node => node.IsUp).Select(node => node.Name).OfType<string>().ToHashSet();
        var picture = new ClusterPicture
        {
            Status = status,
            Nodes = nodes,
            Epoch = epoch,
            ClusterId = cluster?.ClusterId,
            ReplicationFactor = cluster?.ReplicationFactor,
            Ring = cluster is null
                ? null
                : RingPicture.Of(cluster, answers.Select(answer => answer?.Cluster).Append(cluster), up),
        };
        return picture with { Problems = [.. Diagnosis.Of(picture)] };
    }

    /// <summary>What it says of itself, and the others of it.</summary>
    private static NodePicture Of(NodeStatus? said, IReadOnlyCollection<NodeAnswer?> answers) => new()
    {
        Status = "",
        Primaries = 0,
        Backups = said?.Replicas.Backup,
        LagEntries = said is null ? null : LagOf(said.Name, answers),
        Version = said?.Version.Split('+')[0],
        Disk = said is null ? null : said.Disk ?? "ok",
        Keys = said?.Keys,
        Bytes = said?.Bytes,
        LogBytes = said?.Log.Bytes,
        UptimeSeconds = said?.UptimeSeconds,
        Requests = said?.Requests,
    };

    private static long LagOf(string name, IEnumerable<NodeAnswer?> answers) => answers
        .OfType<NodeAnswer>()
        .SelectMany(answer => answer.Status.Peers)
        .Where(peer => peer.Name == name)
        .Sum(peer => peer.LagEntries);

    private static string StateOf(NodeStatus? said, PeerStatus? link) => said switch
    {
        { State: NodeStates.Serving } => NodeStates.Up,
        not null => said.State,
        null => link is { IsConnected: true } ? NodeStates.Up : NodeStates.Down,
    };
}
