namespace KvStore.Tests.Cluster;

/// <summary>
/// Tests that start whole clusters and measure them, or their clients' patience, run one after the other: each wants
/// the machine for itself. Those that wait more than they work, for elections, disks and newcomers, run beside all
/// others.
/// </summary>
[CollectionDefinition(nameof(ClusterCollection), DisableParallelization = true)]
public sealed class ClusterCollection;
