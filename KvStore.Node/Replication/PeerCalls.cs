using Google.Protobuf;
using Grpc.Core;
using KvStore.Core.Primitives;

namespace KvStore.Node.Replication;

/// <summary>Calls of single peers, on the connections that their links have open.</summary>
internal sealed class PeerCalls(PeerTransport transport) : IPeerCalls
{
    /// <inheritdoc/>
    public async Task<WriteOutcome> ProposeAsync(
        NodeId peer, PartitionId partition, ReadOnlyMemory<byte> payload, CancellationToken deadline)
    {
        if (transport.LinkTo(peer) is not { Channel: { } channel } link)
            return new WriteOutcome.NotPrimary(NodeId.None);
        try
        {
            var proposal = new Wire.Proposal
            {
                Ends = link.Ends,
                Partition = (uint)partition.Value,
                Payload = UnsafeByteOperations.UnsafeWrap(payload),    // payloads never change
            };
            var reply = await new Wire.Peer.PeerClient(channel).ProposeAsync(proposal, cancellationToken: deadline)
                .ConfigureAwait(false);
            return CallCodec.Decode(reply);
        }
        catch (ObjectDisposedException)    // the link was lost before the call began
        {
            return new WriteOutcome.NotPrimary(NodeId.None);
        }
        catch (Exception failure) when (IsOfCall(failure))
        {
            return WasRefused(failure) ? new WriteOutcome.NotPrimary(NodeId.None) : new WriteOutcome.Indeterminate();
        }
    }

    /// <inheritdoc/>
    public async Task<EntriesOutcome> ReadEntriesAsync(
        NodeId peer, PartitionId partition, EntriesQuery query, CancellationToken deadline)
    {
        if (transport.LinkTo(peer) is not { Channel: { } channel } link)
            return new EntriesOutcome.NotPrimary(NodeId.None);
        try
        {
            var request = new Wire.EntriesRequest
            {
                Ends = link.Ends,
                Partition = (uint)partition.Value,
                Prefix = UnsafeByteOperations.UnsafeWrap(query.Prefix),
            };
            if (query.Known is { } known)
                (request.KnownCount, request.KnownNewest) = (known.Count, known.Newest.Value);
            var reply = await new Wire.Peer.PeerClient(channel)
                .ReadEntriesAsync(request, cancellationToken: deadline)
                .ConfigureAwait(false);
            return CallCodec.Decode(reply);
        }
        catch (Exception failure) when (IsOfCall(failure))
        {
            return new EntriesOutcome.NotPrimary(NodeId.None);
        }
    }

    /// <inheritdoc/>
    public async Task<KeysOutcome> ReadKeysAsync(
        NodeId peer, PartitionId partition, KeysQuery query, CancellationToken deadline)
    {
        if (transport.LinkTo(peer) is not { Channel: { } channel } link)
            return new KeysOutcome.NotPrimary(NodeId.None);
        try
        {
            var request = new Wire.KeysRequest
            {
                Ends = link.Ends,
                Partition = (uint)partition.Value,
                Bucket = query.Bucket.Value,
            };
            foreach (var key in query.Keys)
                request.Keys.Add(UnsafeByteOperations.UnsafeWrap(key));
            var reply = await new Wire.Peer.PeerClient(channel)
                .ReadKeysAsync(request, cancellationToken: deadline)
                .ConfigureAwait(false);
            return CallCodec.Decode(reply);
        }
        catch (Exception failure) when (IsOfCall(failure))
        {
            return new KeysOutcome.NotPrimary(NodeId.None);
        }
    }

    /// <summary>
    /// Whether it tells of a call that came to nothing, and not of a defect of ours; also that the link was lost before
    /// the call began.
    /// </summary>
    public static bool IsOfCall(Exception failure) => failure is RpcException or HttpRequestException or IOException
        or OperationCanceledException or InvalidOperationException or InvalidDataException;

    /// <summary>Whether the callee said so before it looked at the command, or was never reached.</summary>
    private static bool WasRefused(Exception failure) => failure is RpcException
    {
        StatusCode: StatusCode.FailedPrecondition or StatusCode.InvalidArgument or StatusCode.Unimplemented
            or StatusCode.DataLoss
    }
        or RpcException
    {
        Status.DebugException: HttpRequestException { HttpRequestError: HttpRequestError.ConnectionError }
    };
}
