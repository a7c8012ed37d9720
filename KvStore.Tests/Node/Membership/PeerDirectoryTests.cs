using System.Net;
using System.Net.Sockets;
using KvStore.Core.Membership;
using KvStore.Core.Primitives;
using KvStore.Node.Membership;
using KvStore.Node.Options;
using KvStore.Tests.Node.Api;

namespace KvStore.Tests.Node.Membership;

public sealed class PeerDirectoryTests
{
    private static readonly ClusterView View = ClusterView.Birth([("node1", 1), ("node2", 2)], 8, 3);

    [Fact]
    public async Task Who_answers_is_found_under_its_name_and_disk()
    {
        await using ScriptedPeer peer = new(Says("node2", 2));
        CurrentView current = new();
        using var directory = Directory(current, peer.Address);
        current.Set(View, new NodeId(1));
        Assert.Null(directory.UrlOf(new NodeId(2)));

        Assert.Equal("node2", Assert.Single(await directory.AskAllAsync(Token)).Status.Name);
        Assert.Equal(peer.Address, directory.UrlOf(new NodeId(2)));
        Assert.Equal(new Uri($"http://127.0.0.1:18000"), directory.Find(View.Members[1])!.PeerAddress);
        Assert.Equal(new Uri("http://localhost:8001"), directory.UrlOf(new NodeId(1)));
        Assert.Null(directory.UrlOf(new NodeId(9)));
    }

    /// <summary>A write forwarded there would be acknowledged by a cluster that is not this one.</summary>
    [Fact]
    public async Task A_node_of_another_cluster_under_a_members_name_is_not_taken_for_it()
    {
        await using ScriptedPeer peer = new(Says("node2", 99));
        CurrentView current = new();
        using var directory = Directory(current, peer.Address);
        current.Set(View, new NodeId(1));
        await directory.AskAllAsync(Token);

        Assert.Null(directory.UrlOf(new NodeId(2)));
        Assert.Null(directory.Find(View.Members[1]));
    }

    [Fact]
    public async Task A_member_that_moved_is_found_where_it_answered_last()
    {
        await using ScriptedPeer before = new(Says("node2", 2), ScriptedPeer.Reset);
        await using ScriptedPeer after = new(ScriptedPeer.Reset, Says("node2", 2));
        CurrentView current = new();
        using var directory = Directory(current, before.Address, after.Address);
        current.Set(View, new NodeId(1));
        await directory.AskAllAsync(Token);
        Assert.Equal(before.Address, directory.UrlOf(new NodeId(2)));
        await directory.AskAllAsync(Token);
        Assert.Equal(after.Address, directory.UrlOf(new NodeId(2)));
    }

    public static TheoryData<string> NoAnswers => new(
        ScriptedPeer.Reset,
        ScriptedPeer.Answer(500),
        ScriptedPeer.Answer(307, headers: "Location: http://localhost:1/\r\n"),
        ScriptedPeer.Answer(200, "hello"),
        ScriptedPeer.Answer(200, "null"),
        ScriptedPeer.Answer(200, "{}"),
        ScriptedPeer.Answer(200, Peers.Json(Peers.Status("node2", 2) with { Name = null! })),
        ScriptedPeer.Answer(200, Peers.Json(Peers.Status("node2", 2) with { Incarnation = "xyz" })),
        ScriptedPeer.Answer(200, Peers.Json(Peers.Status("node2", 2) with { Incarnation = null! })),
        ScriptedPeer.Answer(200, Peers.Json(Peers.Status("node2", 2) with { ClusterId = "xyz" })),
        ScriptedPeer.Answer(200, Peers.Json(Peers.Status("node2", 2) with { PeerPort = 0 })),
        ScriptedPeer.Answer(200, Peers.Json(Peers.Status("node2", 2, View) with { Members = [null!] })),
        ScriptedPeer.Answer(200, Peers.Json(Peers.Status("node2", 2, View) with { Members = [new(1, "a", "b")] })));

    [Theory, MemberData(nameof(NoAnswers))]
    public async Task What_is_no_node_has_not_answered(string answer)
    {
        await using ScriptedPeer peer = new(answer);
        using var directory = Directory(new CurrentView(), peer.Address);
        Assert.Empty(await directory.AskAllAsync(Token));
    }

    /// <summary>The moment matters: many tries, since a connection is rarely reset just while it opens.</summary>
    [Fact]
    public async Task A_connection_that_is_reset_while_it_opens_is_no_answer()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var resetting = ResetAllAsync(listener);
        using (var directory = Directory(new CurrentView(), new Uri($"http://{listener.LocalEndpoint}")))
        {
            for (var attempt = 0; attempt < 2000; attempt++)
                Assert.Empty(await directory.AskAllAsync(Token));
        }

        listener.Stop();
        await resetting;
    }

    [Fact]
    public async Task Its_own_address_and_repetitions_are_not_asked()
    {
        await using ScriptedPeer peer = new();
        using var directory = Directory(
            new CurrentView(), peer.Address, new Uri("http://localhost:8001"), peer.Address);
        Assert.Equal(peer.Address, Assert.Single(directory.Addresses));
    }

    [Fact]
    public async Task Asking_ends_with_the_node()
    {
        await using ScriptedPeer peer = new(ScriptedPeer.Silence);
        using var directory = Directory(new CurrentView(), peer.Address);
        using CancellationTokenSource stopping = new();
        var asking = directory.AskAllAsync(stopping.Token);
        await peer.ArrivedAsync();
        await stopping.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => asking);
    }

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private static async Task ResetAllAsync(TcpListener listener)
    {
        try
        {
            while (true)
            {
                var connection = await listener.AcceptSocketAsync(Token);
                connection.LingerState = new LingerOption(enable: true, seconds: 0);
                connection.Dispose();
            }
        }
        catch (Exception stopped) when (stopped is SocketException or ObjectDisposedException)
        {
            // The test is over.
        }
    }

    private static string Says(string name, ulong incarnation) =>
        ScriptedPeer.Answer(200, Peers.Json(Peers.Status(name, incarnation)));

    private static PeerDirectory Directory(CurrentView current, params Uri[] addresses)
    {
        Uri self = new("http://localhost:8001");
        return new(new NodeIdentity("node1", self, 18001, 1),
            new NodeOptions { Name = "node1", Url = self, Cluster = addresses }, current);
    }
}
