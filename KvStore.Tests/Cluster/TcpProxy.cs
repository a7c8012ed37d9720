using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace KvStore.Tests.Cluster;

/// <summary>
/// A port that stays while the process behind it comes and goes, as orchestrators put one before each endpoint: it
/// takes every connection, and ends it when nobody is behind.
/// </summary>
internal sealed class TcpProxy : IAsyncDisposable
{
    private readonly CancellationTokenSource _stopping = new();
    private readonly ConcurrentDictionary<Task, bool> _connections = [];
    private readonly TcpListener _listener;
    private readonly Task _accepting;

    /// <summary>Listens on <paramref name="port"/> at once.</summary>
    public TcpProxy(int port, int target)
    {
        Port = port;
        Target = target;
        _listener = new(IPAddress.Loopback, port);
        _listener.Start();
        _accepting = AcceptAsync();
    }

    /// <summary>Where it listens.</summary>
    public int Port { get; }

    /// <summary>The port of the process behind it.</summary>
    public int Target { get; set; }

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        await _accepting;
        _listener.Dispose();
        await Task.WhenAll(_connections.Keys);
        _stopping.Dispose();
    }

    private async Task AcceptAsync()
    {
        while (!_stopping.IsCancellationRequested)
        {
            try
            {
                var client = await _listener.AcceptTcpClientAsync(_stopping.Token);
                var connection = JoinAsync(client);
                _connections[connection] = true;
                _ = connection.ContinueWith(ended => _connections.TryRemove(ended, out _), TaskScheduler.Default);
            }
            catch (OperationCanceledException)
            {
                return;
            }
        }
    }

    private async Task JoinAsync(TcpClient client)
    {
        using var server = new TcpClient(AddressFamily.InterNetwork);
        using (client)
        {
            try
            {
                await server.ConnectAsync(IPAddress.Loopback, Target, _stopping.Token);
                var (near, far) = (client.GetStream(), server.GetStream());
                await await Task.WhenAny(
                    near.CopyToAsync(far, _stopping.Token), far.CopyToAsync(near, _stopping.Token));
            }
            catch (Exception failure) when (failure is SocketException or IOException or OperationCanceledException)
            {
                // Nobody is behind, or one side ended: both do.
            }
        }
    }
}
