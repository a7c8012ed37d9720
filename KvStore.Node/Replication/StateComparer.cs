using System.Globalization;
using KvStore.Core.Primitives;
using KvStore.Core.Replication;
using KvStore.Core.State;
using KvStore.Node.Membership;
using KvStore.Node.Storage;
using KvStore.Node.Telemetry;

namespace KvStore.Node.Replication;

/// <summary>
/// Compares, in the background, what the copies of each partition have come to at the same mark of its log, and ends
/// the node if its own copy is the odd one out: no checksum shows a state that was written as it was and is wrong.
/// </summary>
internal sealed class StateComparer(
    CurrentView current,
    PartitionRouter router,
    PeerTransport transport,
    NodeStorage storage,
    NodeEnd end,
    TimeProvider time,
    ILogger<StateComparer> logger) : BackgroundService
{
    private const string Odd = "This node is the odd one out and ends.";

    private const string Nobody = "No majority agrees, so nobody knows which is right, and every copy's node ends. "
        + "Nothing was changed on any disk. Keep copies of all their directories, and look for what these nodes do not "
        + "have in common: errors of disk or memory in their systems' logs, a directory put back from a backup, "
        + "another version of the program.";

    private const string Others = "This node goes on: as far as is known, its copy is not the odd one out.";

    private static readonly TimeSpan LookInterval = TimeSpan.FromMilliseconds(500);

    /// <summary>A tenth of one core's time at most: slices of work with nine times as long between them.</summary>
    private static readonly TimeSpan Slice = TimeSpan.FromMilliseconds(5);
    private static readonly TimeSpan Rest = TimeSpan.FromMilliseconds(45);

    private readonly Lock _gate = new();
    private readonly Lock _ending = new();
    private readonly Dictionary<PartitionId, StateComparison> _comparisons = [];

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await current.Formed.WaitAsync(stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        while (!stoppingToken.IsCancellationRequested)
        {
            await LookAsync(stoppingToken).ConfigureAwait(false);
            await Task.Delay(LookInterval, time, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>
    /// Compares every partition that has passed a mark since it was last compared, one after the other.
    /// </summary>
    internal async Task LookAsync(CancellationToken stopping)
    {
        foreach (var replica in router.Replicas)
        {
            if (replica.TakeMarked() is { } marked)
                await CompareAsync(replica.Partition, marked, stopping).ConfigureAwait(false);
        }
    }

    /// <summary>
    /// A member says what its state hashes to at a mark; gives what it hashes to here, if that is known.
    /// </summary>
    public ulong? Hear(PartitionId partition, NodeId from, LogIndex index, ulong hash)
    {
        if (!router.Holds(partition))
            return null;
        ulong? own = null;
        Act(partition, comparison =>
        {
            own = comparison.HashAt(index);
            return comparison.Heard(from, index, hash);
        });
        return own;
    }

    /// <summary>
    /// The others are told before this node decides: whoever ends at once leaves them what they need for their own
    /// decision.
    /// </summary>
    private async Task CompareAsync(PartitionId partition, Snapshot marked, CancellationToken stopping)
    {
        var hash = await Task.Factory.StartNew(
            () => Hash(marked.State, stopping),
            CancellationToken.None,
            TaskCreationOptions.LongRunning,    // nobody waits for it, so it must not hold a thread of the pool
            TaskScheduler.Default).ConfigureAwait(false);
        var answers = marked.Configuration.Members.Remove(current.Self)
            .Select(peer => AskAsync(peer, partition, marked.Index, hash, stopping));
        foreach (var (peer, answer) in await Task.WhenAll(answers).ConfigureAwait(false))
        {
            if (answer is { } theirs)
                Act(partition, comparison => comparison.Heard(peer, marked.Index, theirs));
        }

        Act(partition, comparison => comparison.Came(marked.Index, marked.Configuration, hash));
    }

    private async Task<(NodeId Peer, ulong? Answer)> AskAsync(
        NodeId peer, PartitionId partition, LogIndex index, ulong hash, CancellationToken stopping) =>
        transport.LinkTo(peer) is { } link
            ? (peer, await link.CompareAsync(partition, index, hash, stopping).ConfigureAwait(false))
            : (peer, null);

    private ulong Hash(StateImage image, CancellationToken stopping)
    {
        var since = time.GetTimestamp();
        return image.Hash(() =>
        {
            if (time.GetElapsedTime(since) < Slice)
                return;
            stopping.WaitHandle.WaitOne(Rest);
            stopping.ThrowIfCancellationRequested();
            since = time.GetTimestamp();
        });
    }

    private void Act(PartitionId partition, Func<StateComparison, StateDifference?> learn)
    {
        StateDifference? difference;
        lock (_gate)
        {
            if (!_comparisons.TryGetValue(partition, out var comparison))
                _comparisons.Add(partition, comparison = new StateComparison(current.Self));
            difference = learn(comparison);
        }

        if (difference is not null)
            Act(partition, difference);
    }

    private void Act(PartitionId partition, StateDifference difference)
    {
        var hashes = string.Join(", ", difference.Hashes.Select(said => string.Create(
            CultureInfo.InvariantCulture,
            $"member {said.Key}{(said.Key == current.Self.Value ? " (this node)" : "")} has {said.Value:x16}")));
        switch (difference.Verdict)
        {
            case StateVerdict.IsOdd:
                End(partition, difference.Index, $"{hashes}. {Odd}", storage.Condemn);
                break;
            case StateVerdict.NoMajority:
                End(partition, difference.Index, $"{hashes}. {Nobody}", reason => reason);
                break;
            default:
                logger.StatesDiffer(partition.Value, difference.Index.Value, $"{hashes}. {Others}");
                break;
        }
    }

    private void End(PartitionId partition, LogIndex index, string what, Func<string, string> settle)
    {
        lock (_ending)    // nothing ends the node while another difference is being written down
        {
            logger.StatesDiffer(partition.Value, index.Value, what);
            end.Fail(settle($"Partition {partition}: at index {index} its copies differ: {what}"));
        }
    }
}
