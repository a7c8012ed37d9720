using KvStore.Core.Primitives;

namespace KvStore.Node.Replication;

/// <summary>What this node knows of the catalog of buckets.</summary>
internal interface ICatalog
{
    /// <summary>
    /// Reads it as the system group's primary has it; whether it could: then whatever begins here from now on is judged
    /// by all that was written before the call.
    /// </summary>
    ValueTask<bool> RenewAsync(CancellationToken deadline);
}

/// <summary>Has other members renew what they know of the catalog of buckets.</summary>
internal interface ICatalogPeers
{
    /// <summary>All members that are connected, but this one.</summary>
    IEnumerable<NodeId> Connected { get; }

    /// <summary>Has a member renew it, and waits for that; gives up where it cannot be asked.</summary>
    Task RenewAsync(NodeId peer, CancellationToken deadline);
}
