using System.Diagnostics;
using KvStore.Core.Membership;
using KvStore.Core.Primitives;
using KvStore.Core.State;
using KvStore.Node.Replication;

namespace KvStore.Node.Api;

/// <summary>
/// Entries that end. An entry is gone by log time alone, so that no copy ever sees it come back; what is due by the
/// primary's clock and not by log time yet is made to end before a strong read answers.
/// </summary>
internal sealed partial class KeyValueApi
{
    private bool IsDue(ReadOutcome.Ready ready, KeyRequest request, PartitionId partition) =>
        ready.Image.Find(request.BucketId, request.Key.Span) is { ExpiresMs: not 0 } found
        && found.IsExpiredAt(partitions.NowMs(partition));

    /// <summary>Brings log time forward by a committed command, then reads again.</summary>
    private async ValueTask<Attempt> ReadExpiredAsync(
        HttpContext context, KeyRequest request, ClusterView view, PartitionId partition, CancellationToken deadline)
    {
        switch (await partitions.WriteAsync(partition, new Command.Expire(), Ack.Quorum, deadline))
        {
            case WriteOutcome.Committed:
                return await ReadHereAsync(context, request, view, partition, deadline);
            case WriteOutcome.NotPrimary elsewhere:
                return Attempt.TryAt(Hint(partition, elsewhere.Hint));
            case WriteOutcome.Overloaded:
                return Attempt.Answered(Problems.Overloaded);
            case WriteOutcome.Indeterminate:
                return deadline.IsCancellationRequested
                    ? Attempt.Answered(Problems.DeadlinePassed(mayBeApplied: false))
                    : Attempt.TryAt(Hint(partition, NodeId.None));
            default:
                throw new UnreachableException();
        }
    }

    /// <summary>
    /// A replay does not tell what is stored. If nothing was written to the key since, that is what the first attempt
    /// stored.
    /// </summary>
    private WriteOutcome WithStored(WriteOutcome outcome, KeyRequest request, PartitionId partition) =>
        outcome is WriteOutcome.Committed { Result: { IsReplay: true, Entry: null } result } done
        && partitions.ReadLocal(partition)?.Image.Find(request.BucketId, request.Key.Span) is { } stored
        && stored.Version == result.Version
            ? done with { Result = result with { Entry = stored } }
            : outcome;
}
