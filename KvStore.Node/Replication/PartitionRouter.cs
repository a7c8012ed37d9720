using System.Collections.Immutable;
using System.Diagnostics;
using System.Numerics;
using KvStore.Core.Membership;
using KvStore.Core.Primitives;
using KvStore.Core.Replication;
using KvStore.Core.State;
using KvStore.Node.Membership;
using KvStore.Node.Options;
using KvStore.Node.Storage;
using KvStore.Node.Telemetry;
using Microsoft.Extensions.Options;

namespace KvStore.Node.Replication;

/// <summary>The node's replicas, by partition: hands each call to the loop that owns the replica.</summary>
internal sealed class PartitionRouter(
    CurrentView current,
    PeerDirectory directory,
    NodeStorage storage,
    DiskWatch disk,
    IOutlets outlets,
    IOptions<NodeOptions> options,
    TimeProvider time,
    ILogger<PartitionRouter> logger) : IPartitions
{
    /// <summary>The longest rest of a primary between two commands that remove what is due.</summary>
    private static readonly TimeSpan ExpiryRest = TimeSpan.FromSeconds(1);

    /// <summary>The last that may be a process's first.</summary>
    private const long LastStamp = long.MaxValue >> 1;

    /// <summary>
    /// What all partitions may have appended and not yet committed, shared out among them; a partition may always have
    /// one command, however large.
    /// </summary>
    private const long UncommittedBytes = 256L << 20;
    private const long LeastUncommittedBytes = 1L << 20;
    private const long MostUncommittedBytes = 64L << 20;

    private static readonly PartitionReplica?[] None = [];

    private readonly PrimaryChanges _changes = new();
    private volatile PartitionReplica?[] _replicas = None;
    private ReplicaLoop[] _loops = [];
    private volatile HistoryBudget? _budget;
    private long _elections;
    private long _quorumFailures;

    /// <summary>The cluster's view; null until this node's replicas run.</summary>
    public ClusterView? View => current.Formed.IsCompleted ? current.View : null;

    /// <summary>All replicas of this node, the system group's among them.</summary>
    public IEnumerable<PartitionReplica> Replicas => _replicas.OfType<PartitionReplica>();

    /// <summary>The replicas of partitions: those that hold keys.</summary>
    public IEnumerable<PartitionReplica> Partitions =>
        Replicas.Where(replica => replica.Partition.Value < current.View!.Ring.PartitionCount);

    /// <summary>Calls, messages and reports that wait for the loops, and the bytes of payload in them.</summary>
    public (long Items, long Bytes) Waiting => (
        _loops.Sum(loop => (long)loop.Waiting), _loops.Sum(loop => loop.WaitingBytes));

    /// <summary>Elections that a replica here has won.</summary>
    public long Elections => Interlocked.Read(ref _elections);

    /// <summary>Writes and reads here that as many copies as they asked for did not confirm in time.</summary>
    public long QuorumFailures => Interlocked.Read(ref _quorumFailures);

    /// <summary>Tells that a replica here has applied something.</summary>
    public ChangeSignal Applied { get; } = new();

    /// <summary>What all histories of this node may hold; known once its replicas run.</summary>
    public HistoryBudget HistoryBudget => _budget
        ?? throw new InvalidOperationException("No replica runs here yet.");

    /// <summary>Completes when there is a view and this node's replicas run.</summary>
    public Task ViewReadyAsync(CancellationToken deadline) => current.Formed.WaitAsync(deadline);

    /// <summary>Makes a replica of every group that the view places here, from what the disk holds of it.</summary>
    /// <returns>The loops' end; it fails as soon as an invariant is broken in one of them.</returns>
    public Task Start(ClusterView view, NodeId self)
    {
        var replicas = new PartitionReplica?[view.GroupCount];
        _budget = new HistoryBudget(
            options.Value.HistoryChanges, options.Value.HistoryBytes, view.Ring.PartitionCount);
        foreach (var group in Enumerable.Range(0, replicas.Length).Select(number => new PartitionId(number)))
        {
            if (view.KeepersOf(group).Contains(self))
                replicas[group.Value] = CreateReplica(view, self, group);
        }

        var count = options.Value.Loops > 0 ? options.Value.Loops : Math.Max(1, Environment.ProcessorCount / 2);
        _loops = [.. Enumerable.Range(0, count).Select(number => new ReplicaLoop(
            replicas.OfType<PartitionReplica>().Where(replica => replica.Partition.Value % count == number),
            outlets,
            replica => OnPrimaryChanged(replica, self)))];
        _replicas = replicas;    // last: who finds a replica finds its loop
        storage.Log.ForgetRecovered();
        return EndAsync([.. _loops.Select(loop => Task.Run(loop.RunAsync))]);
    }

    private void Unconfirmed(Activity? span)
    {
        Interlocked.Increment(ref _quorumFailures);
        span?.SetStatus(ActivityStatusCode.Error);
    }

    private void OnPrimaryChanged(PartitionReplica replica, NodeId self)
    {
        var (primary, term) = (replica.Hint.Primary, replica.Hint.Term);
        if (primary == self)
        {
            Interlocked.Increment(ref _elections);
            logger.BecamePrimary(replica.Partition.Value, term.Value);
        }
        else if (primary != NodeId.None)
            logger.FollowsPrimary(replica.Partition.Value, primary.Value, term.Value);
        _changes.Announce(replica.Partition);
    }

    /// <summary>Tells every replica who should keep its group by a newer view.</summary>
    public void Follow(ClusterView view)
    {
        var lost = LostIn(view);
        foreach (var replica in Replicas)
        {
            var keepers = view.KeepersOf(replica.Partition);
            Post(replica, owned => owned.Follow(keepers, lost));
        }
    }

    public bool Holds(PartitionId partition) => Find(partition) is not null;

    /// <summary>Appends, replicates and applies a command.</summary>
    /// <param name="partition">The partition of the command's key.</param>
    /// <param name="command">What to do.</param>
    /// <param name="ack">When to answer.</param>
    /// <param name="deadline">Cancelled when the caller's deadline passes; the write itself is not undone.</param>
    public async ValueTask<WriteOutcome> WriteAsync(
        PartitionId partition, Command command, Ack ack, CancellationToken deadline)
    {
        if (Find(partition) is not { } replica)
            return new WriteOutcome.NotPrimary(PrimaryOf(partition).Primary);
        if (replica.Role != ReplicaRole.Primary)
            return new WriteOutcome.NotPrimary(replica.Hint.Primary);
        if (disk.IsLow && command.Stores && partition != current.View!.SystemGroup)
            return new WriteOutcome.DiskLow();    // members must be able to come and go, above all now
        using var span = NodeTracing.Begin(NodeTracing.Quorum, "write");
        var office = replica.Hint.Term;    // first: the clock may be that of a later one, not of an earlier
        var write = new PendingWrite(CommandFormat.Encode(command, replica.NowMs), command, ack)
        {
            StampedIn = office,
            Trace = span?.Context,
        };
        using var armed = write.Arm(deadline);
        Failpoints.Reached(Failpoint.WriteArrived);
        if (!LoopOf(partition).TryPost(replica, write))
            return new WriteOutcome.Overloaded();
        var outcome = await write.Done.ConfigureAwait(false);
        if (outcome is WriteOutcome.Indeterminate or WriteOutcome.TooFewCopies)
            Unconfirmed(span);
        return outcome;
    }

    /// <summary>Confirms leadership, then gives the state to read from.</summary>
    public async ValueTask<ReadOutcome> ReadAsync(PartitionId partition, CancellationToken deadline)
    {
        if (Find(partition) is not { } replica)
            return new ReadOutcome.NotPrimary(PrimaryOf(partition).Primary);
        if (replica.Role != ReplicaRole.Primary)
            return new ReadOutcome.NotPrimary(replica.Hint.Primary);
        using var span = NodeTracing.Begin(NodeTracing.Quorum, "read");
        var read = new PendingRead();
        using var armed = read.Arm(deadline);
        Failpoints.Reached(Failpoint.ReadArrived);
        if (!LoopOf(partition).TryPost(replica, read))
            return new ReadOutcome.Overloaded();
        var outcome = await read.Done.ConfigureAwait(false);
        if (outcome is ReadOutcome.TimedOut)
            Unconfirmed(span);
        return outcome;
    }

    /// <summary>What was changed lately, as applied here; null without a replica that holds keys.</summary>
    public ChangeHistory? HistoryOf(PartitionId partition) => Find(partition)?.History;

    /// <summary>Whatever this node has applied; null when it has no replica of the partition.</summary>
    public ReadOutcome.Ready? ReadLocal(PartitionId partition) => Find(partition)?.Local;

    /// <summary>
    /// Completes when the state here contains the command at an index, at once when there is no replica here;
    /// cancelled with <paramref name="patience"/>.
    /// </summary>
    public Task AppliedAsync(PartitionId partition, LogIndex index, CancellationToken patience) =>
        Find(partition)?.AppliedAsync(index, patience) ?? Task.CompletedTask;

    /// <summary>
    /// Completes when no transaction holds any of these keys in the state here, at once when there is no replica here;
    /// cancelled with <paramref name="patience"/>.
    /// </summary>
    public Task UnlockedAsync(
        PartitionId partition,
        BucketId bucket,
        ImmutableArray<ReadOnlyMemory<byte>> keys,
        CancellationToken patience) =>
        Find(partition)?.UnlockedAsync(bucket, keys, patience) ?? Task.CompletedTask;

    /// <summary>The partition's time by its log clock, in milliseconds since 1970; 0 without a replica here.</summary>
    public long NowMs(PartitionId partition) => Find(partition)?.NowMs ?? 0;

    /// <summary>The believed primary of a partition and the term it was seen in; one volatile read.</summary>
    public (NodeId Primary, Term Term) PrimaryOf(PartitionId partition) => Find(partition)?.Hint is { } hint
        ? (hint.Primary, hint.Term)
        : (current.View?.KeepersOf(partition)[0] ?? NodeId.None, Term.Zero);

    /// <summary>Completes when the believed primary of the partition is no longer <paramref name="known"/>.</summary>
    public async Task PrimaryChangedAsync(PartitionId partition, NodeId known, CancellationToken deadline)
    {
        while (true)
        {
            var change = _changes.Next(partition);    // armed before the look, so that no change falls between
            if (PrimaryOf(partition).Primary != known)
                return;
            await change.WaitAsync(deadline).ConfigureAwait(false);
        }
    }

    /// <summary>Where a member's HTTP API was last reached; null when unknown, and for this node itself.</summary>
    public Uri? AddressOf(NodeId member) => member == current.Self ? null : directory.UrlOf(member);

    /// <summary>A peer's message; dropped when too much is waiting or the partition is not here.</summary>
    public void Receive(PartitionId partition, NodeId from, PeerMessage message)
    {
        if (Find(partition) is { } replica)
            LoopOf(partition).TryPost(replica, new Input.Receive(from, message));
    }

    /// <summary>
    /// A frame of a peer's messages, for each loop as one: what came together is answered together, and a heartbeat of
    /// all groups wakes a loop once.
    /// </summary>
    public void Receive(NodeId from, IEnumerable<(PartitionId Partition, PeerMessage Message)> frame)
    {
        if (_replicas.Length == 0)
            return;    // links open before the loops run
        var parts = new ReceivedFrame?[_loops.Length];
        foreach (var (partition, message) in frame)
        {
            if (Find(partition) is { } replica)
                (parts[partition.Value % parts.Length] ??= []).Add((replica, new Input.Receive(from, message)));
        }

        for (var loop = 0; loop < parts.Length; loop++)
        {
            if (parts[loop] is { } part)
                _loops[loop].TryPost(part);
        }
    }

    /// <summary>Has the owning loop do something with a replica.</summary>
    public void Post(PartitionReplica replica, Action<PartitionReplica> act) =>
        LoopOf(replica.Partition).Post(replica, act);

    /// <summary>Has the owning loop step a replica.</summary>
    public void Post(PartitionReplica replica, Input input) => LoopOf(replica.Partition).Post(replica, input);

    public void Tick()
    {
        foreach (var loop in _loops)
            loop.PostTick();
    }

    public void Stop()
    {
        foreach (var loop in _loops)
            loop.Stop();
    }

    /// <summary>Says so ever more rarely: a peer that is wrong once is wrong with every heartbeat.</summary>
    private void OnDisbelieved(Envelope message, long count)
    {
        if (BitOperations.IsPow2(count))
            logger.MessageDisbelieved(message.Partition.Value, message.Peer.Value, $"{message.Message}", count);
    }

    private static async Task EndAsync(Task[] loops)
    {
        await foreach (var ended in Task.WhenEach(loops).ConfigureAwait(false))
            await ended.ConfigureAwait(false);
    }

    private PartitionReplica? Find(PartitionId partition)
    {
        var replicas = _replicas;
        return (uint)partition.Value < (uint)replicas.Length ? replicas[partition.Value] : null;
    }

    private ReplicaLoop LoopOf(PartitionId partition) => _loops[partition.Value % _loops.Length];

    private PartitionReplica CreateReplica(ClusterView view, NodeId self, PartitionId partition)
    {
        var recovered = storage.Log.Recovered.GetValueOrDefault(partition);
        var core = new Replica(
            new ReplicaOptions
            {
                Partition = partition,
                Self = self,
                Voters = view.FoundersOf(partition),
                MaxUncommittedBytes = Math.Clamp(
                    UncommittedBytes / view.GroupCount, LeastUncommittedBytes, MostUncommittedBytes),
            },
            recovered?.Replica ?? RecoveredReplica.Empty,
            new Random(HashCode.Combine(self, partition, time.GetTimestamp())));
        var state = new KeyValueState(recovered?.State ?? StateImage.Empty);
        var markTicks = (long)Math.Ceiling(options.Value.CompareInterval / options.Value.Tick);
        var restTicks = (int)Math.Ceiling(ExpiryRest / options.Value.Tick);
        var firstStamp = Math.Max(1, (long)RandomIds.Number() & LastStamp);
        var history = partition.Value < view.Ring.PartitionCount
            ? new ChangeHistory(HistoryBudget, ChangeHistory.PositionOf(state.Image, core.LogStart))
            : null;
        var replica = new PartitionReplica(
            partition,
            core,
            state,
            core.LogStart,
            time,
            OnDisbelieved,
            markTicks,
            restTicks,
            firstStamp,
            history,
            Applied);
        replica.Follow(view.KeepersOf(partition), LostIn(view));
        return replica;
    }

    private static ImmutableArray<NodeId> LostIn(ClusterView view) => [.. view.Removed.Select(member => member.Id)];
}
