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
    /// Whether there was no answer in time, or no connection for another reason than that, or one that ended before its
    /// answer: whoever has as many as it takes closes those that come then.
    /// </summary>
    public static bool IsLate(Exception failure) => failure is OperationCanceledException or IOException
        or SocketException    // bare when the connection is reset while it opens
        or HttpRequestException { HttpRequestError: HttpRequestError.ConnectionError or HttpRequestError.ResponseEnded }
        or HttpRequestException { InnerException: IOException };
}
