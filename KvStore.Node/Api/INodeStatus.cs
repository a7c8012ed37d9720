using KvStore.Contracts;

namespace KvStore.Node.Api;

/// <summary>What the node knows of itself and its cluster, for those who ask over HTTP.</summary>
internal interface INodeStatus
{
    /// <summary>The node's name; never changes.</summary>
    string Name { get; }

    /// <summary>The node as it is now.</summary>
    NodeStatus Status();

    /// <summary>The cluster as this node knows it; null while it is forming.</summary>
    ClusterStatus? Cluster();

    /// <summary>Whether it has been asked to stop.</summary>
    bool IsStopping { get; }

    /// <summary>
    /// Whether it answers requests for keys: it belongs to a cluster, and each of its replicas knows a primary.
    /// </summary>
    bool IsServing { get; }
}
