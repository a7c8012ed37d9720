using KvStore.Core.Replication;
using KvStore.Core.State;
using KvStore.Node.Transactions;

namespace KvStore.Tests.Simulation;

/// <summary>
/// What one process does for transactions, by the product's own code: it carries out those that it is asked for, and
/// settles what is left open in the groups that it is primary of. A crash ends it between any two steps.
/// </summary>
internal sealed class SimulatedDeals
{
    private const long SettleInterval = Swarm.Second;
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(10);
    private readonly SimulatedNode _node;
    private readonly ClusterTransactions _transactions;
    private readonly OpenAttempts _attempts;

    public SimulatedDeals(SimulatedNode node)
    {
        SimulatedCluster cluster = new(node, new Random(node.World.Chance.Next()));
        TransactionSettler settler = new(cluster, node.Time);
        _node = node;
        _transactions = new ClusterTransactions(cluster, settler, node.Time, node.World.NextAttempt);
        _attempts = new OpenAttempts(settler, node.Time);
        node.Schedule(SettleInterval, Settle);
    }

    public void Run(TransactionPlan plan, RequestId client, Action<TransactionResult> reply)
    {
        _ = FollowAsync(async () =>
        {
            using CancellationTokenSource deadline = new(Deadline, _node.Time);
            reply(await _transactions.RunAsync(plan, client, deadline.Token).ConfigureAwait(false));
        });
    }

    private void Settle() => _ = FollowAsync(async () =>
    {
        var led = _node.Replicas
            .Where(replica => replica.Core.Role == ReplicaRole.Primary)
            .Select(replica => (replica.Group, replica.Image));
        await _attempts.SettleAsync(led, (_, _, _) => { }, CancellationToken.None).ConfigureAwait(false);
        _node.Schedule(SettleInterval, Settle);
    });

    private async Task FollowAsync(Func<Task> act)
    {
        try
        {
            await act().ConfigureAwait(false);
        }
        catch (Exception failure)
        {
            _node.World.Queue.Fail(failure);
        }
    }
}
