using KvStore.Balancer.Membership;
using KvStore.Contracts;

namespace KvStore.Balancer.Api;

/// <summary>Judges how well the cluster can serve, by what the view says.</summary>
internal static class HealthPolicy
{
    private const string Serving = "serving";

    /// <summary>
    /// Healthy: every node is up and every partition has a primary that is. Degraded: every partition has a majority of
    /// its voters. Else unavailable.
    /// </summary>
    public static ClusterHealth Judge(RoutingView view, TimeProvider time)
    {
        var status = view.Ring is null ? ClusterHealth.Unavailable : OfPartitions(view);
        if (status == ClusterHealth.Healthy && view.Nodes.Any(node => !IsWhole(node, view)))
            status = ClusterHealth.Degraded;
        return new(status, [.. view.Nodes.Select(node => Of(node, view, time))], view.Cluster?.Epoch ?? 0);
    }

    private static string OfPartitions(RoutingView view)
    {
        var status = ClusterHealth.Healthy;
        for (var partition = 0; partition < view.Primaries.Length; partition++)
        {
            if (!view.HasMajority(new(partition)))
                return ClusterHealth.Unavailable;
            if (view.NodeOf(view.Primaries[partition].Member) is not { IsUp: true })
                status = ClusterHealth.Degraded;
        }

        return status;
    }

    private static bool IsWhole(ObservedNode node, RoutingView view) =>
        node is { IsUp: true, Status.State: Serving } && node.Status.ClusterId == view.Cluster?.ClusterId;

    private static NodeHealth Of(ObservedNode node, RoutingView view, TimeProvider time) => new(
        node.Destination.Name,
        node.Destination.Prefix,
        node switch
        {
            { IsUp: false } => "down",
            { Status.State: Serving } => "up",
            _ => node.Status!.State,
        },
        view.Primaries.Count(primary => view.NodeOf(primary.Member) is { } owner && ReferenceEquals(owner, node)),
        node.FellAt is { } fell ? time.GetElapsedTime(fell).TotalSeconds : null);
}
