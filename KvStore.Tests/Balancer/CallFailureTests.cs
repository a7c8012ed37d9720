using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using KvStore.Balancer.Membership;

namespace KvStore.Tests.Balancer;

public sealed class CallFailureTests
{
    private static readonly IOException Cut = new("cut");

    /// <summary>What came of a call, what that says about the node, and whether it never came there.</summary>
    public static TheoryData<Exception?, string, bool> Failures { get; } = new()
    {
        { Http(HttpRequestError.NameResolutionError), nameof(CallVerdict.NobodyThere), true },
        { Socket(SocketError.ConnectionRefused), nameof(CallVerdict.NobodyThere), true },
        { Socket(SocketError.HostUnreachable), nameof(CallVerdict.NobodyThere), true },
        { Socket(SocketError.AddressNotAvailable), nameof(CallVerdict.Late), true },
        { Socket(SocketError.TooManyOpenSockets), nameof(CallVerdict.Late), true },
        { new TaskCanceledException("late", new TimeoutException()), nameof(CallVerdict.Late), true },
        { new TaskCanceledException(), nameof(CallVerdict.Late), false },
        { Http(HttpRequestError.ResponseEnded), nameof(CallVerdict.Late), false },
        { Http(HttpRequestError.Unknown, Cut), nameof(CallVerdict.Late), false },
        { new SocketException((int)SocketError.ConnectionReset), nameof(CallVerdict.Late), false },
        { Cut, nameof(CallVerdict.Late), false },
        { Http(HttpRequestError.InvalidResponse), nameof(CallVerdict.Nonsense), false },
        { new HttpRequestException("no", null, HttpStatusCode.NotFound), nameof(CallVerdict.Nonsense), false },
        { new JsonException(), nameof(CallVerdict.Nonsense), false },
        { null, nameof(CallVerdict.Nonsense), false },
    };

    [Theory]
    [MemberData(nameof(Failures))]
    public void Only_where_nobody_listens_is_nobody_there_and_only_an_answer_is_nonsense(
        Exception? failure, string verdict, bool isNeverSent)
    {
        Assert.Equal(verdict, CallFailure.VerdictOf(failure).ToString());
        Assert.Equal(isNeverSent, CallFailure.IsNeverSent(failure));
    }

    private static HttpRequestException Socket(SocketError error) =>
        Http(HttpRequestError.ConnectionError, new SocketException((int)error));

    private static HttpRequestException Http(HttpRequestError error, Exception? inner = null) =>
        new(error, "failed", inner);
}
