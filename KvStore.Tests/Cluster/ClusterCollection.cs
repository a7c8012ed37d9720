namespace KvStore.Tests.Cluster;

/// <summary>Tests that start whole clusters run one after the other: each wants the machine for itself.</summary>
[CollectionDefinition(nameof(ClusterCollection), DisableParallelization = true)]
public sealed class ClusterCollection;
