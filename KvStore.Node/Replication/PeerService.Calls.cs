using Grpc.Core;
using KvStore.Core.Primitives;
using KvStore.Core.State;

namespace KvStore.Node.Replication;

/// <summary>What other nodes ask of the partitions that this node is primary of, and of its catalog.</summary>
internal sealed partial class PeerService
{
    /// <summary>Calls of all peers in progress; beyond it they are refused as overload.</summary>
    private const int MaxCalls = 4096;

    private static int _calls;

    public override async Task<Wire.ProposalReply> Propose(Wire.Proposal request, ServerCallContext context)
    {
        Check(request.Ends, flushed: null);
        var partition = PartitionOf(request.Partition);
        var command = DecodeCommand(request.Payload.Memory);
        using var turn = Turn.TryTake();
        var outcome = turn is null
            ? new WriteOutcome.Overloaded()
            : await UnlockedCalls
                .WriteAsync(
                    router,
                    partition,
                    command,
                    Ack.Quorum,
                    time,
                    UnlockedCalls.LongestWait,    // then the caller comes again: it knows its deadline
                    context.CancellationToken)
                .ConfigureAwait(false);
        return CallCodec.Encode(outcome);
    }

    public override async Task<Wire.EntriesReply> ReadEntries(Wire.EntriesRequest request, ServerCallContext context)
    {
        Check(request.Ends, flushed: null);
        EntriesMark? known = request.HasKnownCount && request.HasKnownNewest
            ? new EntriesMark(request.KnownCount, new LogIndex(request.KnownNewest))
            : null;
        var query = new EntriesQuery(request.Prefix.Memory, known);
        using var turn = Turn.TryTake();
        EntriesOutcome outcome = turn is null
            ? new EntriesOutcome.Overloaded()
            : await PartitionEntries
                .ReadAsync(router, PartitionOf(request.Partition), query, context.CancellationToken)
                .ConfigureAwait(false);
        return CallCodec.Encode(outcome);
    }

    public override async Task<Wire.KeysReply> ReadKeys(Wire.KeysRequest request, ServerCallContext context)
    {
        Check(request.Ends, flushed: null);
        if (request.Keys.Count is 0 or > CommandFormat.MaxOperations || request.Bucket == 0)
            throw Refuse(StatusCode.InvalidArgument, "A read is of 1 to 1000 keys in a bucket from 1 on.");
        var query = new KeysQuery(
            new BucketId(request.Bucket), [.. request.Keys.Select(key => key.Memory)]);
        using var turn = Turn.TryTake();
        KeysOutcome outcome = turn is null
            ? new KeysOutcome.Overloaded()
            : await PartitionKeys
                .ReadAsync(router, PartitionOf(request.Partition), query, time, context.CancellationToken)
                .ConfigureAwait(false);
        return CallCodec.Encode(outcome);
    }

    public override async Task<Wire.CatalogReply> RenewCatalog(Wire.CatalogRequest request, ServerCallContext context)
    {
        Check(request.Ends, flushed: null);
        using var turn = Turn.TryTake();
        return new Wire.CatalogReply
        {
            IsRenewed = turn is not null && await catalog.RenewAsync(context.CancellationToken).ConfigureAwait(false),
        };
    }

    private PartitionId PartitionOf(uint number) => number < (uint)current.View!.GroupCount
        ? new PartitionId((int)number)
        : throw Refuse(StatusCode.InvalidArgument, $"There is no partition {number}.");

    private static Command DecodeCommand(ReadOnlyMemory<byte> payload)
    {
        try
        {
            return CommandFormat.Decode(payload);
        }
        catch (InvalidDataException failure)
        {
            throw Refuse(StatusCode.InvalidArgument, failure.Message);
        }
    }

    /// <summary>One of the calls that may be in progress.</summary>
    private sealed class Turn : IDisposable
    {
        public static Turn? TryTake()
        {
            if (Interlocked.Increment(ref _calls) <= MaxCalls)
                return new Turn();
            Interlocked.Decrement(ref _calls);
            return null;
        }

        public void Dispose() => Interlocked.Decrement(ref _calls);
    }
}
