using KvStore.Core.Membership;
using KvStore.Core.Primitives;
using KvStore.Node.Membership;
using KvStore.Node.Options;
using KvStore.Node.Replication;
using KvStore.Node.Storage;
using Microsoft.Extensions.Logging.Abstractions;

namespace KvStore.Tests.Node.Replication;

/// <summary>A router on a directory of its own; its log flushes at once, nobody hears what it sends.</summary>
internal sealed class RouterFixture : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("kvstore-router-").FullName;
    private readonly PeerDirectory _peers;
    private readonly FaultSwitch _faults = new(TimeProvider.System);

    public RouterFixture(int members = 1, int replicationFactor = 3, int partitions = 8, int loops = 2)
    {
        NodeOptions options = new()
        {
            Name = "node1",
            Partitions = partitions,
            ReplicationFactor = replicationFactor,
            Loops = loops,
            WalDirectory = Path.Combine(_directory, "wal"),
            SnapshotDirectory = Path.Combine(_directory, "snapshots"),
        };
        var wrapped = Microsoft.Extensions.Options.Options.Create(options);
        var storage = Microsoft.Extensions.Options.Options.Create(new StorageOptions { SegmentBytes = 1 << 20 });
        var files = new FaultyFileSystem(new PhysicalFileSystem(), _faults);
        Storage = new NodeStorage(
            wrapped,
            storage,
            files,
            TimeProvider.System,
            NullLogger<NodeStorage>.Instance);
        Disk = new DiskWatch(Storage, files, storage, TimeProvider.System, NullLogger<DiskWatch>.Instance);
        Self = new NodeIdentity("node1", options.Url, 1, Storage.Directory.Incarnation);
        View = ClusterView.Birth(
            Enumerable.Range(1, members)
                .Select(number => ($"node{number}", number == 1 ? Self.Incarnation : (ulong)number)),
            partitions,
            replicationFactor);
        _peers = new PeerDirectory(Self, options, Current);
        End = new NodeEnd(Ends.Add);
        Router = new PartitionRouter(
            Current,
            _peers,
            Storage,
            Disk,
            new FakeOutlets { FlushesAtOnce = true },
            wrapped,
            TimeProvider.System,
            NullLogger<PartitionRouter>.Instance);
        Transport = new PeerTransport(Current, Self, _peers, Storage, End, NullLogger<PeerTransport>.Instance);
        Comparer = new StateComparer(Current, Router, Transport, Storage, End, TimeProvider.System, Log);
    }

    public CurrentView Current { get; } = new();

    public NodeIdentity Self { get; }

    public ClusterView View { get; }

    public NodeStorage Storage { get; }

    public PartitionRouter Router { get; }

    public NodeEnd End { get; }

    /// <summary>Why the node had to end.</summary>
    public List<string> Ends { get; } = [];

    /// <summary>Links to nobody.</summary>
    public PeerTransport Transport { get; }

    public StateComparer Comparer { get; }

    public LogLines<StateComparer> Log { get; } = new();

    public DiskWatch Disk { get; }

    /// <summary>The disk says that it has so much room; null: what it has.</summary>
    public void SayFree(long? bytes)
    {
        _faults.Set(bytes is null ? "" : $"space={bytes}");
        Disk.Look();
    }

    /// <summary>Begins; what is returned fails when a loop does.</summary>
    public Task Start()
    {
        Current.Set(View, new NodeId(1));
        var end = Router.Start(View, new NodeId(1));
        Current.Open();
        return end;
    }

    /// <summary>Ticks until this node leads a partition, which it only does alone.</summary>
    public async Task LeadAsync(PartitionId partition)
    {
        var changed = Router.PrimaryChangedAsync(partition, NodeId.None, CancellationToken.None);
        while (!changed.IsCompleted)
        {
            Router.Tick();
            await Task.Yield();
        }

        await changed;
    }

    public void Dispose()
    {
        Router.Stop();
        Comparer.Dispose();
        End.Dispose();
        _peers.Dispose();
        Storage.Dispose();
        Directory.Delete(_directory, recursive: true);
    }
}
