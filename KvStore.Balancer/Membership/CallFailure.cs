using System.Net.Sockets;

namespace KvStore.Balancer.Membership;

/// <summary>What a call that failed says about the node that was called.</summary>
internal enum CallVerdict
{
    /// <summary>It answered, but not as a node does.</summary>
    Nonsense,

    /// <summary>
    /// It may be busy: no answer in time, no connection in time or for want of a port of our own, or one that ended
    /// before its answer. A node that has as many connections as it takes closes new ones.
    /// </summary>
    Late,

    /// <summary>Nobody listens there.</summary>
    NobodyThere,
}

/// <summary>Reads the exceptions that .NET's HTTP client fails with.</summary>
internal static class CallFailure
{
    /// <summary>What it says about the node.</summary>
    /// <param name="failure">How the call failed; null, which says nothing of the node, counts as nonsense.</param>
    public static CallVerdict VerdictOf(Exception? failure) => failure switch
    {
        HttpRequestException { HttpRequestError: HttpRequestError.NameResolutionError } => CallVerdict.NobodyThere,
        HttpRequestException
        {
            InnerException: SocketException
            {
                SocketErrorCode: SocketError.ConnectionRefused
                    or SocketError.HostUnreachable
                    or SocketError.NetworkUnreachable
            }
        } => CallVerdict.NobodyThere,
        HttpRequestException { HttpRequestError: HttpRequestError.ConnectionError or HttpRequestError.ResponseEnded }
            or HttpRequestException { InnerException: IOException }
            or OperationCanceledException
            or IOException
            or SocketException    // bare when the connection is reset while it opens
            => CallVerdict.Late,
        _ => CallVerdict.Nonsense,
    };

    /// <summary>Whether not a byte of the request can have reached the node.</summary>
    public static bool IsNeverSent(Exception? failure) => failure
        is HttpRequestException
        {
            HttpRequestError: HttpRequestError.ConnectionError or HttpRequestError.NameResolutionError
        }
        or OperationCanceledException { InnerException: TimeoutException };    // the handler's ConnectTimeout
}
