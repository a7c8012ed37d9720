using KvStore.Cli.Dev;
using KvStore.Topology;

namespace KvStore.Cli.Chaos;

/// <summary>A cluster on ports that nobody uses, below those that the system gives to outgoing connections.</summary>
internal static class FreeTopology
{
    private const int First = 12000;
    private const int Last = 20000;
    private const int Tries = 50;

    /// <exception cref="FailureException">All that were tried are in use.</exception>
    public static ClusterTopology Find(int nodes, string folder)
    {
        var random = new Random(Environment.ProcessId);
        for (var left = Tries; ; left--)
        {
            var port = random.Next(First, Last);
            var topology = ClusterTopology.Create(nodes, port, port + 1, folder);
            try
            {
                Ports.RefuseThoseInUse(topology);
                return topology;
            }
            catch (FailureException) when (left > 0)
            {
                // Others may be free.
            }
        }
    }
}
