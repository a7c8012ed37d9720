using Grpc.Core;
using KvStore.Core.Membership;
using KvStore.Core.Primitives;
using KvStore.Core.Replication;
using KvStore.Core.State;
using KvStore.Node.Membership;
using KvStore.Node.Storage;
using KvStore.Node.Telemetry;

namespace KvStore.Node.Replication;

/// <summary>
/// The callee's side of the links between nodes. Checks both ends of every frame before anything of it is used.
/// </summary>
internal sealed partial class PeerService(
    CurrentView current,
    NodeIdentity self,
    PartitionRouter router,
    ReceivedSnapshots received,
    StateComparer comparer,
    PinnedSnapshots snapshots,
    PeerLogs logs,
    ICatalog catalog,
    NodeEnd end,
    TimeProvider time,
    ILogger<PeerService> logger)
    : Wire.Peer.PeerBase
{
    /// <summary>A frame may hold one entry of the largest value allowed, and what was waiting beside it.</summary>
    public const int MaxFrameBytes = 32 * 1024 * 1024;

    /// <summary>A partition's state is held in memory, so a transfer of more than this is no state of ours.</summary>
    private const long MaxSnapshotBytes = 16L * 1024 * 1024 * 1024;

    public override async Task<Wire.LinkEnd> Link(
        IAsyncStreamReader<Wire.Frame> requestStream, ServerCallContext context)
    {
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken, end.LinksEnd);
        Wire.Ends? sender = null;
        try
        {
            while (await requestStream.MoveNext(ended.Token).ConfigureAwait(false))
            {
                var frame = requestStream.Current;
                var from = Check(frame.Ends, frame.Flushed);
                var isFirst = sender is null;
                sender = frame.Ends;
                if (isFirst)
                    await context.WriteResponseHeadersAsync([]).ConfigureAwait(false);    // for the caller: a welcome
                router.Receive(from, Decode(frame));
            }
        }
        catch (OperationCanceledException) when (end.LinksEnd.IsCancellationRequested)
        {
            // The caller learns by the answer that this node is leaving.
        }
        catch (IOException)
        {
            // The connection is gone, and so is who could be told.
        }
        finally
        {
            if (sender is not null)
                logs.Ended(sender);
        }

        return new Wire.LinkEnd();
    }

    public override async Task<Wire.SnapshotReply> Install(
        IAsyncStreamReader<Wire.SnapshotChunk> requestStream, ServerCallContext context)
    {
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken, end.LinksEnd);
        if (!await requestStream.MoveNext(ended.Token).ConfigureAwait(false)
            || requestStream.Current.Head is not { } head)
        {
            throw Refuse(StatusCode.InvalidArgument, "A snapshot begins with its head.");
        }

        var from = Check(head.Ends, flushed: null);
        try
        {
            var (partition, term, described) = PeerCodec.Decode(head);
            if (!router.Holds(partition))
                throw Refuse(StatusCode.InvalidArgument, $"Partition {partition} has no replica here.");
            var blocks = await ReadBlocksAsync(requestStream, ended.Token).ConfigureAwait(false);
            var snapshot = await received.SaveAsync(partition, described, blocks).ConfigureAwait(false);
            router.Receive(partition, from, new PeerMessage.InstallSnapshot(term, snapshot));
            return new Wire.SnapshotReply();
        }
        catch (InvalidDataException failure)
        {
            throw Refuse(StatusCode.InvalidArgument, failure.Message);
        }
        catch (NoRoomException failure)
        {
            throw Refuse(StatusCode.ResourceExhausted, failure.Message);
        }
    }

    public override Task<Wire.StateHashReply> Compare(Wire.StateHash request, ServerCallContext context)
    {
        var from = Check(request.Ends, flushed: null);
        Wire.StateHashReply reply = new();
        if (request.Format != StateImage.HashFormat)
            return Task.FromResult(reply);
        try
        {
            var (partition, index) = PeerCodec.Decode(request);
            if (comparer.Hear(partition, from, index, request.Hash) is { } hash)
                reply.Hash = hash;
            return Task.FromResult(reply);
        }
        catch (InvalidDataException failure)
        {
            throw Refuse(StatusCode.InvalidArgument, failure.Message);
        }
    }

    private static async Task<List<ReadOnlyMemory<byte>>> ReadBlocksAsync(
        IAsyncStreamReader<Wire.SnapshotChunk> chunks, CancellationToken cancellation)
    {
        var blocks = new List<ReadOnlyMemory<byte>>();
        long bytes = 0;
        while (await chunks.MoveNext(cancellation).ConfigureAwait(false))
        {
            var block = chunks.Current.Block;
            bytes += block.Length;
            if (bytes > MaxSnapshotBytes)
                throw Refuse(
                    StatusCode.InvalidArgument, $"A snapshot of more than {MaxSnapshotBytes} bytes is not taken.");
            blocks.Add(block.Memory);
        }

        return blocks;
    }

    private static List<(PartitionId, PeerMessage)> Decode(Wire.Frame frame)
    {
        try
        {
            return [.. frame.Messages.Select(PeerCodec.Decode)];
        }
        catch (InvalidDataException failure)
        {
            throw Refuse(StatusCode.InvalidArgument, failure.Message);
        }
    }

    private NodeId Check(Wire.Ends? ends, ulong? flushed)
    {
        if (current.View is not { } view)
            throw Refuse(StatusCode.Unavailable, "This node is still forming its cluster.");
        if (ends is null)
            throw Refuse(StatusCode.InvalidArgument, "A frame names its ends; this one does not.");
        if (ends.Protocol != PeerCodec.Protocol)
            throw Refuse(
                StatusCode.FailedPrecondition, $"Protocol {ends.Protocol} is spoken there, {PeerCodec.Protocol} here.");
        if (ends.Cluster != view.ClusterId)
            throw Refuse(
                StatusCode.FailedPrecondition, $"This is cluster {view.ClusterId:x16}, not {ends.Cluster:x16}.");
        if (ends.Receiver != current.Self.Value || ends.ReceiverIncarnation != self.Incarnation)
        {
            throw Refuse(
                StatusCode.FailedPrecondition,
                $"This is {self.Name} on disk {self.Incarnation:x16}; "
                + $"member {ends.Receiver} on {ends.ReceiverIncarnation:x16} was meant.");
        }

        foreach (var member in view.Members)
        {
            if (member.Id.Value != ends.Sender || member.Incarnation != ends.SenderIncarnation)
                continue;
            CheckDisk(member, ends, flushed);
            return member.Id;
        }

        logger.StrangerRefused(ends.Sender, ends.SenderIncarnation);
        throw Refuse(
            StatusCode.FailedPrecondition,
            $"Member {ends.Sender} on disk {ends.SenderIncarnation:x16} is not in the view.");
    }

    private void CheckDisk(Member member, Wire.Ends ends, ulong? flushed)
    {
        switch (logs.Hear(ends, flushed, out var known))
        {
            case DiskClaim.Taken:
                throw Refuse(
                    StatusCode.FailedPrecondition,
                    $"Another process speaks for {member.Name} on disk {ends.SenderIncarnation:x16}, or did until just "
                    + "now. If two run on copies of one directory, stop one of them.");
            case DiskClaim.Forgotten:
                logger.OlderDiskRefused(member.Name, ends.LogEnd, known);
                throw Refuse(
                    StatusCode.DataLoss,
                    $"The log of {member.Name} ended with frame {ends.LogEnd} when it started, and had {known} "
                    + "before.");
        }
    }

    private static RpcException Refuse(StatusCode code, string detail) => new(new Status(code, detail));
}

/// <summary>Snapshots from peers: flushed to disk before the core hears of them.</summary>
internal sealed class ReceivedSnapshots(NodeStorage storage)
{
    /// <exception cref="InvalidDataException">The blocks are no image of a state.</exception>
    public Task<Snapshot> SaveAsync(PartitionId partition, Snapshot described, List<ReadOnlyMemory<byte>> blocks) =>
        Task.Factory.StartNew(
            () =>
            {
                var snapshot = described with { State = StateImage.Decode(blocks) };
                storage.Log.SaveReceivedSnapshot(partition, snapshot);
                return snapshot;
            },
            CancellationToken.None,
            TaskCreationOptions.LongRunning,    // a flush must not hold a thread of the pool
            TaskScheduler.Default);
}
