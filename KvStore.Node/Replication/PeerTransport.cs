using System.Collections.Frozen;
using Grpc.Core;
using Grpc.Net.Client;
using KvStore.Core.Membership;
using KvStore.Core.Primitives;
using KvStore.Core.Replication;
using KvStore.Core.State;
using KvStore.Node.Membership;
using KvStore.Node.Storage;
using KvStore.Node.Telemetry;
using KvStore.ServiceDefaults;

namespace KvStore.Node.Replication;

/// <summary>
/// The way to the other nodes: one stream per peer and direction for messages, opened by the sender. Fire and forget:
/// what cannot be sent is dropped, the protocol expects loss.
/// </summary>
internal sealed class PeerTransport(
    CurrentView current,
    NodeIdentity self,
    PeerDirectory directory,
    NodeStorage storage,
    NodeEnd end,
    ILogger<PeerTransport> logger) : IAsyncDisposable
{
    private readonly ulong _run = RandomIds.Number();
    private readonly CancellationTokenSource _stopping = new();
    private volatile FrozenDictionary<NodeId, PeerLink> _links = FrozenDictionary<NodeId, PeerLink>.Empty;

    /// <summary>Opens a link to every other member of the view, keeps it open, and ends those to others.</summary>
    public async Task FollowAsync(ClusterView view)
    {
        var known = _links;
        var others = view.Members.Where(member => member.Id != current.Self).ToList();
        _links = others.ToFrozenDictionary(
            member => member.Id,
            member => known.GetValueOrDefault(member.Id)
                ?? new PeerLink(
                    member, EndsTo(view, member), directory, storage.Log, OnForgotten, logger, _stopping.Token));
        foreach (var (member, link) in known)
        {
            if (!_links.ContainsKey(member))
                await link.DisposeAsync().ConfigureAwait(false);
        }
    }

    public void Send(NodeId peer, List<Envelope> batch)
    {
        if (_links.TryGetValue(peer, out var link))
            link.Send(batch);
    }

    public bool IsConnected(NodeId peer) => _links.TryGetValue(peer, out var link) && link.IsConnected;

    /// <summary>All links.</summary>
    public IEnumerable<PeerLink> Links => _links.Values;

    /// <summary>The link to a peer; null when it is no other member of the view.</summary>
    public PeerLink? LinkTo(NodeId peer) => _links.GetValueOrDefault(peer);

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync().ConfigureAwait(false);
        foreach (var link in _links.Values)
            await link.DisposeAsync().ConfigureAwait(false);
        _stopping.Dispose();
    }

    private Wire.Ends EndsTo(ClusterView view, Member peer) => new()
    {
        Cluster = view.ClusterId,
        Sender = current.Self.Value,
        SenderIncarnation = self.Incarnation,
        Receiver = peer.Id.Value,
        ReceiverIncarnation = peer.Incarnation,
        Protocol = PeerCodec.Protocol,
        Run = _run,
        LogEnd = storage.Log.FoundFrame,
    };

    /// <summary>Nobody hears this node any more, and it may not go on with what it has.</summary>
    private void OnForgotten(string peer, string reason) => end.Fail(storage.Condemn(
        $"The data directory is an older copy, or the end of its log is gone. {peer} says: {reason}"));
}

/// <summary>One direction's stream to one peer: connects, sends what is waiting as one frame, connects again.</summary>
internal sealed class PeerLink : IAsyncDisposable
{
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan LongestPause = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan ComparePatience = TimeSpan.FromSeconds(2);

    private readonly PeerOutbox _outbox = new();
    private readonly CancellationTokenSource _stopping;
    private readonly Member _peer;
    private readonly PeerDirectory _directory;
    private readonly LogStorage _log;
    private readonly Action<string, string> _onForgotten;
    private readonly ILogger _logger;
    private readonly Task _running;
    private volatile GrpcChannel? _channel;
    private GrpcChannel? _bulk;
    private volatile bool _isConnected;

    public PeerLink(
        Member peer,
        Wire.Ends ends,
        PeerDirectory directory,
        LogStorage log,
        Action<string, string> onForgotten,
        ILogger logger,
        CancellationToken stopping)
    {
        _peer = peer;
        Ends = ends;
        _directory = directory;
        _log = log;
        _onForgotten = onForgotten;
        _logger = logger;
        _stopping = CancellationTokenSource.CreateLinkedTokenSource(stopping);
        _running = Task.Run(() => RunAsync(_stopping.Token), CancellationToken.None);
    }

    /// <summary>Who sends and who is meant: every frame says both.</summary>
    public Wire.Ends Ends { get; }

    /// <summary>The peer's name.</summary>
    public string Peer => _peer.Name;

    /// <summary>The peer as a member.</summary>
    public NodeId Member => _peer.Id;

    /// <summary>Messages that wait to be sent, and the bytes of those with entries.</summary>
    public (int Messages, long Bytes) Waiting => _outbox.Waiting;

    public bool IsConnected => _isConnected;

    /// <summary>The connection that messages go over, for calls beside them; null while there is none.</summary>
    public GrpcChannel? Channel => _isConnected ? _channel : null;

    public void Send(List<Envelope> batch)
    {
        if (_isConnected)
            _outbox.Add(batch);
    }

    /// <summary>
    /// For bulk, a connection of its own, so that heartbeats are never behind it; null when the peer was never reached.
    /// </summary>
    public GrpcChannel? BulkChannel()
    {
        if (_directory.Find(_peer) is not { } known)
            return null;
        if (_bulk is not null && _bulk.Target == known.PeerAddress.Authority)
            return _bulk;
        _bulk?.Dispose();    // nobody uses it: snapshots to one peer take turns
        return _bulk = Open(known.PeerAddress);
    }

    /// <summary>
    /// Tells the peer what a state hashes to here and gives what it hashes to there; null when it does not know, cannot
    /// be asked, or is of a version that compares nothing.
    /// </summary>
    public async Task<ulong?> CompareAsync(
        PartitionId partition, LogIndex index, ulong hash, CancellationToken cancellation)
    {
        if (!_isConnected || _channel is not { } channel)
            return null;
        try
        {
            using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
            patience.CancelAfter(ComparePatience);
            var mine = new Wire.StateHash
            {
                Ends = Ends,
                Partition = (uint)partition.Value,
                Index = index.Value,
                Format = StateImage.HashFormat,
                Hash = hash,
            };
            var reply = await new Wire.Peer.PeerClient(channel).CompareAsync(mine, cancellationToken: patience.Token)
                .ConfigureAwait(false);
            return reply.HasHash ? reply.Hash : null;
        }
        catch (Exception failure) when (failure is RpcException or HttpRequestException or IOException
            or OperationCanceledException or InvalidOperationException)
        {
            return null;    // the next mark is as good as this one
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync().ConfigureAwait(false);
        await _running.ConfigureAwait(false);
        _bulk?.Dispose();
        _stopping.Dispose();
    }

    private GrpcChannel Open(Uri address) => GrpcChannel.ForAddress(address, new GrpcChannelOptions
    {
        DisposeHttpClient = true,
        MaxReceiveMessageSize = PeerService.MaxFrameBytes,
        MaxSendMessageSize = PeerService.MaxFrameBytes,
        HttpHandler = new ClientSpans(_directory.Secret.Prove(new SocketsHttpHandler
        {
            UseProxy = false,
            ConnectTimeout = TimeSpan.FromSeconds(1),
            KeepAlivePingDelay = TimeSpan.FromSeconds(2),
            KeepAlivePingTimeout = TimeSpan.FromSeconds(3),
            ActivityHeadersPropagator = null,
        })),
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
            catch (Exception failure) when (failure is not InvariantBrokenException)    // whatever broke it, try again
            {
                if (failure is RpcException { StatusCode: StatusCode.DataLoss } forgotten)
                    _onForgotten(_peer.Name, forgotten.Status.Detail);
                if (_isConnected && !stopping.IsCancellationRequested)
                    _logger.LinkLost(_peer.Name, failure.Message);
                else if (failure is RpcException
                {
                    StatusCode: StatusCode.FailedPrecondition or StatusCode.PermissionDenied,
                } refused)
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
        _channel = null;
        _outbox.Clear();
    }

    private async Task PumpAsync(Uri address, Action onConnected, CancellationToken stopping)
    {
        using var channel = Open(address);
        using var call = new Wire.Peer.PeerClient(channel).Link(cancellationToken: stopping);
        await call.RequestStream.WriteAsync(new Wire.Frame { Ends = Ends }, stopping).ConfigureAwait(false);
        await call.ResponseHeadersAsync.WaitAsync(TimeSpan.FromSeconds(2), stopping).ConfigureAwait(false);
        _outbox.Clear();    // a sender that saw the last connection end a moment late
        _channel = channel;
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
        finally
        {
            call.Dispose();    // whatever ended it, nobody is left behind who watches
            await end.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
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
        var frame = new Wire.Frame { Ends = Ends, Flushed = _log.FlushedFrame };
        foreach (var envelope in envelopes)
            frame.Messages.Add(PeerCodec.Encode(envelope.Partition, envelope.Message));
        return frame;
    }
}
