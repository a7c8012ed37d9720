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

    /// <summary>
    /// Whether a busy node may be the cause: no answer in time, no connection, or one that ended before its answer. A
    /// node that has as many connections as it takes closes new ones. Asked where somebody listens.
    /// </summary>
    public static bool IsLate(Exception failure) => failure is OperationCanceledException or IOException
        or SocketException    // bare when the connection is reset while it opens
        or HttpRequestException { HttpRequestError: HttpRequestError.ConnectionError or HttpRequestError.ResponseEnded }
        or HttpRequestException { InnerException: IOException };
}
