using KvStore.Cli.Chaos.Links;

namespace KvStore.Cli.Chaos.Faults;

/// <summary>The shapes of partitions: which links are down, given the nodes in a random order.</summary>
internal static class Partitions
{
    /// <summary>The first node is alone.</summary>
    public static bool OneOff(Link link, int[] order) => IsFirst(link.From, order) || IsFirst(link.To, order);

    /// <summary>Two camps that do not hear each other.</summary>
    public static bool Halves(Link link, int[] order) =>
        IsInFirstHalf(link.From, order) != IsInFirstHalf(link.To, order);

    /// <summary>Two camps, and the first node hears both.</summary>
    public static bool Bridge(Link link, int[] order) =>
        !OneOff(link, order) && PlaceOf(link.From, order) % 2 != PlaceOf(link.To, order) % 2;

    /// <summary>Each hears its neighbours; of three nodes, each reaches only the one after it.</summary>
    public static bool Ring(Link link, int[] order)
    {
        var steps = (PlaceOf(link.To, order) - PlaceOf(link.From, order) + order.Length) % order.Length;
        return steps != 1 && (order.Length <= 3 || steps != order.Length - 1);
    }

    /// <summary>The first node hears all, and nobody hears it.</summary>
    public static bool Mute(Link link, int[] order) => IsFirst(link.From, order);

    /// <summary>The first node hears nobody, and all hear it.</summary>
    public static bool Deaf(Link link, int[] order) => IsFirst(link.To, order);

    private static bool IsFirst(int node, int[] order) => order[0] == node;

    private static bool IsInFirstHalf(int node, int[] order) => PlaceOf(node, order) < order.Length / 2;

    private static int PlaceOf(int node, int[] order) => Array.IndexOf(order, node);
}
