using System.Collections.Concurrent;
using KvStore.Core.Primitives;
using KvStore.Node.Replication;

namespace KvStore.Tests.Node.Buckets;

/// <summary>Members that are asked to read the catalog, and do what the test says; none unless it names some.</summary>
internal sealed class FakeCatalogPeers : ICatalogPeers
{
    private readonly ConcurrentQueue<NodeId> _asked = new();

    public IEnumerable<NodeId> Connected { get; set; } = [];

    /// <summary>What a member that is asked does.</summary>
    public Func<NodeId, CancellationToken, Task> OnRenew { get; set; } = (_, _) => Task.CompletedTask;

    /// <summary>Who was asked, in this order.</summary>
    public IReadOnlyCollection<NodeId> Asked => _asked;

    public Task RenewAsync(NodeId peer, CancellationToken deadline)
    {
        _asked.Enqueue(peer);
        return OnRenew(peer, deadline);
    }
}
