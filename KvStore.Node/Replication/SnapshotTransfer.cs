using System.Collections.Concurrent;
using Google.Protobuf;
using Grpc.Core;
using KvStore.Core.Primitives;
using KvStore.Core.Replication;
using KvStore.Node.Telemetry;

namespace KvStore.Node.Replication;

/// <summary>
/// Sends whole states to backups that fell behind the log: one at a time per peer, on the bulk connection. A state is
/// captured when its turn comes: until then it would only grow old, and keep alive what was replaced since.
/// </summary>
internal sealed class SnapshotTransfer(PeerTransport transport, ILogger<SnapshotTransfer> logger)
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(10);

    private readonly ConcurrentDictionary<NodeId, SemaphoreSlim> _turns = [];

    /// <summary>Begins a transfer and returns; its end is reported to the replica.</summary>
    public void Send(
        PartitionId partition, NodeId to, Term term, Func<Task<Snapshot?>> capture, Action<Input> report) =>
        _ = SendAsync(partition, to, term, capture, report);

    private async Task SendAsync(
        PartitionId partition, NodeId to, Term term, Func<Task<Snapshot?>> capture, Action<Input> report)
    {
        var turn = _turns.GetOrAdd(to, _ => new SemaphoreSlim(1));
        await turn.WaitAsync().ConfigureAwait(false);
        var (index, hasArrived) = (LogIndex.Zero, false);
        try
        {
            if (await capture().ConfigureAwait(false) is { } snapshot)
            {
                index = snapshot.Index;
                hasArrived = await TryStreamAsync(partition, to, term, snapshot).ConfigureAwait(false);
            }
        }
        finally
        {
            turn.Release();
            report(new Input.SnapshotSent(to, index, hasArrived));
        }
    }

    private async Task<bool> TryStreamAsync(PartitionId partition, NodeId to, Term term, Snapshot snapshot)
    {
        if (transport.LinkTo(to) is not { } link || link.BulkChannel() is not { } channel)
            return false;
        try
        {
            using var patience = new CancellationTokenSource(Patience);
            using var call = new Wire.Peer.PeerClient(channel).Install(cancellationToken: patience.Token);
            var head = new Wire.SnapshotHead
            {
                Ends = link.Ends,
                Partition = (uint)partition.Value,
                Term = term.Value,
                Index = snapshot.Index.Value,
                IndexTerm = snapshot.Term.Value,
                Configuration = UnsafeByteOperations.UnsafeWrap(
                    GroupConfigurationFormat.Encode(snapshot.Configuration)),
            };
            await call.RequestStream.WriteAsync(new Wire.SnapshotChunk { Head = head }, patience.Token)
                .ConfigureAwait(false);
            foreach (var block in snapshot.State.Encode())
            {
                var chunk = new Wire.SnapshotChunk { Block = UnsafeByteOperations.UnsafeWrap(block) };
                await call.RequestStream.WriteAsync(chunk, patience.Token).ConfigureAwait(false);
            }

            await call.RequestStream.CompleteAsync().ConfigureAwait(false);
            await call.ResponseAsync.ConfigureAwait(false);
            return true;
        }
        catch (Exception failure) when (failure is RpcException or HttpRequestException or IOException
            or OperationCanceledException or InvalidOperationException or ObjectDisposedException)
        {
            logger.SnapshotNotSent(partition.Value, to.Value, failure.Message);
            return false;
        }
    }
}
