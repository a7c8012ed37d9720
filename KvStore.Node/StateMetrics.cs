using System.Diagnostics.Metrics;
using KvStore.Core.Replication;
using KvStore.Node.Membership;
using KvStore.Node.Replication;
using KvStore.Node.Storage;
using KvStore.Node.Telemetry;

namespace KvStore.Node;

/// <summary>
/// Tells whoever collects what the node holds, how well its copies follow, and what has gone wrong. Looked up when it
/// is asked for.
/// </summary>
internal sealed class StateMetrics : IHostedService, IDisposable
{
    /// <summary>Entries that a backup may lack and still follows: for less, no snapshot is sent.</summary>
    private const long MostBehind = 1024;

    private readonly Meter _meter;
    private readonly CurrentView _current;
    private readonly PartitionRouter _router;
    private readonly PeerTransport _transport;
    private readonly TimeProvider _time;

    public StateMetrics(
        IMeterFactory meters,
        CurrentView current,
        PartitionRouter router,
        PeerTransport transport,
        NodeStorage storage,
        DiskWatch disk,
        TimeProvider time)
    {
        (_current, _router, _transport, _time) = (current, router, transport, time);
        _meter = meters.Create(NodeTracing.Name);
        ShowReplication();
        Show("kvstore.storage.size", () => Partitions.Sum(replica => replica.Image.Bytes), "By",
            "Keys, values and metadata in memory, of all copies here.");
        Show("kvstore.storage.keys", () => Partitions.Sum(replica => replica.Image.Count), "{key}",
            "Keys, of all copies here.");
        Show("kvstore.wal.size", () => storage.Log.Statistics.Bytes, "By", "The write-ahead log that is kept.");
        _meter.CreateObservableGauge(
            "kvstore.snapshot.age", () => AgeOf(storage.Log), "s", "How old the oldest partition's snapshot is.");
        ShowDisks("kvstore.disk.free", space => space.FreeBytes, "Room that is left.");
        ShowDisks("kvstore.disk.size", space => space.TotalBytes, "Room that there is.");

        void ShowDisks(string name, Func<DiskSpace, long> value, string text) =>
            _meter.CreateObservableUpDownCounter(
                name,
                () => disk.Spaces().Select(known => new Measurement<long>(
                    value(known.Space), new KeyValuePair<string, object?>("kvstore.disk", known.Disk))),
                "By",
                text);
    }

    /// <summary>The replicas that hold keys; none before the cluster is formed.</summary>
    private IEnumerable<PartitionReplica> Partitions => _current.View is null ? [] : _router.Partitions;

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public void Dispose() => _meter.Dispose();

    private void ShowReplication()
    {
        _meter.CreateObservableGauge(
            "kvstore.replication.lag", LongestLag, "s",
            "How long ago the stalest copy here that is no primary had all that its primary had committed.");
        _meter.CreateObservableUpDownCounter(
            "kvstore.replication.backlog", Backlogs, "{entry}", "Entries that a peer lacks of partitions led here.");
        _meter.CreateObservableUpDownCounter(
            "kvstore.partition.replicas", Roles, "{replica}", "Copies here, by what they are.");
        Show("kvstore.partition.under_replicated", () => Partitions.Count(IsUnderReplicated), "{partition}",
            "Partitions led here that fewer copies follow than there should be.");
        Count("kvstore.quorum.failures", () => _router.QuorumFailures, "{request}",
            "Writes and reads that not as many copies as they asked for confirmed in time.");
        Count("kvstore.election.count", () => _router.Elections, "{election}", "Elections that copies here have won.");
        Count("kvstore.expired", () => Partitions.Sum(replica => replica.Expired), "{key}",
            "Keys whose time was over, of partitions led here.");
    }

    private double LongestLag() => Partitions
        .Where(replica => replica.Role != ReplicaRole.Primary)
        .Select(replica => replica.Local.Staleness.TotalSeconds)
        .DefaultIfEmpty()
        .Max();

    private IEnumerable<Measurement<long>> Backlogs() => _transport.Links.Select(link => new Measurement<long>(
        Partitions.SelectMany(replica => replica.Lags).Where(lag => lag.Peer == link.Member).Sum(lag => lag.Entries),
        new KeyValuePair<string, object?>("kvstore.peer", link.Peer)));

    private IEnumerable<Measurement<int>> Roles() => new (string Word, Func<ReplicaRole, bool> Is)[]
    {
        ("primary", role => role is ReplicaRole.Primary),
        ("backup", role => role is ReplicaRole.Backup),
        ("candidate", role => role is ReplicaRole.Candidate or ReplicaRole.PreCandidate),
    }.Select(role => new Measurement<int>(
        Partitions.Count(replica => role.Is(replica.Role)),
        new KeyValuePair<string, object?>("kvstore.role", role.Word)));

    private bool IsUnderReplicated(PartitionReplica replica) =>
        replica.Role == ReplicaRole.Primary
        && 1 + replica.Lags.Count(lag => lag.Entries <= MostBehind && _transport.IsConnected(lag.Peer))
            < _current.View!.KeepersOf(replica.Partition).Length;

    private IEnumerable<Measurement<double>> AgeOf(LogStorage log) => log.Statistics.OldestSnapshot is { } oldest
        ? [new((_time.GetUtcNow() - oldest).TotalSeconds)]
        : [];

    private void Show(string name, Func<long> value, string unit, string text) =>
        _meter.CreateObservableUpDownCounter(name, value, unit, text);

    private void Count(string name, Func<long> value, string unit, string text) =>
        _meter.CreateObservableCounter(name, value, unit, text);
}
