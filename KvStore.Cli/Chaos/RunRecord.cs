using KvStore.Verification;

namespace KvStore.Cli.Chaos;

/// <summary>What happened in a run so far: the history by key, what each kind of fault cost, what was wrong.</summary>
internal sealed class RunRecord
{
    private readonly Dictionary<string, List<HistoryOperation>> _byKey = new(StringComparer.Ordinal);
    private readonly SortedDictionary<string, FaultCost> _costs = new(StringComparer.Ordinal);
    private readonly List<string> _violations = [];

    public IReadOnlyCollection<string> Keys => _byKey.Keys;

    public IReadOnlyDictionary<string, FaultFigures> Faults =>
        _costs.ToDictionary(kind => kind.Key, kind => kind.Value.Figures);

    public IReadOnlyList<string> Violations => _violations;

    public int Rounds => _costs.Values.Sum(cost => cost.Rounds);

    public OutcomeCounts Counts => CountsOf(_byKey.Values.SelectMany(operations => operations));

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
            if (!_byKey.TryGetValue(operation.Key, out var history))
                _byKey[operation.Key] = history = [];
            history.Add(operation);
        }

        var checker = new LinearizabilityChecker(hasUniqueEtags: true);
        foreach (var key in operations.Select(operation => operation.Key).Distinct(StringComparer.Ordinal))
        {
            var judgement = checker.Judge(_byKey[key]);
            if (judgement.Verdict != Verdict.Legal)
                Violated($"{judgement.Verdict}: {judgement.Why}");
        }
    }

    /// <summary>The account of a kind of fault, or several joined by a plus.</summary>
    public FaultCost CostOf(string kinds)
    {
        if (!_costs.TryGetValue(kinds, out var cost))
            _costs[kinds] = cost = new FaultCost();
        return cost;
    }
}
