using KvStore.Core.Primitives;
using KvStore.Core.State;

namespace KvStore.Node.Replication;

/// <summary>
/// Tries this node's own replica first, then the believed primary, follows hints, and asks the other keepers in turn:
/// of a group that it has no replica of, this node may go on believing in a primary that is long gone.
/// </summary>
internal sealed class ClusterPartitions(IPartitions here, IPeerCalls peers, TimeProvider time) : IClusterPartitions
{
    /// <inheritdoc/>
    public async ValueTask<WriteOutcome> WriteAsync(
        PartitionId partition, Command command, CancellationToken deadline)
    {
        var search = new PrimarySearch(here, partition, time);
        ReadOnlyMemory<byte> payload = default;
        var mayBeApplied = false;
        WriteOutcome last = new WriteOutcome.NotPrimary(NodeId.None);
        while (!deadline.IsCancellationRequested)
        {
            var outcome = await UnlockedCalls
                .WriteAsync(here, partition, command, Ack.Quorum, time, UnlockedCalls.LongestWait, deadline)
                .ConfigureAwait(false);
            if (outcome is WriteOutcome.NotPrimary elsewhere && search.Next(elsewhere.Hint) is var member
                && member != NodeId.None)
            {
                payload = payload.IsEmpty ? CommandFormat.Encode(command) : payload;
                outcome = await peers.ProposeAsync(member, partition, payload, deadline).ConfigureAwait(false);
            }

            switch (outcome)
            {
                case WriteOutcome.NotPrimary { Hint: var hint }:
                    search.Hear(hint);
                    break;
                case WriteOutcome.Indeterminate when IsRepeatable(command):
                    mayBeApplied = true;
                    break;
                case WriteOutcome.Committed when UnlockedCalls.IsLocked(outcome):
                    last = outcome;
                    break;
                case WriteOutcome.Overloaded or WriteOutcome.DiskLow when mayBeApplied:
                    return new WriteOutcome.Indeterminate();
                default:
                    return outcome;
            }

            await search.PauseAsync(deadline).ConfigureAwait(false);
        }

        return mayBeApplied ? new WriteOutcome.Indeterminate() : last;
    }

    /// <inheritdoc/>
    public async ValueTask<EntriesOutcome> ReadAsync(
        PartitionId partition, EntriesQuery query, CancellationToken deadline)
    {
        var search = new PrimarySearch(here, partition, time);
        while (!deadline.IsCancellationRequested)
        {
            var outcome = await PartitionEntries.ReadAsync(here, partition, query, deadline)
                .ConfigureAwait(false);
            if (outcome is EntriesOutcome.NotPrimary elsewhere && search.Next(elsewhere.Hint) is var member
                && member != NodeId.None)
            {
                outcome = await peers.ReadEntriesAsync(member, partition, query, deadline).ConfigureAwait(false);
            }

            if (outcome is not EntriesOutcome.NotPrimary { Hint: var hint })
                return outcome;
            search.Hear(hint);
            await search.PauseAsync(deadline).ConfigureAwait(false);
        }

        return new EntriesOutcome.TimedOut();
    }

    /// <inheritdoc/>
    public async ValueTask<KeysOutcome> ReadKeysAsync(
        PartitionId partition, KeysQuery query, CancellationToken deadline)
    {
        var search = new PrimarySearch(here, partition, time);
        KeysOutcome last = new KeysOutcome.TimedOut();
        while (!deadline.IsCancellationRequested)
        {
            var outcome = await PartitionKeys.ReadAsync(here, partition, query, time, deadline).ConfigureAwait(false);
            if (outcome is KeysOutcome.NotPrimary elsewhere && search.Next(elsewhere.Hint) is var member
                && member != NodeId.None)
                outcome = await peers.ReadKeysAsync(member, partition, query, deadline).ConfigureAwait(false);
            if (outcome is not (KeysOutcome.NotPrimary or KeysOutcome.Locked))
                return outcome;
            if (outcome is KeysOutcome.NotPrimary { Hint: var hint })
                search.Hear(hint);
            else
                last = outcome;
            await search.PauseAsync(deadline).ConfigureAwait(false);
        }

        return last;
    }

    /// <summary>Whether an attempt more does no harm after one that may have been applied.</summary>
    private static bool IsRepeatable(Command command) => command is { RequestId: not null } or Command.CloseBucket;
}
