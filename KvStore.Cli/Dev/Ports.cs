using System.Net;
using System.Net.Sockets;
using KvStore.Topology;

namespace KvStore.Cli.Dev;

/// <summary>Looks whether all ports are free before anything is started.</summary>
internal static class Ports
{
    /// <exception cref="FailureException">At least one is not; names them all.</exception>
    public static void RefuseThoseInUse(ClusterTopology topology)
    {
        var wanted = topology.Nodes.Select(node => (node.Port, Use: node.Name))
            .Concat(topology.Nodes.Select(node => (Port: node.PeerPort, Use: $"links of {node.Name}")))
            .Append((topology.Balancer.Port, Use: topology.Balancer.Name));
        var refusals = wanted
            .Select(port => (port.Port, port.Use, Error: Try(port.Port)))
            .Where(port => port.Error is not null)
            .ToList();
        if (refusals.Count == 0)
            return;
        var list = string.Join(", ", refusals.Select(port => $"{port.Port} ({port.Use})"));
        var isInUse = refusals.TrueForAll(port => port.Error is SocketError.AddressAlreadyInUse);
        throw new FailureException(
            $"{(refusals.Count == 1 ? "Port" : "Ports")} {list} {(isInUse ? "in use" : "cannot be opened")}: "
            + "end what listens there, or choose others with --port and --node-port.");
    }

    /// <summary>Listens for an instant where the programs will listen: on both loopback addresses.</summary>
    private static SocketError? Try(int port)
    {
        foreach (var address in (IPAddress[])[IPAddress.Loopback, IPAddress.IPv6Loopback])
        {
            try
            {
                using var listener = new TcpListener(address, port);
                listener.Start();
            }
            catch (SocketException failure) when (failure.SocketErrorCode
                is SocketError.AddressAlreadyInUse or SocketError.AccessDenied)
            {
                return failure.SocketErrorCode;
            }
            catch (SocketException)
            {
                // The machine has no such address: the programs do without it, too.
            }
        }

        return null;
    }
}
