using KvStore.Core.Primitives;
using KvStore.Node.Membership;

namespace KvStore.Node.Replication;

/// <summary>Scans at other members, on the connections that their links have open.</summary>
internal sealed class ScanCalls(PeerTransport transport, CurrentView current) : IScanPeers
{
    /// <inheritdoc/>
    public IEnumerable<NodeId> Others =>
        current.View?.Members.Select(member => member.Id).Where(member => member != current.Self) ?? [];

    /// <inheritdoc/>
    public Task<PinOutcome?> PinAsync(NodeId peer, PinRequest request, CancellationToken deadline)
    {
        var nobody = new PinOutcome
        {
            Elsewhere = [.. request.Partitions.Select(partition => (partition, NodeId.None))],
        };
        return AskAsync<PinOutcome?>(
            peer,
            nobody,
            async (client, ends) => ScanCodec.Decode(await client
                .PinAsync(ScanCodec.Encode(request, ends), cancellationToken: deadline)
                .ConfigureAwait(false)));
    }

    /// <inheritdoc/>
    public Task<ScanOutcome?> ScanAsync(
        NodeId peer, ulong snapshot, ScanQuery query, CancellationToken deadline) => AskAsync<ScanOutcome?>(
        peer,
        null,
        async (client, ends) =>
        {
            var request = new Wire.ScanRequest { Ends = ends, Snapshot = snapshot, Query = ScanCodec.Encode(query) };
            var reply = await client.ScanAsync(request, cancellationToken: deadline).ConfigureAwait(false);
            return ScanCodec.Decode(reply);
        });

    /// <inheritdoc/>
    public Task<bool?> SettleAsync(
        NodeId peer, ulong snapshot, PinFate fate, CancellationToken deadline) => AskAsync<bool?>(
        peer,
        null,
        async (client, ends) =>
        {
            var request = new Wire.SettleRequest
            {
                Ends = ends,
                Snapshot = snapshot,
                IsKept = fate is PinFate.Kept,
                IsRead = fate is PinFate.Read,
            };
            var reply = await client.SettleAsync(request, cancellationToken: deadline).ConfigureAwait(false);
            return reply.End == Wire.RequestEnd.Done;
        });

    /// <summary>Makes a call; what it comes to where the peer was certainly not reached is given, else null.</summary>
    private async Task<T?> AskAsync<T>(
        NodeId peer, T? unreached, Func<Wire.Peer.PeerClient, Wire.Ends, Task<T>> call)
    {
        if (transport.LinkTo(peer) is not { Channel: { } channel } link)
            return unreached;
        try
        {
            return await call(new Wire.Peer.PeerClient(channel), link.Ends).ConfigureAwait(false);
        }
        catch (Exception failure) when (PeerCalls.IsOfCall(failure))
        {
            return default;
        }
    }
}
