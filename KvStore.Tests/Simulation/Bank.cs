using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using KvStore.Core.Primitives;
using KvStore.Core.Replication;
using KvStore.Core.Ring;
using KvStore.Core.State;
using KvStore.Node.Replication;
using KvStore.Node.Transactions;

namespace KvStore.Tests.Simulation;

/// <summary>
/// Accounts in all groups, and tellers who move money between them and count how often they did; nothing is ever lost
/// or made, nobody ever sees half of a transfer, and what was told is true.
/// </summary>
internal sealed class Bank
{
    private const int AccountsPerGroup = 2;
    private const int Tellers = 3;
    private const long Capital = 100;
    private const long LongestLock = 10 * Swarm.Second;
    private readonly Simulator _world;
    private readonly Random _random;
    private readonly HashRing _ring;
    private readonly ImmutableArray<ReadOnlyMemory<byte>> _accounts;
    private readonly List<Teller> _tellers = [];
    private readonly Dictionary<RequestId, TransactionOutcome> _decided = [];
    private readonly HashSet<RequestId> _forgotten = [];
    private readonly HashSet<(PartitionId Group, RequestId Attempt)> _carriedOut = [];
    private ulong _lastId;

    public Bank(Simulator world, Random random)
    {
        (_world, _random) = (world, random);
        _ring = new HashRing([(new NodeId(1), "ring")], world.Swarm.GroupCount, 1);
        _accounts = [.. Enumerable.Range(0, world.Swarm.GroupCount * AccountsPerGroup)
            .Select(at => KeyIn(at % world.Swarm.GroupCount, "account", at))];
        for (var number = 0; number < Tellers; number++)
        {
            var counter = KeyIn(number % world.Swarm.GroupCount, "counter", number);
            _tellers.Add(new Teller(world, this, new Random(random.Next()), counter));
        }
    }

    /// <summary>How many transfers were told to be done.</summary>
    public long DoneCount => _tellers.Sum(teller => teller.Done);

    public bool IsStopped { get; private set; }

    public bool IsIdle => _tellers.TrueForAll(teller => teller.IsIdle);

    private long? HealedAt { get; set; }

    public void Start() => _tellers.ForEach(teller => teller.Begin());

    public void Stop() => IsStopped = true;

    /// <summary>Once all is healed, every teller makes a transfer that must be done.</summary>
    public void Verify()
    {
        HealedAt = _world.Queue.Now;
        _tellers.ForEach(teller => teller.BeginLast());
    }

    public RequestId NextId() => new(1, ++_lastId, RequestIdKind.Named);

    /// <summary>From one account to another, which may be in the same group; and the teller counts it.</summary>
    public TransactionPlan Transfer(ReadOnlyMemory<byte> counter)
    {
        var accounts = _random.GetItems([.. Enumerable.Range(0, _accounts.Length)], 1)[0];
        var other = (accounts + _random.Next(1, _accounts.Length)) % _accounts.Length;
        var amount = _random.Next(1, 10);
        return PlanOf(new Command.Transaction
        {
            Bucket = BucketId.Default,
            Then =
            [
                new Operation.Increment { Key = _accounts[accounts], By = -amount, Initial = Capital },
                new Operation.Increment { Key = counter, By = 1 },
                new Operation.Increment { Key = _accounts[other], By = amount, Initial = Capital },
            ],
        });
    }

    /// <summary>What all accounts hold, at one moment.</summary>
    public TransactionPlan Audit() => PlanOf(new Command.Transaction
    {
        Bucket = BucketId.Default,
        Then = [.. _accounts.Select(key => new Operation.Get { Key = key })],
    });

    public void Saw(TransactionResult.Done audit)
    {
        if (audit.IsReplay)
            return;    // the values are not remembered
        var sum = audit.Items.Sum(item => item.Status == WriteStatus.NotFound ? Capital : NumberOf(item.Entry!));
        Law.Holds(sum == Capital * _accounts.Length, $"All accounts together hold {sum}: half of a transfer is seen");
    }

    /// <summary>
    /// An entry has come to something, on whatever replica: what is decided stays so, and comes first. Who comes late,
    /// when it was carried out and is forgotten, is told that nothing is to be done.
    /// </summary>
    public void Applied(PartitionId group, LogEntry entry, WriteResult result)
    {
        switch (CommandFormat.Decode(entry.Payload))
        {
            case Command.Decide { RequestId: { } attempt } when !result.IsReplay:
                var decided = TransactionSettler.OutcomeOf(new WriteOutcome.Committed(result, 0, 0));
                Law.Holds(
                    _decided.TryAdd(attempt, decided!.Value) || _decided[attempt] == decided
                        || (decided == TransactionOutcome.Nothing && _forgotten.Contains(attempt)),
                    $"g{group}: {attempt} was decided for {_decided[attempt]}, and now for {decided}");
                break;
            case Command.Finish { RequestId: { } attempt, Outcome: var outcome }:
                var isDecided = _decided.TryGetValue(attempt, out var known) && known == outcome;
                if (isDecided)
                    _carriedOut.Add((group, attempt));
                var isLate = outcome == TransactionOutcome.Nothing && _carriedOut.Contains((group, attempt));
                Law.Holds(
                    isDecided || isLate,
                    $"g{group}: {attempt} is carried out as {outcome}, and was decided for {known}");
                break;
            case Command.Forget { RequestId: { } attempt }:
                _forgotten.Add(attempt);
                break;
        }
    }

    /// <summary>What is not settled yet; null: nothing is locked.</summary>
    public string? Unsettled(SimulatedReplica primary)
    {
        if (!primary.Image.HasOpenTransactions)
            return null;
        Law.Holds(
            HealedAt is not { } healed || _world.Queue.Now < healed + LongestLock,
            $"g{primary.Group}: a transaction is still open {LongestLock / Swarm.Second} s after all was healed");
        return "a transaction is open";
    }

    /// <summary>At the end nothing is lost or made, and each transfer was done that was told to be.</summary>
    public void Judge()
    {
        var sum = _accounts.Sum(key => Stored(key) ?? Capital);
        Law.Holds(sum == Capital * _accounts.Length, $"At the end all accounts together hold {sum}");
        foreach (var teller in _tellers)
        {
            var counted = Stored(teller.Counter) ?? 0;
            Law.Holds(
                counted >= teller.Done && counted <= teller.Done + teller.Unknown,
                $"{teller.Done} transfers were done and {teller.Unknown} may be; the store counted {counted}");
        }
    }

    private TransactionPlan PlanOf(Command.Transaction whole) => TransactionPlan.Of(whole, _ring);

    private long? Stored(ReadOnlyMemory<byte> key)
    {
        var group = _ring.PartitionOf(key.Span);
        var primary = _world.Present.Select(node => node.Replicas[group.Value])
            .Single(replica => replica.Core.Role == ReplicaRole.Primary);
        return primary.Image.Find(BucketId.Default, key.Span) is { } entry ? NumberOf(entry) : null;
    }

    private static long NumberOf(StoredEntry entry) =>
        long.Parse(Encoding.UTF8.GetString(entry.Value.Span), CultureInfo.InvariantCulture);

    private ReadOnlyMemory<byte> KeyIn(int group, string stem, int number) => Enumerable.Range(0, 1000)
        .Select(more => Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{stem}{number}.{more}")))
        .First(key => _ring.PartitionOf(key).Value == group);
}
