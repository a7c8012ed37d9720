using System.Collections.Immutable;

namespace KvStore.Verification;

/// <summary>
/// The history of keys that are judged together, made ready for the search: answered operations and unanswered writes
/// apart, each in order of their calls, texts replaced by ids.
/// </summary>
internal sealed class ComponentHistory
{
    private readonly Dictionary<string, (int Place, KeyTexts Texts)> _keys = new(StringComparer.Ordinal);
    private readonly bool _hasUniqueEtags;

    public ComponentHistory(HistoryOperation[] operations, bool hasUniqueEtags)
    {
        _hasUniqueEtags = hasUniqueEtags;
        foreach (var operation in operations)
        {
            foreach (var step in operation.If ?? [])
                KeyOf(step).Texts.Notice(step, operation.Result);
            foreach (var step in StepsOf(operation))
                KeyOf(step).Texts.Notice(step, operation.Result);
        }

        var byCall = operations.OrderBy(operation => operation.CallNs).ToArray();
        AnsweredSource = [.. byCall.Where(operation => operation.Result != OperationResult.Unknown)];
        var unanswered = byCall.Where(operation => operation.Result == OperationResult.Unknown).ToArray();
        Answered = [.. AnsweredSource.Select(Translate)];
        Calls = [.. AnsweredSource.Select(operation => operation.CallNs)];
        Returns = [.. AnsweredSource.Select(operation => operation.ReturnNs)];
        Unanswered = [.. unanswered.Select(Translate)];
        UnansweredCalls = [.. unanswered.Select(operation => operation.CallNs)];
        TwinOf = [.. Unanswered.Select((operation, at) => Array.FindLastIndex(Unanswered[..at], operation.IsTwinOf))];
    }

    public HistoryOperation[] AnsweredSource { get; }

    public JudgedOperation[] Answered { get; }

    public long[] Calls { get; }

    public long[] Returns { get; }

    public JudgedOperation[] Unanswered { get; }

    public long[] UnansweredCalls { get; }

    /// <summary>
    /// The latest earlier unanswered write with the same effect, or -1: of twins the one called first may always go
    /// first, so the search need not try the others.
    /// </summary>
    public int[] TwinOf { get; }

    public int KeyCount => _keys.Count;

    private static IEnumerable<OperationStep> StepsOf(HistoryOperation operation)
    {
        if (operation is { Op: OperationKind.Txn, Result: OperationResult.Unknown })
            return (operation.Ops ?? []).Concat(operation.Else ?? []).Where(step => step.IsWrite);
        return ToldSteps.Of(operation);
    }

    private (int Place, KeyTexts Texts) KeyOf(OperationStep step)
    {
        if (!_keys.TryGetValue(step.Key, out var key))
            _keys.Add(step.Key, key = (_keys.Count, new KeyTexts(_hasUniqueEtags)));
        return key;
    }

    private JudgedOperation Translate(HistoryOperation operation)
    {
        if (operation is { Result: OperationResult.Fail, IsConditional: false, Op: not OperationKind.Txn }
            or { Result: OperationResult.Fail, Op: OperationKind.Txn, If: null or [] })
        {
            throw new InvalidDataException(
                $"A call without a condition cannot fail one: {HistoryFormat.LineOf(operation)}");
        }

        var isUnknown = operation.Result == OperationResult.Unknown;
        var isTransaction = operation.Op == OperationKind.Txn;
        var (isThen, isElse) = isTransaction
            ? (isUnknown || operation.Succeeded == true, isUnknown || operation.Succeeded != true)
            : (true, false);
        return new JudgedOperation
        {
            If = [.. (operation.If ?? []).Select(step => new JudgedStep(
                KeyOf(step).Place, KeyOf(step).Texts.TranslateComparison(step)))],
            Then = isThen ? Branch(operation, isTransaction ? operation.Ops : [operation.Step]) : null,
            Else = isElse ? Branch(operation, operation.Else) : null,
        };
    }

    /// <summary>What was never told to anybody need not have been read.</summary>
    private ImmutableArray<JudgedStep> Branch(HistoryOperation operation, IReadOnlyList<OperationStep>? steps) =>
    [
        .. (steps ?? []).Where(step => step.IsWrite || operation.Result != OperationResult.Unknown)
            .Select(step => new JudgedStep(KeyOf(step).Place, KeyOf(step).Texts.Translate(step, operation.Result))),
    ];
}
