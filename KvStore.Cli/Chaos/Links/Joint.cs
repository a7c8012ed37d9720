using System.Net;
using System.Net.Sockets;

namespace KvStore.Cli.Chaos.Links;

/// <summary>One connection over a <see cref="Link"/>: two sockets, and two pumps between them.</summary>
internal sealed class Joint(Link link, Socket near) : IDisposable
{
    private readonly Socket _far = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
    private volatile bool _isHalfGone;

    public Task Running { get; set; } = Task.CompletedTask;

    /// <summary>Carries bytes both ways until one side ends.</summary>
    public async Task RunAsync(int port, CancellationToken stopping)
    {
        try
        {
            near.NoDelay = _far.NoDelay = true;
            await link.PassableAsync().ConfigureAwait(false);
            await _far.ConnectAsync(new IPEndPoint(IPAddress.Loopback, port), stopping).ConfigureAwait(false);
            var pumps = Task.WhenAny(PumpAsync(near, _far, stopping), PumpAsync(_far, near, stopping));
            await (await pumps.ConfigureAwait(false)).ConfigureAwait(false);
            near.Dispose();
            _far.Dispose();
        }
        catch (Exception failure) when (failure is SocketException or ObjectDisposedException
            or OperationCanceledException)
        {
            Reset();
        }
    }

    /// <summary>Ends both sides without a farewell.</summary>
    public void Reset()
    {
        Reset(near);
        Reset(_far);
    }

    public void Dispose() => Reset();

    private static void Reset(Socket socket)
    {
        try
        {
            socket.LingerState = new LingerOption(enable: true, seconds: 0);
        }
        catch (Exception failure) when (failure is SocketException or ObjectDisposedException)
        {
            // It has ended by itself.
        }

        socket.Dispose();
    }

    /// <summary>The end of one side passes a clogged link no sooner than its bytes do.</summary>
    private async Task PumpAsync(Socket from, Socket to, CancellationToken stopping)
    {
        var buffer = new byte[LinkState.Open.MaxPieceBytes];
        while (true)
        {
            var most = Math.Min(buffer.Length, link.State.MaxPieceBytes);
            var count = await from.ReceiveAsync(buffer.AsMemory(0, most), stopping).ConfigureAwait(false);
            var state = await link.PassableAsync().ConfigureAwait(false);
            if (count == 0)
                return;
            if (_isHalfGone)
                continue;
            await link.HoldAsync(state, count).ConfigureAwait(false);
            var part = link.BreaksAt(state, count);
            for (var sent = 0; sent < (part ?? count);)
            {
                var rest = buffer.AsMemory(sent, (part ?? count) - sent);
                sent += await to.SendAsync(rest, stopping).ConfigureAwait(false);
            }

            if (part is null)
                continue;
            await BreakAsync(state, from).ConfigureAwait(false);
            return;
        }
    }

    private async Task BreakAsync(LinkState state, Socket from)
    {
        switch (state.Break)
        {
            case LinkBreak.End:
                near.Shutdown(SocketShutdown.Send);
                _far.Shutdown(SocketShutdown.Send);
                break;
            case LinkBreak.Silence:
                _isHalfGone = true;
                Reset(from);
                await link.LeavesAsync(state).ConfigureAwait(false);
                Reset();
                break;
            default:
                Reset();
                break;
        }
    }
}
