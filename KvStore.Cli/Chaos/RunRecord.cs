using KvStore.Cli.Chaos.Load;
using KvStore.Verification;

namespace KvStore.Cli.Chaos;

/// <summary>What happened in a run so far: the history by key, what each kind of fault cost, what was wrong.</summary>
internal sealed class RunRecord
{
    private readonly Dictionary<string, List<HistoryOperation>> _byKey = new(StringComparer.Ordinal);
    private readonly SortedDictionary<string, FaultCost> _costs = new(StringComparer.Ordinal);
    private readonly List<string> _violations = [];
    private int _races;
    private int _events;
    private int _streams;
    private int _gaps;

    public IReadOnlyCollection<string> Keys => _byKey.Keys;

    public IReadOnlyDictionary<string, FaultFigures> Faults =>
        _costs.ToDictionary(kind => kind.Key, kind => kind.Value.Figures);

    public IReadOnlyList<string> Violations => _violations;

    public int Rounds => _costs.Values.Sum(cost => cost.Rounds);

    public OutcomeCounts Counts => CountsOf(All);

    /// <summary>What the kinds of work came to.</summary>
    public LoadFigures Load
    {
        get
        {
            int Done(OperationKind kind) => All.Count(operation =>
                operation.Op == kind && operation.Result is OperationResult.Ok or OperationResult.Fail);
            return new LoadFigures(
                Done(OperationKind.Txn), Done(OperationKind.Increment), _races, _events, _streams, _gaps);
        }
    }

    private IEnumerable<HistoryOperation> All =>
        _byKey.SelectMany(key => key.Value.Where(operation => operation.Key == key.Key));

    public static OutcomeCounts CountsOf(IEnumerable<HistoryOperation> operations)
    {
        var all = operations.ToList();
        int With(OperationResult result) => all.Count(operation => operation.Result == result);
        return new OutcomeCounts(
            all.Count,
            With(OperationResult.Ok),
            With(OperationResult.Fail),
            With(OperationResult.Rejected),
            With(OperationResult.Unknown),
            all.Count(operation => operation.Op == OperationKind.GetEventual));
    }

    public void Violated(string what) => _violations.Add(what);

    /// <summary>Takes the operations in, and judges every key that they touch over its whole history.</summary>
    public void Judge(IReadOnlyCollection<HistoryOperation> operations)
    {
        foreach (var operation in operations)
        {
            foreach (var key in operation.Keys.Distinct(StringComparer.Ordinal))
            {
                if (!_byKey.TryGetValue(key, out var history))
                    _byKey[key] = history = [];
                history.Add(operation);
            }
        }

        var checker = new LinearizabilityChecker(hasUniqueEtags: true);
        foreach (var judgement in checker.JudgeEach(AllThatTouch(operations.SelectMany(operation => operation.Keys))))
        {
            if (judgement.Verdict != Verdict.Legal)
                Violated($"{judgement.Verdict}: {judgement.Why}");
        }
    }

    /// <summary>Takes in what was raced for and watched in a round, and judges what the watcher was told.</summary>
    public void Judge(RoundLog log, Watcher watcher)
    {
        var events = watcher.Events;
        _races += log.Races;
        _events += events.Count;
        _streams += watcher.Streams;
        _gaps += watcher.Gaps;
        foreach (var wrong in new WatchChecker(isWhole: watcher.Gaps == 0).Judge(log.Operations, events))
            Violated(wrong);
    }

    /// <summary>The operations on these keys, and on those that were touched together with them.</summary>
    private HashSet<HistoryOperation> AllThatTouch(IEnumerable<string> keys)
    {
        HashSet<HistoryOperation> all = new(ReferenceEqualityComparer.Instance);
        HashSet<string> seen = new(StringComparer.Ordinal);
        Stack<string> open = new(keys);
        while (open.TryPop(out var key))
        {
            if (!seen.Add(key))
                continue;
            foreach (var operation in _byKey[key].Where(all.Add).Where(operation => operation.Op == OperationKind.Txn))
            {
                foreach (var other in operation.Keys)
                    open.Push(other);
            }
        }

        return all;
    }

    /// <summary>The account of a kind of fault, or several joined by a plus.</summary>
    public FaultCost CostOf(string kinds)
    {
        if (!_costs.TryGetValue(kinds, out var cost))
            _costs[kinds] = cost = new FaultCost();
        return cost;
    }
}
