namespace KvStore.Contracts;

/// <summary>Answer to <c>GET /</c> on the balancer.</summary>
/// <param name="Product">Always <c>KvStore</c>.</param>
/// <param name="Role">Always <c>balancer</c>.</param>
/// <param name="Version">The product's version.</param>
/// <param name="Links">Where things are.</param>
public sealed record BalancerStatus(string Product, string Role, string Version, BalancerLinks Links);

/// <summary>Paths on the balancer.</summary>
/// <param name="Keys">What stands before a key.</param>
/// <param name="Health">How well the cluster can serve.</param>
/// <param name="Cluster">Members, partitions, primaries.</param>
/// <param name="OpenApi">The description of this API.</param>
public sealed record BalancerLinks(string Keys, string Health, string Cluster, string OpenApi);

/// <summary>Answer to <c>GET /ready</c> on the balancer.</summary>
/// <param name="Status"><c>ready</c>, or what it waits for.</param>
public sealed record BalancerReadiness(string Status);
