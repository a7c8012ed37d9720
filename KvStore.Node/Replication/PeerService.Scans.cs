using Grpc.Core;

namespace KvStore.Node.Replication;

/// <summary>What other nodes ask of the keys that this node has, as they were at one moment.</summary>
internal sealed partial class PeerService
{
    public override async Task<Wire.PinReply> Pin(Wire.PinRequest request, ServerCallContext context)
    {
        Check(request.Ends, flushed: null);
        try
        {
            var pin = ScanCodec.Decode(request, current.View!.Ring.PartitionCount);
            using var turn = Turn.TryTake();
            return turn is null
                ? new Wire.PinReply { End = Wire.RequestEnd.Overloaded }
                : ScanCodec.Encode(await snapshots.PinAsync(pin, context.CancellationToken).ConfigureAwait(false));
        }
        catch (InvalidDataException failure)
        {
            throw Refuse(StatusCode.InvalidArgument, failure.Message);
        }
    }

    public override Task<Wire.ScanReply> Scan(Wire.ScanRequest request, ServerCallContext context)
    {
        Check(request.Ends, flushed: null);
        try
        {
            var query = ScanCodec.Decode(request.Query);
            using var turn = Turn.TryTake();
            return Task.FromResult(turn is null
                ? new Wire.ScanReply { End = Wire.RequestEnd.Overloaded }
                : ScanCodec.Encode(snapshots.Scan(request.Snapshot, query)));
        }
        catch (InvalidDataException failure)
        {
            throw Refuse(StatusCode.InvalidArgument, failure.Message);
        }
    }

    public override Task<Wire.SettleReply> Settle(Wire.SettleRequest request, ServerCallContext context)
    {
        Check(request.Ends, flushed: null);
        var isDone = snapshots.Settle(
            request.Snapshot,
            request.IsKept ? PinFate.Kept : request.IsRead ? PinFate.Read : PinFate.Released);
        return Task.FromResult(new Wire.SettleReply
        {
            End = isDone ? Wire.RequestEnd.Done : Wire.RequestEnd.Overloaded,
        });
    }
}
