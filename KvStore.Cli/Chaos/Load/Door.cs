namespace KvStore.Cli.Chaos.Load;

/// <summary>Where requests go in: the balancer or a node.</summary>
/// <param name="Url">Its address.</param>
/// <param name="Node">The node; null for the balancer.</param>
internal sealed record Door(string Url, ChaosNode? Node)
{
    public bool IsBalancer => Node is null;
}
