using KvStore.Core.Primitives;
using KvStore.Core.State;
using KvStore.Node.Replication;
using KvStore.Node.Transactions;

namespace KvStore.Tests.Simulation;

/// <summary>
/// A client of transactions: one after the other, each asked of one node after the other under one request id, also
/// while an earlier node may still be at it.
/// </summary>
internal sealed class Teller(Simulator world, Bank bank, Random random, ReadOnlyMemory<byte> counter)
{
    private const long Deadline = 4 * Swarm.Second;
    private TransactionPlan? _plan;
    private RequestId _id;
    private bool _isTransfer;
    private bool _isLast;
    private long _until;
    private int _unanswered;
    private int _attempt;

    public ReadOnlyMemory<byte> Counter => counter;

    /// <summary>Transfers that were told to be done.</summary>
    public long Done { get; private set; }

    /// <summary>Transfers that may be done.</summary>
    public long Unknown { get; private set; }

    public bool IsIdle => _plan is null;

    /// <summary>One more, whatever it takes; if one is under way, after that.</summary>
    public void BeginLast()
    {
        _isLast = true;
        if (IsIdle)
            Begin();
    }

    public void Begin()
    {
        if (bank.IsStopped && !_isLast)
            return;
        _isTransfer = _isLast || random.Next(4) != 0;
        _plan = _isTransfer ? bank.Transfer(counter) : bank.Audit();
        _id = bank.NextId();
        _until = world.Queue.Now + (_isLast ? long.MaxValue / 2 : Deadline);
        _isLast = false;
        _unanswered = 0;
        Attempt();
    }

    private void Attempt()
    {
        var (plan, id, attempt) = (_plan!, _id, ++_attempt);
        var node = random.GetItems([.. world.Present], 1)[0];
        _unanswered++;
        world.Network.Send(NodeId.None, node.Id, () => node.Transact(plan, id, result =>
            world.Network.Send(node.Id, NodeId.None, () =>
            {
                if (id == _id && _plan is not null)
                    OnResult(attempt, result);
            })));
        world.Queue.Schedule(random.NextInt64(300, 2500) * Swarm.Millisecond, () => AskAgain(attempt));
    }

    private void AskAgain(int attempt)
    {
        if (attempt != _attempt || _plan is null)
            return;
        if (world.Queue.Now < _until)
            Attempt();
        else
            End(isDone: false, mayBeDone: _unanswered > 0);
    }

    private void OnResult(int attempt, TransactionResult result)
    {
        switch (result)
        {
            case TransactionResult.Done done:
                if (!_isTransfer)
                    bank.Saw(done);
                End(isDone: true, mayBeDone: false);
                break;
            case TransactionResult.Refused { Outcome: var outcome }:
                Law.Holds(
                    outcome is not WriteOutcome.Committed { Result.Status: WriteStatus.RequestIdReused },
                    $"The id of a transaction was taken for another's: {_id}");
                _unanswered--;
                AskSoon(attempt);
                break;
            case TransactionResult.Unknown:
                AskSoon(attempt);
                break;
            default:
                Law.Holds(false, $"A transaction without conditions came to {result}");
                break;
        }
    }

    private void AskSoon(int attempt) =>
        world.Queue.Schedule(random.NextInt64(1, 50) * Swarm.Millisecond, () => AskAgain(attempt));

    private void End(bool isDone, bool mayBeDone)
    {
        _plan = null;
        if (_isTransfer)
            (Done, Unknown) = (Done + (isDone ? 1 : 0), Unknown + (mayBeDone ? 1 : 0));
        world.Queue.Schedule(random.NextInt64(1, 400) * Swarm.Millisecond, () =>
        {
            if (IsIdle)
                Begin();
        });
    }
}
