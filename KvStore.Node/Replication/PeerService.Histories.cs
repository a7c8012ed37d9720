using Grpc.Core;

namespace KvStore.Node.Replication;

/// <summary>What other nodes ask of the changes that this node has applied.</summary>
internal sealed partial class PeerService
{
    /// <summary>Bytes of one message of changes, unless a single command has more.</summary>
    private const int MaxNewsBytes = 1 << 20;

    /// <summary>
    /// What one message can carry. A command that changed more than that is left out, and the history there begins anew
    /// behind it: who watches is told that something is lost.
    /// </summary>
    private const int MaxCommandBytes = MaxFrameBytes - 2 * MaxNewsBytes;

    /// <summary>Between two looks while there is always something new.</summary>
    private static readonly TimeSpan NewsPause = TimeSpan.FromMilliseconds(2);

    public override async Task<Wire.PositionsReply> ReadPositions(
        Wire.PositionsRequest request, ServerCallContext context)
    {
        Check(request.Ends, flushed: null);
        var partitions = request.Partitions.Distinct().Select(PartitionOf).ToList();
        var reply = new Wire.PositionsReply();
        using var turn = Turn.TryTake();
        if (turn is null)
            return reply;
        var reads = partitions
            .Select(partition => DueReads.ReadSettledAsync(router, partition, context.CancellationToken).AsTask())
            .ToList();
        foreach (var (partition, outcome) in partitions.Zip(await Task.WhenAll(reads).ConfigureAwait(false)))
        {
            if (outcome is ReadOutcome.Ready ready)
            {
                reply.Positions.Add(new Wire.PartitionPosition
                {
                    Partition = (uint)partition.Value,
                    Index = ready.Image.Index.Value,
                });
            }
            else
            {
                var hint = outcome is ReadOutcome.NotPrimary elsewhere ? elsewhere.Hint.Value : 0;
                reply.Elsewhere.Add(new Wire.PrimaryHint { Partition = (uint)partition.Value, Hint = hint });
            }
        }

        return reply;
    }

    public override async Task FollowChanges(
        Wire.FollowRequest request, IServerStreamWriter<Wire.FollowReply> responseStream, ServerCallContext context)
    {
        Check(request.Ends, flushed: null);
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken, end.LinksEnd);
        using var turn = Turn.TryTake()
            ?? throw Refuse(StatusCode.ResourceExhausted, "Too many calls are in progress.");
        var places = new List<FollowedPlace>();
        foreach (var asked in request.After)
        {
            if (router.HistoryOf(PartitionOf(asked.Partition)) is { } history)
                places.Add(new FollowedPlace(asked.Partition, history, asked.Index));
            else
                await responseStream.WriteAsync(new() { Partition = asked.Partition, IsAbsent = true }, ended.Token)
                    .ConfigureAwait(false);
        }

        try
        {
            while (places.Count > 0)
                await TellAsync(places, responseStream, ended.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (ended.IsCancellationRequested)
        {
            // The caller turns elsewhere, or has gone.
        }
    }

    private async Task TellAsync(
        List<FollowedPlace> places, IServerStreamWriter<Wire.FollowReply> to, CancellationToken ended)
    {
        var changed = router.Applied.Next();    // armed before the look
        var isNew = false;
        foreach (var place in places)
        {
            while (place.Next() is { } news)
            {
                isNew = true;
                await to.WriteAsync(news, ended).ConfigureAwait(false);
            }
        }

        await (isNew ? Task.Delay(NewsPause, ended) : changed.WaitAsync(ended)).ConfigureAwait(false);
    }

    /// <summary>How far a peer has been told of a partition.</summary>
    private sealed class FollowedPlace(uint partition, ChangeHistory history, long after)
    {
        private long _told = after;
        private bool _isFirst = true;

        /// <summary>The next message; null: there is nothing new.</summary>
        public Wire.FollowReply? Next()
        {
            var reached = history.Reached;
            if (reached <= _told && !_isFirst)
                return null;
            var reply = new Wire.FollowReply { Partition = partition };
            if (history.From > _told)
                reply.From = _told = history.From;
            _isFirst = false;
            return Fill(reply, reached);
        }

        private Wire.FollowReply Fill(Wire.FollowReply reply, long reached)
        {
            var reader = history.After(_told);
            for (var bytes = 0L; bytes < MaxNewsBytes;)
            {
                switch (reader.Read(reached, out var changes))
                {
                    case HistoryStep.Found when changes.Bytes > MaxCommandBytes:
                        if (reply.Commands.Count == 0)
                            reply.From = reply.Reached = _told = changes.Index.Value;
                        return reply;
                    case HistoryStep.Found:
                        reply.Commands.Add(HistoryCodec.Encode(changes));
                        bytes += changes.Bytes;
                        reply.Reached = _told = changes.Index.Value;
                        break;
                    case HistoryStep.NoMore:
                        reply.Reached = _told = Math.Max(_told, reached);
                        return reply;
                    default:
                        reply.Reached = _told;    // the next message begins anew
                        return reply;
                }
            }

            return reply;
        }
    }
}
