using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using Grpc.Core;
using KvStore.Core.Primitives;

namespace KvStore.Node.Replication;

/// <summary>Positions and changes of other members, on the connections that their links have open.</summary>
internal sealed class HistoryCalls(PeerTransport transport) : IHistoryPeers
{
    /// <inheritdoc/>
    public bool IsConnected(NodeId peer) => transport.IsConnected(peer);

    /// <inheritdoc/>
    public async Task<ConfirmedPositions> ReadPositionsAsync(
        NodeId peer, ImmutableArray<PartitionId> partitions, CancellationToken deadline)
    {
        if (transport.LinkTo(peer) is not { Channel: { } channel } link)
            return ConfirmedPositions.Nothing;
        try
        {
            var request = new Wire.PositionsRequest { Ends = link.Ends };
            request.Partitions.AddRange(partitions.Select(partition => (uint)partition.Value));
            var reply = await new Wire.Peer.PeerClient(channel)
                .ReadPositionsAsync(request, cancellationToken: deadline)
                .ConfigureAwait(false);
            return new ConfirmedPositions(
                [.. reply.Positions.Select(item => (new PartitionId((int)item.Partition), item.Index))],
                [.. reply.Elsewhere.Select(item => (new PartitionId((int)item.Partition), new NodeId(item.Hint)))]);
        }
        catch (Exception failure) when (PeerCalls.IsOfCall(failure))
        {
            return ConfirmedPositions.Nothing;
        }
    }

    /// <inheritdoc/>
    public async IAsyncEnumerable<FollowedChanges> FollowAsync(
        NodeId peer,
        ImmutableArray<(PartitionId Partition, long After)> after,
        [EnumeratorCancellation] CancellationToken stopping)
    {
        if (transport.LinkTo(peer) is not { Channel: { } channel } link)
            yield break;
        var request = new Wire.FollowRequest { Ends = link.Ends };
        request.After.AddRange(after.Select(place => new Wire.PartitionPosition
        {
            Partition = (uint)place.Partition.Value,
            Index = place.After,
        }));
        using var call = Open(channel, request, stopping);
        while (call is not null && await NextAsync(call, stopping).ConfigureAwait(false) is { } news)
            yield return news;
    }

    private static AsyncServerStreamingCall<Wire.FollowReply>? Open(
        Grpc.Net.Client.GrpcChannel channel, Wire.FollowRequest request, CancellationToken stopping)
    {
        try
        {
            return new Wire.Peer.PeerClient(channel).FollowChanges(request, cancellationToken: stopping);
        }
        catch (Exception failure) when (PeerCalls.IsOfCall(failure))
        {
            return null;
        }
    }

    private static async Task<FollowedChanges?> NextAsync(
        AsyncServerStreamingCall<Wire.FollowReply> call, CancellationToken stopping)
    {
        try
        {
            return await call.ResponseStream.MoveNext(stopping).ConfigureAwait(false)
                ? HistoryCodec.Decode(call.ResponseStream.Current)
                : null;
        }
        catch (Exception failure) when (PeerCalls.IsOfCall(failure))
        {
            return null;
        }
    }
}
