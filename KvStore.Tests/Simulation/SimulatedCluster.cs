using KvStore.Core.Primitives;
using KvStore.Core.State;
using KvStore.Node.Replication;

namespace KvStore.Tests.Simulation;

/// <summary>
/// All groups as one process reaches them: it asks its own replica and then whoever may be primary, again and again
/// until the deadline. What waits for an answer goes on inside the event that brings it, so all stays in one thread.
/// </summary>
internal sealed class SimulatedCluster(SimulatedNode node, Random random) : IClusterPartitions
{
    private const long Pause = 30 * Swarm.Millisecond;
    private const long LockedPause = 250 * Swarm.Millisecond;
    private readonly int _thread = Environment.CurrentManagedThreadId;

    public async ValueTask<WriteOutcome> WriteAsync(
        PartitionId partition, Command command, CancellationToken deadline)
    {
        var (target, mayBeApplied) = (node.Id, false);
        WriteOutcome last = new WriteOutcome.NotPrimary(NodeId.None);
        while (!deadline.IsCancellationRequested)
        {
            Law.Holds(_thread == Environment.CurrentManagedThreadId, $"A step of a transaction left the simulation");
            switch (await AskAsync(target, new Request(partition, default, command), deadline).ConfigureAwait(false))
            {
                case Reply.Written { Result: { Status: WriteStatus.Locked } locked }:
                    last = new WriteOutcome.Committed(locked, Copies: 0, Voters: 0);
                    await PauseAsync(LockedPause).ConfigureAwait(false);
                    break;
                case Reply.Written { Result: var result }:
                    return new WriteOutcome.Committed(result, Copies: 0, Voters: 0);
                case Reply.Rejected { Hint: var hint }:
                    target = hint != NodeId.None ? hint : AnyNode();
                    break;
                default:
                    mayBeApplied = true;
                    target = AnyNode();
                    break;
            }

            await PauseAsync(Pause).ConfigureAwait(false);
        }

        return mayBeApplied ? new WriteOutcome.Indeterminate() : last;
    }

    public ValueTask<EntriesOutcome> ReadAsync(
        PartitionId partition, EntriesQuery query, CancellationToken deadline) =>
        throw new NotSupportedException("Transactions read by their commands.");

    public ValueTask<KeysOutcome> ReadKeysAsync(
        PartitionId partition, KeysQuery query, CancellationToken deadline) =>
        throw new NotSupportedException("Transactions read by their commands.");

    private NodeId AnyNode() => random.GetItems([.. node.World.Present], 1)[0].Id;

    private Task<Reply> AskAsync(NodeId target, Request request, CancellationToken deadline)
    {
        TaskCompletionSource<Reply> answer = new();
        var take = node.InThisLife<Reply>(reply => node.Schedule(0, () => answer.TrySetResult(reply)));
        deadline.Register(() => answer.TrySetResult(new Reply.Unknown()));
        node.Schedule(
            random.NextInt64(200, 800) * Swarm.Millisecond, () => answer.TrySetResult(new Reply.Unknown()));
        if (target == node.Id)
        {
            node.Schedule(0, () => node.Serve(request, take));
            return answer.Task;
        }

        var (network, peer) = (node.World.Network, node.World.Node(target));
        network.Send(node.Id, target, () => peer.Serve(
            request, reply => network.Send(target, node.Id, () => take(reply))));
        return answer.Task;
    }

    private Task PauseAsync(long longest)
    {
        TaskCompletionSource over = new();
        node.Schedule(random.NextInt64(longest / 2, longest), over.SetResult);
        return over.Task;
    }
}
