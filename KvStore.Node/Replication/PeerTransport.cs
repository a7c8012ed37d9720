using Grpc.Core;
using Grpc.Net.Client;
using KvStore.Core.Primitives;
using KvStore.Core.Replication;
using KvStore.Node.Membership;
using KvStore.Node.Telemetry;

namespace KvStore.Node.Replication;

/// <summary>
/// The way to the other nodes: one stream per peer and direction for messages, opened by the sender. Fire and forget:
/// what cannot be sent is dropped, the protocol expects loss.
/// </summary>
internal sealed class PeerTransport(
    CurrentView current, NodeIdentity self, PeerDirectory directory, ILogger<PeerTransport> logger)
    : IAsyncDisposable
{
    private readonly CancellationTokenSource _stopping = new();
    private Dictionary<NodeId, PeerLink> _links = [];

    /// <summary>Opens a link to every other member, and keeps it open.</summary>
    public void Start()
    {
        _links = current.View!.Members
            .Where(member => member.Id != current.Self)
            .ToDictionary(
                member => member.Id,
                member => new PeerLink(member, EndsTo(member.Id), directory, logger, _stopping.Token));
    }

    public void Send(NodeId peer, List<Envelope> batch)
    {
        if (_links.TryGetValue(peer, out var link))
            link.Send(batch);
    }

    public bool IsConnected(NodeId peer) => _links.TryGetValue(peer, out var link) && link.IsConnected;

    /// <summary>The channel to a peer, for bulk; null when the peer was never reached.</summary>
    public GrpcChannel? ChannelTo(NodeId peer) => _links.TryGetValue(peer, out var link) ? link.BulkChannel() : null;

    /// <summary>Who sends and who is meant: every frame says both.</summary>
    public Wire.Ends EndsTo(NodeId peer) => new()
    {
        Cluster = current.View!.ClusterId,
        Sender = current.Self.Value,
        SenderIncarnation = self.Incarnation,
        Receiver = peer.Value,
        ReceiverIncarnation = current.View.Members.First(member => member.Id == peer).Incarnation,
        Protocol = PeerCodec.Protocol,
    };

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync().ConfigureAwait(false);
        foreach (var link in _links.Values)
            await link.DisposeAsync().ConfigureAwait(false);
        _stopping.Dispose();
    }
}

/// <summary>One direction's stream to one peer: connects, sends what is waiting as one frame, connects again.</summary>
internal sealed class PeerLink : IAsyncDisposable
{
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan LongestPause = TimeSpan.FromMilliseconds(500);

    private readonly PeerOutbox _outbox = new();
    private readonly Core.Membership.Member _peer;
    private readonly Wire.Ends _ends;
    private readonly PeerDirectory _directory;
    private readonly ILogger _logger;
    private readonly Task _running;
    private GrpcChannel? _bulk;
    private volatile bool _isConnected;

    public PeerLink(
        Core.Membership.Member peer, Wire.Ends ends, PeerDirectory directory, ILogger logger,
            CancellationToken stopping)
    {
        _peer = peer;
        _ends = ends;
        _directory = directory;
        _logger = logger;
        _running = Task.Run(() => RunAsync(stopping), CancellationToken.None);
    }

    public bool IsConnected => _isConnected;

    public void Send(List<Envelope> batch)
    {
        if (_isConnected)
            _outbox.Add(batch);
    }

    /// <summary>A connection of its own, so that heartbeats are never behind bulk data.</summary>
    public GrpcChannel? BulkChannel()
    {
        if (_directory.Find(_peer) is not { } known)
            return null;
        if (_bulk is not null && _bulk.Target == known.PeerAddress.Authority)
            return _bulk;
        _bulk?.Dispose();    // nobody uses it: snapshots to one peer take turns
        return _bulk = Open(known.PeerAddress);
    }

    public async ValueTask DisposeAsync()
    {
        await _running.ConfigureAwait(false);
        _bulk?.Dispose();
    }

    private static GrpcChannel Open(Uri address) => GrpcChannel.ForAddress(address, new GrpcChannelOptions
    {
        DisposeHttpClient = true,
        MaxReceiveMessageSize = PeerService.MaxFrameBytes,
        MaxSendMessageSize = PeerService.MaxFrameBytes,
        HttpHandler = new SocketsHttpHandler
        {
            UseProxy = false,
            ConnectTimeout = TimeSpan.FromSeconds(1),
            KeepAlivePingDelay = TimeSpan.FromSeconds(2),
            KeepAlivePingTimeout = TimeSpan.FromSeconds(3),
        },
    });

    private async Task RunAsync(CancellationToken stopping)
    {
        var pause = FirstPause;
        while (!stopping.IsCancellationRequested)
        {
            try
            {
                if (_directory.Find(_peer) is { } known)
                    await PumpAsync(known.PeerAddress, () => pause = FirstPause, stopping).ConfigureAwait(false);
            }
            catch (Exception failure) when (failure is RpcException or HttpRequestException or IOException
                or OperationCanceledException or InvalidOperationException or TimeoutException)
            {
                if (_isConnected && !stopping.IsCancellationRequested)
                    _logger.LinkLost(_peer.Name, failure.Message);
                else if (failure is RpcException { StatusCode: StatusCode.FailedPrecondition } refused)
                    _logger.LinkRefused(_peer.Name, refused.Status.Detail);
            }

            Disconnect();
            await Task.Delay(pause, stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            pause = pause * 2 < LongestPause ? pause * 2 : LongestPause;
        }
    }

    private void Disconnect()
    {
        _isConnected = false;
        _outbox.Clear();
    }

    private async Task PumpAsync(Uri address, Action onConnected, CancellationToken stopping)
    {
        using var channel = Open(address);
        using var call = new Wire.Peer.PeerClient(channel).Link(cancellationToken: stopping);
        await call.RequestStream.WriteAsync(new Wire.Frame { Ends = _ends }, stopping).ConfigureAwait(false);
        await call.ResponseHeadersAsync.WaitAsync(TimeSpan.FromSeconds(2), stopping).ConfigureAwait(false);
        _isConnected = true;
        onConnected();
        _logger.LinkUp(_peer.Name, address);
        using var broken = CancellationTokenSource.CreateLinkedTokenSource(stopping);
        var end = WatchEndAsync(call, broken);
        try
        {
            while (true)
            {
                var frame = Encode(await _outbox.NextFrameAsync(broken.Token).ConfigureAwait(false));
                await call.RequestStream.WriteAsync(frame, broken.Token).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException) when (!stopping.IsCancellationRequested)
        {
            await end.ConfigureAwait(false);    // says why
        }
    }

    /// <summary>The callee never ends a link that is well: its answer means that the link is gone.</summary>
    private static async Task WatchEndAsync(
        AsyncClientStreamingCall<Wire.Frame, Wire.LinkEnd> call, CancellationTokenSource broken)
    {
        try
        {
            await call.ResponseAsync.ConfigureAwait(false);
        }
        finally
        {
            await broken.CancelAsync().ConfigureAwait(false);
        }
    }

    private Wire.Frame Encode(List<Envelope> envelopes)
    {
        var frame = new Wire.Frame { Ends = _ends };
        foreach (var envelope in envelopes)
            frame.Messages.Add(PeerCodec.Encode(envelope.Partition, envelope.Message));
        return frame;
    }
}
