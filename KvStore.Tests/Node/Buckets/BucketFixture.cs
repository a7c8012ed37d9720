using KvStore.Contracts;
using KvStore.Core.Primitives;
using KvStore.Core.State;
using KvStore.Node.Buckets;
using KvStore.Tests.Node.Api;

namespace KvStore.Tests.Node.Buckets;

/// <summary>The parts of one node that deal with buckets, over a fake cluster.</summary>
internal sealed class BucketFixture
{
    private ulong _requests;

    /// <param name="cluster">What it shares with others.</param>
    /// <param name="time">By which changes wait.</param>
    public BucketFixture(FakeCluster? cluster = null, TimeProvider? time = null)
    {
        FakeCluster = cluster ?? new FakeCluster();
        Here = new FakePartitions(FakeCluster, new NodeId(1));
        Cluster = new FakeClusterPartitions(FakeCluster);
        Closer = new BucketCloser(Here, Cluster, TimeProvider.System);
        Directory = new BucketDirectory(Here, Cluster, Closer, TimeProvider.System);
        Changes = new BucketChanges(Here, Cluster, Peers, Directory, Closer, time ?? TimeProvider.System);
    }

    public FakeCluster FakeCluster { get; }

    public FakePartitions Here { get; }

    public FakeClusterPartitions Cluster { get; }

    public FakeCatalogPeers Peers { get; } = new();

    public BucketCloser Closer { get; }

    public BucketDirectory Directory { get; }

    public BucketChanges Changes { get; }

    private static CancellationToken Soon => new CancellationTokenSource(TimeSpan.FromSeconds(20)).Token;

    public Task<BucketOutcome> PutAsync(string name, BucketSettings? settings = null, RequestId? id = null) =>
        MakeAsync(new BucketChange.Put(settings ?? new()) { Name = name, RequestId = id ?? NewId(), Print = 1 });

    public Task<BucketOutcome> DropAsync(string name, RequestId? id = null) =>
        MakeAsync(new BucketChange.Drop { Name = name, RequestId = id ?? NewId(), Print = 2 });

    public Task<BucketOutcome> MakeAsync(BucketChange change) => Changes.MakeAsync(change, Soon).AsTask();

    public async Task<Bucket?> FindAsync(string name) =>
        await Directory.FindAsync(name, Soon) is BucketLookup.Found found ? found.Bucket : null;

    public async Task<BucketId> CreateAsync(string name) =>
        Assert.IsType<BucketOutcome.Done>(await PutAsync(name)).Bucket.Id;

    public RequestId NewId() => new(7, ++_requests, RequestIdKind.Named);
}
