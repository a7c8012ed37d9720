using KvStore.Core.Primitives;

namespace KvStore.Node.Replication;

/// <summary>Calls that have other members read the catalog, on the connections that their links have open.</summary>
internal sealed class CatalogCalls(PeerTransport transport) : ICatalogPeers
{
    /// <inheritdoc/>
    public IEnumerable<NodeId> Connected =>
        transport.Links.Where(link => link.IsConnected).Select(link => link.Member);

    /// <inheritdoc/>
    public async Task RenewAsync(NodeId peer, CancellationToken deadline)
    {
        if (transport.LinkTo(peer) is not { Channel: { } channel } link)
            return;
        try
        {
            await new Wire.Peer.PeerClient(channel)
                .RenewCatalogAsync(new Wire.CatalogRequest { Ends = link.Ends }, cancellationToken: deadline)
                .ConfigureAwait(false);
        }
        catch (Exception failure) when (PeerCalls.IsOfCall(failure))
        {
            // It counts as cut off, and follows when it is back.
        }
    }
}
