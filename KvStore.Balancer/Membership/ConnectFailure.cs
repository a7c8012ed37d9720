using System.Net.Sockets;

namespace KvStore.Balancer.Membership;

/// <summary>What the failure of a call says about the node that was called.</summary>
internal static class ConnectFailure
{
    /// <summary>
    /// Whether nobody listens there. A connection that comes too slowly, or that this machine has no port left for,
    /// says nothing about the node.
    /// </summary>
    public static bool IsNobodyThere(Exception? failure) => failure switch
    {
        HttpRequestException { HttpRequestError: HttpRequestError.NameResolutionError } => true,
        HttpRequestException { InnerException: SocketException socket } =>
            socket.SocketErrorCode is SocketError.ConnectionRefused
                or SocketError.HostUnreachable
                or SocketError.NetworkUnreachable,
        _ => false,
    };

    /// <summary>Whether there was no answer in time, or no connection for another reason than that.</summary>
    public static bool IsLate(Exception failure) =>
        failure is OperationCanceledException
            or HttpRequestException { HttpRequestError: HttpRequestError.ConnectionError };
}
