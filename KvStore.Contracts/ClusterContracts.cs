using System.Collections.Immutable;

namespace KvStore.Contracts;

/// <summary>Answer to <c>GET /</c> on a node.</summary>
public sealed record NodeStatus
{
    /// <summary>A disk that is nearly full: values can be read and deleted, not stored.</summary>
    public const string DiskLow = "low";

    /// <summary>The node's name; unique in its cluster.</summary>
    public required string Name { get; init; }

    /// <summary>Where clients and other nodes reach it.</summary>
    public required string Url { get; init; }

    /// <summary>The product's version.</summary>
    public required string Version { get; init; }

    /// <summary>
    /// <c>forming</c> (waiting to hear from all members of a new cluster), <c>serving</c> or <c>stopping</c>.
    /// </summary>
    public required string State { get; init; }

    /// <summary>What the node waits for, in a sentence; absent when serving.</summary>
    public string? Detail { get; init; }

    /// <summary>Names the node's disk: 16 hexadecimal digits.</summary>
    public required string Incarnation { get; init; }

    /// <summary>The port of its links to other nodes.</summary>
    public required int PeerPort { get; init; }

    /// <summary>Partitions and copies it was started with, or those of the cluster once it belongs to one.</summary>
    public required int Partitions { get; init; }

    /// <summary>Copies of each partition.</summary>
    public required int ReplicationFactor { get; init; }

    /// <summary>The cluster it belongs to: 16 hexadecimal digits; absent while forming.</summary>
    public string? ClusterId { get; init; }

    /// <summary>
    /// The cluster whose data was damaged here: the node waits to be taken in by that one again. Absent otherwise.
    /// </summary>
    public string? FormerClusterId { get; init; }

    /// <summary>Version of its cluster view; 0 while forming.</summary>
    public required long Epoch { get; init; }

    /// <summary>All members of its cluster; empty while forming.</summary>
    public required ImmutableArray<MemberStatus> Members { get; init; }

    /// <summary>How many members the cluster was born with: those with the ids 1 to this; 0 while forming.</summary>
    public required int Founders { get; init; }

    /// <summary>Members that were: their disks are never taken in again.</summary>
    public required ImmutableArray<MemberStatus> Removed { get; init; }

    /// <summary>Seconds since the process started.</summary>
    public required double UptimeSeconds { get; init; }

    /// <summary>Its replicas by role.</summary>
    public required RoleCounts Replicas { get; init; }

    /// <summary>Keys in the partitions it is primary of.</summary>
    public required long PrimaryKeys { get; init; }

    /// <summary>Keys in all its replicas.</summary>
    public required long Keys { get; init; }

    /// <summary>Bytes of keys and values in all its replicas.</summary>
    public required long Bytes { get; init; }

    /// <summary>Requests for keys and buckets since it started, of clients and of other nodes.</summary>
    public required long Requests { get; init; }

    /// <summary>The write-ahead log.</summary>
    public required LogStatus Log { get; init; }

    /// <summary><see cref="DiskLow"/> while it has no room for new values; absent otherwise.</summary>
    public string? Disk { get; init; }

    /// <summary>The other members as seen from here.</summary>
    public required ImmutableArray<PeerStatus> Peers { get; init; }
}

/// <summary>Who belongs to a cluster and what it is cut into: all that a node needs to take part.</summary>
/// <param name="ClusterId">16 hexadecimal digits.</param>
/// <param name="Epoch">The version of this view.</param>
/// <param name="Partitions">Number of partitions.</param>
/// <param name="ReplicationFactor">Copies of each partition.</param>
/// <param name="Founders">How many members it was born with: those with the ids 1 to this.</param>
/// <param name="Members">All members.</param>
/// <param name="Removed">Members that were.</param>
public sealed record ViewDocument(
    string ClusterId,
    long Epoch,
    int Partitions,
    int ReplicationFactor,
    int Founders,
    ImmutableArray<MemberStatus> Members,
    ImmutableArray<MemberStatus> Removed);

/// <summary>
/// <c>POST /admin/nodes</c>: a node that the cluster knows by name stands on another disk (16 hexadecimal digits) and
/// asks to be taken in with it. Answered by the <see cref="ViewDocument"/> in which it is.
/// </summary>
/// <param name="Name">The name that the cluster knows.</param>
/// <param name="Incarnation">Names the disk that it has now: 16 hexadecimal digits.</param>
public sealed record JoinRequest(string Name, string Incarnation);

/// <summary>
/// <c>/admin/faults</c>, for development only: what the node's disk does wrong; empty when nothing is.
/// </summary>
/// <param name="Faults">Failures and their settings, separated by commas, as <c>KVSTORE_FAULTS</c> has them.</param>
public sealed record FaultsDocument(string Faults);

/// <summary>One member of a cluster.</summary>
/// <param name="Id">Its number; never given twice.</param>
/// <param name="Name">The name of its node.</param>
/// <param name="Incarnation">Names its disk: 16 hexadecimal digits.</param>
public sealed record MemberStatus(int Id, string Name, string Incarnation);

/// <summary>How many replicas of a node are what.</summary>
/// <param name="Primary">Those that order writes.</param>
/// <param name="Backup">Those that follow.</param>
/// <param name="Candidate">Those that ask for votes.</param>
public sealed record RoleCounts(int Primary, int Backup, int Candidate);

/// <summary>A node's write-ahead log.</summary>
/// <param name="Segments">Files.</param>
/// <param name="Bytes">Bytes written to them.</param>
/// <param name="OldestSnapshotSeconds">
/// Age of the oldest partition snapshot saved since the start; absent when there is none.
/// </param>
public sealed record LogStatus(int Segments, long Bytes, double? OldestSnapshotSeconds);

/// <summary>A peer as seen from a node.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Url">Where it was last reached; absent when it never was.</param>
/// <param name="IsConnected">Whether the link to it is up.</param>
/// <param name="LagEntries">Over the partitions led here, how many entries its copies lack.</param>
public sealed record PeerStatus(string Name, string? Url, bool IsConnected, long LagEntries);

/// <summary>Answer to <c>GET /admin/cluster</c>: all that is needed to find the node for a key.</summary>
public sealed record ClusterStatus
{
    /// <summary>16 hexadecimal digits.</summary>
    public required string ClusterId { get; init; }

    /// <summary>Version of the view.</summary>
    public required long Epoch { get; init; }

    /// <summary>Number of partitions.</summary>
    public required int Partitions { get; init; }

    /// <summary>Copies of each partition.</summary>
    public required int ReplicationFactor { get; init; }

    /// <summary>All members.</summary>
    public required ImmutableArray<ClusterMember> Members { get; init; }

    /// <summary>Per partition, in order: who this node believes is primary.</summary>
    public required ImmutableArray<PrimaryHint> Primaries { get; init; }
}

/// <summary>One member, with where it was last reached.</summary>
/// <param name="Id">Its number.</param>
/// <param name="Name">The name of its node.</param>
/// <param name="Url">Where it was last reached; absent when it never was.</param>
public sealed record ClusterMember(int Id, string Name, string? Url);

/// <summary>Answer to <c>POST /admin/snapshots</c>: of one node, or, through the balancer, of all.</summary>
/// <param name="Nodes">What each has captured.</param>
public sealed record SnapshotResponse(ImmutableArray<NodeSnapshot> Nodes);

/// <summary>What a node has captured.</summary>
/// <param name="Name">The node.</param>
/// <param name="Partitions">Those that had changed since they were last captured.</param>
public sealed record NodeSnapshot(string Name, int Partitions);

/// <summary>The believed primary of a partition (member id, 0: none known) and the term it was seen in.</summary>
/// <param name="Member">Its number; 0: none is known.</param>
/// <param name="Term">The term it was seen in.</param>
public sealed record PrimaryHint(int Member, long Term)
{
    /// <summary>
    /// Whether it is news to who believes in another: it names a primary, and of a later term, or none was known. One
    /// of the same term is not: who was learned from an answer instead is primary of a later term than was told.
    /// </summary>
    /// <param name="member">The member that is believed to be primary; 0: none.</param>
    /// <param name="term">The highest term in which one was named.</param>
    public bool IsNewsTo(int member, long term) => Member != 0 && (Term > term || member == 0);
}

/// <summary>Answer to <c>GET /health</c> on the balancer: how well the cluster can serve.</summary>
/// <param name="Status"><see cref="Healthy"/>, <see cref="Degraded"/> or <see cref="Unavailable"/>.</param>
/// <param name="Nodes">Every configured node.</param>
/// <param name="Epoch">Version of the cluster's view; 0 while none is known.</param>
public sealed record ClusterHealth(string Status, ImmutableArray<NodeHealth> Nodes, long Epoch)
{
    /// <summary>Every node is up and every partition has a primary.</summary>
    public const string Healthy = "healthy";

    /// <summary>Something is down, and every partition can be read and written.</summary>
    public const string Degraded = "degraded";

    /// <summary>A partition has no majority.</summary>
    public const string Unavailable = "unavailable";
}

/// <summary>A node as the balancer sees it.</summary>
/// <param name="Name">Absent until it told it.</param>
/// <param name="Url">Where it was looked for.</param>
/// <param name="Status"><c>up</c>, <c>down</c>, or what it says of itself when that is not <c>serving</c>.</param>
/// <param name="Primaries">Partitions whose primary it is believed to be.</param>
/// <param name="DownSeconds">
/// Seconds since it was found to be down; absent while it is up, or was never up.
/// </param>
public sealed record NodeHealth(
    string? Name, string Url, string Status, int Primaries, double? DownSeconds = null);
