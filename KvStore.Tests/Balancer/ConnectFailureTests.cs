using System.Net.Sockets;
using System.Text.Json;
using KvStore.Balancer.Membership;

namespace KvStore.Tests.Balancer;

public sealed class ConnectFailureTests
{
    private static readonly IOException Cut = new("cut");

    /// <summary>What came of a call, whether nobody is there then, and whether that is lateness or nonsense.</summary>
    public static TheoryData<Exception, bool, bool> Failures { get; } = new()
    {
        { Http(HttpRequestError.NameResolutionError), true, false },
        { Socket(SocketError.ConnectionRefused), true, true },
        { Socket(SocketError.HostUnreachable), true, true },
        { Socket(SocketError.AddressNotAvailable), false, true },
        { Socket(SocketError.TooManyOpenSockets), false, true },
        { Http(HttpRequestError.ResponseEnded), false, true },
        { Http(HttpRequestError.Unknown, Cut), false, true },
        { new SocketException((int)SocketError.ConnectionReset), false, true },
        { new TaskCanceledException(), false, true },
        { Http(HttpRequestError.InvalidResponse), false, false },
        { new JsonException(), false, false },
    };

    [Theory]
    [MemberData(nameof(Failures))]
    public void Only_where_nobody_listens_is_nobody_there_and_only_an_answer_is_nonsense(
        Exception failure, bool isNobodyThere, bool isLate)
    {
        Assert.Equal(isNobodyThere, ConnectFailure.IsNobodyThere(failure));
        Assert.Equal(isLate, ConnectFailure.IsLate(failure));
    }

    private static HttpRequestException Socket(SocketError error) =>
        Http(HttpRequestError.ConnectionError, new SocketException((int)error));

    private static HttpRequestException Http(HttpRequestError error, Exception? inner = null) =>
        new(error, "failed", inner);
}
