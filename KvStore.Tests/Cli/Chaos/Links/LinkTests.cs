using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using KvStore.Cli.Chaos.Links;
using KvStore.Tests.Cluster;

namespace KvStore.Tests.Cli.Chaos.Links;

/// <summary>A link with an echo behind it.</summary>
public sealed class LinkTests : IAsyncLifetime
{
    private static readonly IPAddress Address = new([127, 77, 9, 8]);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private readonly CancellationTokenSource _stopping = new();
    private readonly int _port = FreePorts.Take(1)[0];
    private TcpListener _echo = null!;
    private Task _echoing = Task.CompletedTask;
    private Link _link = null!;

    public ValueTask InitializeAsync()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Only Linux has all loopback addresses.");
        _echo = new TcpListener(IPAddress.Loopback, _port);
        _echo.Start();
        _echoing = EchoAsync();
        _link = new Link(1, 2, Address, [_port], seed: 1);
        return ValueTask.CompletedTask;
    }

    public async ValueTask DisposeAsync()
    {
        if (_link is null)
            return;
        await _link.DisposeAsync();
        await _stopping.CancelAsync();
        _echo.Dispose();
        await _echoing;
        _stopping.Dispose();
    }

    [Fact]
    public async Task An_open_link_carries_bytes_both_ways()
    {
        using var client = await ConnectAsync();

        Assert.Equal([1, 2, 3], await AskAsync(client, [1, 2, 3]));
    }

    [Fact]
    public async Task A_cut_link_resets_what_is_open_and_what_is_opened()
    {
        using var before = await ConnectAsync();
        await AskAsync(before, [1]);

        _link.State = LinkState.Cut;

        await Assert.ThrowsAnyAsync<Exception>(() => AskAsync(before, [2]));
        await Assert.ThrowsAnyAsync<Exception>(async () =>
        {
            using var after = await ConnectAsync();    // which may still succeed
            await AskAsync(after, [3]);
        });

        _link.State = LinkState.Open;
        using var again = await ConnectAsync();
        Assert.Equal([4], await AskAsync(again, [4]));
    }

    [Fact]
    public async Task A_clogged_link_keeps_connections_and_delivers_when_it_opens_again()
    {
        using var before = await ConnectAsync();
        await AskAsync(before, [1]);

        _link.State = LinkState.Clogged;
        using var during = await ConnectAsync();
        var (early, late) = (AskAsync(before, [2]), AskAsync(during, [3]));
        await AskOverAnotherLinkAsync();
        Assert.False(early.IsCompleted || late.IsCompleted);
        _link.State = LinkState.Open;
        Assert.Equal([2], await early);
        Assert.Equal([3], await late);
    }

    [Fact]
    public async Task A_slow_link_holds_every_piece_back()
    {
        var delay = TimeSpan.FromMilliseconds(100);
        using var client = await ConnectAsync();
        await AskAsync(client, [1]);

        _link.State = new LinkState { Delay = delay };
        var startedAt = Stopwatch.GetTimestamp();
        Assert.Equal([2], await AskAsync(client, [2]));

        var slack = TimeSpan.FromMilliseconds(20);    // timers are allowed to be early by a tick
        Assert.True(Stopwatch.GetElapsedTime(startedAt) >= (2 * delay) - slack);
    }

    [Fact]
    public async Task A_trickling_link_loses_nothing()
    {
        var sent = new byte[500];
        new Random(1).NextBytes(sent);
        using var client = await ConnectAsync();

        _link.State = new LinkState { MaxPieceBytes = 7 };

        Assert.Equal(sent, await AskAsync(client, sent));
    }

    [Fact]
    public async Task A_tearing_link_delivers_a_part_and_resets()
    {
        using var client = await ConnectAsync();
        await AskAsync(client, [1]);

        _link.State = new LinkState { BreaksPerMille = 1000 };

        await Assert.ThrowsAnyAsync<SocketException>(() => AskAsync(client, new byte[1000]));
    }

    [Fact]
    public async Task A_truncating_link_delivers_a_part_and_ends_in_order()
    {
        using var client = await ConnectAsync();
        await AskAsync(client, [1]);

        _link.State = new LinkState { BreaksPerMille = 1000, Break = LinkBreak.End };

        await Assert.ThrowsAsync<EndOfStreamException>(() => AskAsync(client, new byte[1000]));
    }

    [Fact]
    public async Task A_half_open_connection_is_over_for_who_sent_and_silent_for_the_other_until_the_link_changes()
    {
        using var server = new TcpListener(IPAddress.Loopback, 0);
        server.Start();
        var port = ((IPEndPoint)server.LocalEndpoint).Port;
        await using var link = new Link(1, 2, new IPAddress([127, 77, 9, 6]), [port], seed: 1);
        using var client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await client.ConnectAsync(link.Address, port);
        using var behind = await server.AcceptSocketAsync(TestContext.Current.CancellationToken);

        link.State = new LinkState { BreaksPerMille = 1000, Break = LinkBreak.Silence };
        await Assert.ThrowsAnyAsync<SocketException>(() => AskAsync(client, new byte[1000]));
        await behind.SendAsync(new byte[10]);    // to nobody, who does not say so
        var heard = DrainAsync(behind);
        await AskOverAnotherLinkAsync();
        Assert.False(heard.IsCompleted);

        link.State = LinkState.Open;
        await Assert.ThrowsAnyAsync<SocketException>(() => heard.WaitAsync(Patience));
    }

    [Theory]
    [InlineData(0, 0, 0, 5000, 0)]
    [InlineData(100, 0, 0, 5000, 100)]
    [InlineData(100, 40, 0, 5000, 120)]
    [InlineData(0, 0, 1000, 500, 500)]
    [InlineData(100, 40, 1000, 500, 620)]
    public void A_piece_is_held_for_what_delay_jitter_and_width_ask(int delay, int jitter, int width, int bytes, int ms)
    {
        var state = new LinkState
        {
            Delay = TimeSpan.FromMilliseconds(delay),
            Jitter = TimeSpan.FromMilliseconds(jitter),
            BytesPerSecond = width,
        };

        Assert.Equal(TimeSpan.FromMilliseconds(ms), state.HoldOf(bytes, chance: 0.5));
    }

    [Fact]
    public async Task A_piece_that_is_held_is_let_go_when_the_link_changes()
    {
        using var client = await ConnectAsync();
        await AskAsync(client, [1]);
        _link.State = new LinkState { Delay = TimeSpan.FromHours(1) };

        var late = AskAsync(client, [2]);
        await AskOverAnotherLinkAsync();
        Assert.False(late.IsCompleted);
        _link.State = LinkState.Open;
        Assert.Equal([2], await late);
    }

    private static async Task<byte[]> AskAsync(Socket client, byte[] bytes)
    {
        using var late = new CancellationTokenSource(Patience);
        await client.SendAsync(bytes, late.Token);
        var answer = new byte[bytes.Length];
        for (var read = 0; read < answer.Length;)
        {
            var count = await client.ReceiveAsync(answer.AsMemory(read), late.Token);
            read += count > 0 ? count : throw new EndOfStreamException();
        }

        return answer;
    }

    /// <summary>Takes as long as an answer over the link of the test would take, were it well.</summary>
    private async Task AskOverAnotherLinkAsync()
    {
        await using var other = new Link(2, 1, new IPAddress([127, 77, 9, 7]), [_port], seed: 1);
        using var client = await ConnectAsync(other.Address);
        Assert.Equal([9], await AskAsync(client, [9]));
    }

    private static async Task DrainAsync(Socket socket)
    {
        var buffer = new byte[1000];
        while (await socket.ReceiveAsync(buffer) > 0)
        {
            // Only the end matters.
        }
    }

    private async Task<Socket> ConnectAsync(IPAddress? address = null)
    {
        var client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await client.ConnectAsync(new IPEndPoint(address ?? Address, _port));
        return client;
    }

    private async Task EchoAsync()
    {
        List<Task> calls = [];
        try
        {
            while (true)
                calls.Add(EchoAsync(await _echo.AcceptSocketAsync(_stopping.Token)));
        }
        catch (OperationCanceledException)
        {
            await Task.WhenAll(calls);
        }
    }

    private async Task EchoAsync(Socket call)
    {
        using (call)
        {
            var buffer = new byte[4096];
            try
            {
                for (int count; (count = await call.ReceiveAsync(buffer, _stopping.Token)) > 0;)
                    await call.SendAsync(buffer.AsMemory(0, count), _stopping.Token);
            }
            catch (Exception failure) when (failure is SocketException or OperationCanceledException)
            {
                // The link reset it, or the test is over.
            }
        }
    }
}
